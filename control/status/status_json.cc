#include "control/status/status_json.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "control/status/bond_json.h"
#include "control/status/cap_json.h"
#include "control/status/drops_json.h"
#include "control/status/key_json.h"
#include "control/status/lan_json.h"
#include "control/status/link_json.h"
#include "control/status/names_json.h"
#include "control/status/status_version.h"
#include "control/status/tunnel_json.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/drop.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;
using wire::Drop;
using wire::Duration;
using wire::Instant;
using Totals = DropTotals;

std::string Text(absl::string_view text) { return std::string(text); }

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Json Milliseconds(std::optional<Duration> duration) {
  if (!duration.has_value()) return nullptr;
  return std::chrono::duration<double, std::milli>(*duration).count();
}

Json NodeJson(const NodeView& view) {
  const std::optional<wire::Polling>& polling = view.config.node.polling;
  return {{"public_key", view.protocol.public_key().ToBase64()},
          {"old_keys", OwnOldKeysJson(view)},
          {"version", WARP_VERSION},
          {"uptime_s", Seconds(view.now - view.started)},
          {"listen_port", view.config.node.listen_port},
          {"engine", Text(view.dataplane.engine_name())},
          {"engine_reason", Text(view.dataplane.engine_reason())},
          {"polling", polling ? Text(wire::WordOf(wire::kPollingWords, *polling)) : "auto"},
          {"loop", Text(view.loop)},
          {"workers", view.dataplane.workers()},
          {"icmp_errors", view.icmp.errors},
          {"icmp_floods", view.icmp.floods},
          {"discovery", LanJson(view.lan)},
          {"events", view.events},
          {"hooks_missed", view.hooks_missed},
          {"state", view.stopping ? "draining" : "running"}};
}

// The cost of each stage is the mean of the turns that the worker measured, one of many.
Json WorkerJson(const NodeView& view, wire::WorkerId id) {
  const lcore::WorkerStatus status = view.dataplane.Status(id);
  Json stages = Json::object();
  for (size_t i = 0; i < lcore::kStageCount; ++i) {
    const auto& [packets, cycles] = status.stages[i];
    if (packets == 0) continue;
    stages[Text(lcore::kStageNames[i])] = {
        {"cycles_per_packet", static_cast<double>(cycles) / static_cast<double>(packets)},
        {"measured_packets", packets}};
  }
  return {{"id", id},
          {"cpu", status.cpu < 0 ? Json(nullptr) : Json(status.cpu)},
          {"asleep", view.dataplane.IsAsleep(id)},
          {"busy", status.busy},
          {"stages", std::move(stages)}};
}

Json Rate(uint64_t rate) { return rate == 0 ? Json(nullptr) : Json(rate); }

Instant PortSince(const NodeView& view, const std::string& port) {
  return view.port_since ? view.port_since(port) : view.started;
}

Json PortJson(const NodeView& view, const PortTable::Port& port) {
  const bool open = port.id.has_value();
  Json json = {{"name", port.config.name},
               {"driver", Text(wire::DriverWord(open ? port.info.device : port.config.device))},
               {"driver_reason", open ? port.info.driver_reason : ""},
               {"device", wire::DeviceText(port.config.device)},
               {"vlan", port.config.vlan ? Json(*port.config.vlan) : Json(nullptr)},
               {"kernel_interface", port.config.kernel_side()},
               {"pattern", port.made ? Json(port.config.group) : Json(nullptr)},
               {"tier", port.config.tier},
               {"rate", {{"up", Rate(port.config.rate.up)}}},
               {"cap", CapJson(view.caps, port.config.name)},
               {"state", Text(port.state())},
               {"reason", view.links.ReasonOf(port)},
               {"since_s", Seconds(view.now - PortSince(view, port.config.name))}};
  json["stream"] = CarrierJson(view.carrier ? view.carrier(port.config.name) : nullptr);
  json["addresses"] = Json::array();
  for (const wire::IpAddress& address : port.kernel.addresses) {
    json["addresses"].push_back(address.ToString());
  }
  json["nat64"] = TranslationJson(view.links.TranslationOf(port));
  if (!open) return json;
  if (!view.links.health().alive(port.info.worker)) json["state"] = "stale";
  const lcore::PortCounters counters = view.dataplane.Counters(*port.id);
  json.update({{"mac", port.info.has_link_layer ? Json(port.info.mac.ToString()) : Json(nullptr)},
               {"mtu", std::min<uint32_t>(port.info.mtu, port.kernel.mtu)},
               {"worker", port.info.worker},
               {"segmentation", view.dataplane.Segmentation(*port.id)},
               {"rx_packets", counters.rx_packets},
               {"rx_bytes", counters.rx_bytes},
               {"rx_missed", counters.rx_missed},
               {"tx_packets", counters.tx_packets},
               {"tx_bytes", counters.tx_bytes},
               {"tx_dropped", counters.tx_dropped},
               {"icmp_errors", port.icmp.errors},
               {"icmp_floods", port.icmp.floods},
               {"drops", DropsJson([&](Drop drop) {
                  return view.dataplane.PortDrops(*port.id, drop) + port.drops.Get(drop);
                })}});
  return json;
}

Json PatternsJson(const NodeView& view) {
  Json patterns = Json::array();
  for (const config::PortPatterns::Entry& entry : view.links.ports().patterns().entries()) {
    patterns.push_back({{"name", entry.pattern->name},
                        {"interface", entry.pattern->kernel_side()},
                        {"except", entry.pattern->except},
                        {"ports", entry.interfaces},
                        {"without_port", entry.left_out.size()},
                        {"reason", config::LeftOutText(entry)}});
  }
  return patterns;
}

std::string PortName(const NodeView& view, wire::PortId id) {
  const PortTable::Port* port = view.links.ports().Find(id);
  return port == nullptr ? "" : port->config.name;
}

// What is in the way of everything that leaves comes before what came of it.
std::string ReasonOf(const protocol::PathStatus& path, const NextHop* next_hop) {
  const bool blocked = next_hop != nullptr && !next_hop->reachable() && !next_hop->reason.empty();
  return blocked ? next_hop->reason : Text(path.reason);
}

// The address that a path leaves from; null where it is not known.
Json SourceOf(const protocol::PathStatus& path, const NextHop* next_hop) {
  const wire::IpAddress source = next_hop != nullptr ? next_hop->source : path.local;
  return source.is_unspecified() ? Json(nullptr) : Json(source.ToString());
}

// Payloads alone: the workers count control messages too, which say nothing of what applications get.
uint64_t FirstOf(const lcore::PathCounters& counters, const protocol::PathStatus& path) {
  const uint64_t all = counters.rx_first.Get();
  return all - std::min(all, path.control);
}

Json PathJson(const NodeView& view, wire::PeerId peer, const protocol::PathStatus& path,
              uint64_t peer_first) {
  static const lcore::PathCounters kNone;
  const lcore::PathCounters* known = view.links.forwarding().Counters(path.id);
  const lcore::PathCounters& counters = known != nullptr ? *known : kNone;
  const uint64_t first = FirstOf(counters, path);
  const uint64_t skews = counters.skew.samples();
  const NextHop* const next_hop = view.links.NextHopOf(path);
  return {
      {"id", path.id},
      {"port", PortName(view, path.port)},
      {"endpoint", path.remote.ToString()},
      {"source", SourceOf(path, next_hop)},
      {"state", Text(protocol::PathStateName(path.state))},
      {"reason", ReasonOf(path, next_hop)},
      {"since_s", Seconds(view.now - path.since)},
      {"carries", path.carries},
      {"relayed", path.relayed},
      {"mtu", path.size},
      {"mtu_proven", path.size_proven},
      {"black_hole", path.black_hole},
      {"silence_s", Seconds(path.silence)},
      {"rtt_ms", Milliseconds(path.rtt)},
      {"least_rtt_ms", Milliseconds(path.least_rtt)},
      {"jitter_ms", Milliseconds(path.jitter)},
      {"loss", path.loss},
      {"first", first},
      {"first_share", peer_first == 0 ? 0.0 : static_cast<double>(first) / peer_first},
      {"duplicates", counters.rx_duplicate.Get()},
      {"skew_ms", skews == 0 ? Json(nullptr) : Json(counters.skew_total_ns.Get() / 1e6 / skews)},
      {"rx_bytes", counters.rx_bytes.Get()},
      {"tx_packets", counters.tx_copies.Get()},
      {"tx_bytes", counters.tx_bytes.Get()},
      {"tx_dropped", counters.tx_dropped.Get()},
      {"bond", BondPathJson(view.traffic.BondOf(peer), view.now, path.id)}};
}

Json PeerJson(const NodeView& view, const protocol::PeerStatus& peer) {
  Json session = nullptr;
  if (peer.session != nullptr) {
    session = {{"cipher", Text(wire::CipherName(peer.session->cipher()))},
               {"age_s", Seconds(view.now - peer.established)},
               {"initiator", peer.session->initiator()},
               {"sent", peer.session->sent()},
               {"own_key", peer.session_own.ToBase64()},
               {"peer_key", peer.session_remote.ToBase64()}};
  }
  uint64_t first = 0;
  for (const protocol::PathStatus& path : peer.paths) {
    const lcore::PathCounters* counters = view.links.forwarding().Counters(path.id);
    if (counters != nullptr) first += FirstOf(*counters, path);
  }
  Json paths = Json::array();
  for (const protocol::PathStatus& path : peer.paths) {
    paths.push_back(PathJson(view, peer.id, path, first));
  }
  static const verdict::LinkBook kNoLinks{};
  const auto& links = (view.link_book != nullptr ? *view.link_book : kNoLinks).Of(peer.id);
  Json twins = Json::array();
  if (view.now - peer.twins_seen <= protocol::TwinWatch::kMemory) {
    for (const wire::IpAddress& twin : peer.twins) twins.push_back(twin.ToString());
  }
  return {{"name", peer.name},
          {"public_key", peer.public_key.ToBase64()},
          {"old_keys", OldKeysJson(view, peer.old_keys)},
          {"old_preshared_key_ends_in_s", peer.old_psk_ends == wire::kNever
                                              ? Json(nullptr)
                                              : Json(Seconds(peer.old_psk_ends - view.now))},
          {"key_used_by", std::move(twins)},
          {"state", peer.connected ? "connected" : "connecting"},
          {"reason", Text(peer.reason)},
          {"since_s", Seconds(view.now - peer.since)},
          {"session", std::move(session)},
          {"names", NamesJson(view.names, peer.public_key, view.now)},
          {"copies", CopiesOf(links)},
          {"links", LinksJson(links)},
          {"paths", std::move(paths)},
          {"paths_without_room", peer.paths_without_room}};
}

Json MapJson(const NodeView& view, const protocol::MapStatus& map) {
  Json registrations = Json::array();
  for (const protocol::MapRegistration& registration : map.registrations) {
    registrations.push_back({{"port", PortName(view, registration.port)},
                             {"endpoint", registration.endpoint.ToString()}});
  }
  return {{"address", AddressOf(view, map)},
          {"public_key", map.public_key.ToBase64()},
          {"state", map.state},
          {"reason", map.reason},
          {"serving", map.serving ? Json(map.serving->ToString()) : Json(nullptr)},
          {"names", NamesJson(view.names, map.public_key, view.now)},
          {"registrations", std::move(registrations)}};
}

// What is not a tunnel's.
void AddNodeDrops(const NodeView& view, Totals& totals) {
  for (size_t i = 0; i < totals.size(); ++i) {
    const auto drop = static_cast<Drop>(i);
    totals[i] += view.protocol.drops(drop) + view.dataplane.Drops(drop) +
                 view.links.transmitter().drops().Get(drop) +
                 view.traffic.inbound().drops().Get(drop) + view.traffic.gone_drops(drop);
    for (const auto& port : view.links.ports().ports()) totals[i] += port->drops.Get(drop);
  }
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The members of an object before its list of peers, which is open at the end of this.
std::string HeadText(const NodeView& view) {
  Json status = {{"version", kStatusVersion}, {"node", NodeJson(view)}};
  Json& workers = status["workers"] = Json::array();
  for (wire::WorkerId id = 0; id < view.dataplane.workers(); ++id) {
    workers.push_back(WorkerJson(view, id));
  }
  Json& ports = status["ports"] = Json::array();
  for (const auto& port : view.links.ports().ports()) ports.push_back(PortJson(view, *port));
  status["patterns"] = PatternsJson(view);
  Json& maps = status["maps"] = Json::array();
  for (const auto& map : view.maps) {
    if (!IsOfOldKey(view, map)) maps.push_back(MapJson(view, map));
  }
  std::string text = Dump(status);
  text.pop_back();
  return text + ",\"peers\":[";
}

// Further items of a list.
std::string ItemsText(const Json& items, bool& has_items) {
  std::string text;
  for (const Json& item : items) {
    if (std::exchange(has_items, true)) text += ',';
    text += Dump(item);
  }
  return text;
}

}  // namespace

std::string NodeStatusText::Next() {
  std::string part;
  while (part.empty() && stage_ != Stage::kEnd) part = NextPart(view_());
  return part;
}

std::string NodeStatusText::NextPart(const NodeView& view) {
  Json items = Json::array();
  switch (stage_) {
    case Stage::kHead:
      stage_ = Stage::kPeers;
      return HeadText(view);
    case Stage::kPeers: {
      for (const auto& peer : view.peers(next_, kPeersPerPart)) {
        items.push_back(PeerJson(view, peer));
      }
      next_ += kPeersPerPart;
      const std::string text = ItemsText(items, has_items_);
      if (next_ < view.peer_count) return text;
      stage_ = Stage::kTunnels;
      next_ = 0;
      has_items_ = false;
      return text + "],\"tunnels\":[";
    }
    case Stage::kTunnels: {
      const auto& tunnels = view.traffic.tunnels();
      const size_t end = std::min(next_ + kTunnelsPerPart, tunnels.size());
      for (; next_ < end; ++next_) {
        items.push_back(TunnelJson(*tunnels[next_], tunnel_drops_));
      }
      const std::string text = ItemsText(items, has_items_);
      if (next_ < tunnels.size()) return text;
      stage_ = Stage::kDrops;
      return text + "],\"drops\":";
    }
    case Stage::kDrops: {
      stage_ = Stage::kEnd;
      Totals drops = tunnel_drops_;
      AddNodeDrops(view, drops);
      return Dump(DropsJson([&](Drop drop) { return drops[static_cast<size_t>(drop)]; })) + "}\n";
    }
    case Stage::kEnd:
      break;
  }
  return "";
}

}  // namespace warp::control
