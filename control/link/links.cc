#include "control/link/links.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <optional>
#include <utility>

#include "control/config/payer.h"

namespace warp::control {
namespace {

bool HasV4(const PortTable::Port& port) {
  const std::vector<wire::IpAddress>& addresses = port.kernel.addresses;
  return std::any_of(addresses.begin(), addresses.end(),
                     [](const wire::IpAddress& one) { return one.is_v4(); });
}

}  // namespace

Links::Links(const Context& context, std::function<void(const Published&)> on_published)
    : context_(context),
      on_published_(std::move(on_published)),
      forwarding_(context.config.node.listen_port, context.config.node.max_ports),
      health_(context.dataplane),
      next_hops_(context.netlink,
                 [this](wire::PortId port, const Flow& flow) { OnNextHopChanged(port, flow); }),
      transmitter_(context.dataplane, next_hops_),
      ports_(context.loop, context.netlink, context.dataplane, context.config, *this) {}

absl::Status Links::OpenPorts() { return ports_.OpenAll(); }

// --- Ports. ---

void Links::OnPortChanged(wire::PortId id) {
  const PortTable::Port* port = ports_.Find(id);
  if (port == nullptr) return;
  TellPort(id, *port);
  if (port->kernel.up() || !said_[id].state.empty()) TellState(*port);
}

void Links::TellState(const PortTable::Port& port) {
  Said& said = said_[*port.id];
  if (said.state == port.state()) return;
  said.state = port.state();
  Raise(said.state == "up" ? EventKind::kPortUp : EventKind::kPortDown, port, ReasonOf(port));
}

void Links::Raise(EventKind kind, const PortTable::Port& port, std::string reason) {
  if (!context_.raise) return;
  context_.raise({.kind = kind, .port = port.config.name, .reason = std::move(reason)});
}

std::string Links::ReasonOf(const PortTable::Port& port) const {
  if (!port.id.has_value() || !port.reason.empty()) return port.reason;
  const std::string interface = "interface " + port.config.kernel_side();
  if (!health_.alive(port.info.worker)) return "its worker does not answer";
  if (!port.link && port.config.is_carried()) return port.not_carried;
  if (!port.kernel.admin_up) return interface + " is down";
  if (!port.kernel.carrier) return interface + " has no link";
  if (!port.kernel.addresses.empty()) return ports_.Narrow(port);
  if (port.kernel.link_locals.empty()) return interface + " has no usable address";
  return interface + " has no usable address but link-local ones, which reach its own link alone";
}

void Links::TellPort(wire::PortId id, const PortTable::Port& port) {
  FollowPrefix(id, port);
  const std::optional<wire::Nat64Prefix> nat64 = Nat64Of(port);
  transmitter_.SetPort(id, {.outlet = port.outlet(),
                            .mac = port.info.mac,
                            .listen_port = context_.config.node.listen_port,
                            .nat64 = nat64});
  const auto mtu = static_cast<uint16_t>(std::min<uint32_t>(port.info.mtu, port.kernel.mtu));
  context_.dataplane.SetPortMtu(id, mtu);
  cap::PortTerms terms = context_.terms(port.config);
  // It goes a longer way, and TCP repeats what is late already.
  if (port.config.is_carried()) terms.use = std::max(terms.use, protocol::PortUse::kLastResort);
  context_.protocol.SetPort(context_.loop.now(), id,
                            {.up = port.kernel.up(),
                             .addresses = port.kernel.addresses,
                             .broadcasts = port.kernel.broadcasts,
                             .mtu = mtu,
                             .link_locals = port.kernel.link_locals,
                             .down = terms.rate.down,
                             .number = context_.config.NumberOf(port.config),
                             .use = terms.use,
                             .only = port.only,
                             .nat64 = nat64});
  forwarding_.PortsChanged();
  changed_ = true;
}

// --- Networks that translate. ---

std::optional<SourcedPrefix> Links::TranslationOf(const PortTable::Port& port) const {
  if (port.kernel.addresses.empty() || HasV4(port)) return std::nullopt;
  if (port.config.nat64.prefix)
    return SourcedPrefix{*port.config.nat64.prefix, PrefixSource::kConfig};
  if (!port.config.nat64.finds_out) return std::nullopt;
  const auto search = port.id ? searches_.find(*port.id) : searches_.end();
  return search == searches_.end() ? PrefixFinder().chosen() : search->second.finder.chosen();
}

std::optional<wire::Nat64Prefix> Links::Nat64Of(const PortTable::Port& port) const {
  const std::optional<SourcedPrefix> translation = TranslationOf(port);
  return translation ? std::optional(translation->prefix) : std::nullopt;
}

void Links::FollowPrefix(wire::PortId id, const PortTable::Port& port) {
  if (!port.config.nat64.finds_out || port.config.is_carried() || HasV4(port)) {
    searches_.erase(id);
    return;
  }
  const auto search = searches_.find(id);
  if (!port.kernel.up()) {
    if (search == searches_.end()) return;
    search->second.name.reset();
    search->second.finder.Forget();
    return;
  }
  if (port.kernel.addresses.empty()) return;
  PrefixSearch& of_port = searches_[id];
  if (of_port.finder.advertised() != port.kernel.translating) {
    of_port.finder.SetAdvertised(context_.loop.now(), port.kernel.translating,
                                 context_.protocol.HearsByTranslation(id));
  }
  if (of_port.name != nullptr || context_.resolver == nullptr) return;
  of_port.name =
      context_.resolver->WatchPrefixes(port.config.kernel_side(), [this, id](const auto& found) {
        if (!found.ok()) return;
        ChangePrefix(id, [&](PrefixFinder& finder) {
          finder.SetFound(context_.loop.now(), *found, context_.protocol.HearsByTranslation(id));
        });
      });
}

void Links::ChangePrefix(wire::PortId id, FinderChange change) {
  const auto search = searches_.find(id);
  if (search == searches_.end()) return;
  const SourcedPrefix before = search->second.finder.chosen();
  change(search->second.finder);
  if (search->second.finder.chosen().prefix == before.prefix) return;
  const PortTable::Port* const port = ports_.Find(id);
  if (port != nullptr) TellPort(id, *port);
}

void Links::TermsChanged(const config::PortConfig& config) {
  for (const std::unique_ptr<PortTable::Port>& port : ports_.ports()) {
    if (config::PayerOf(port->config) == config.name && port->id.has_value())
      TellPort(*port->id, *port);
  }
}

std::optional<uint64_t> Links::BytesOf(const config::PortConfig& config) const {
  for (const std::unique_ptr<PortTable::Port>& port : ports_.ports()) {
    if (port->config.name != config.name || !port->id.has_value()) continue;
    const lcore::PortCounters counters = context_.dataplane.Counters(*port->id);
    return counters.rx_bytes + counters.tx_bytes;
  }
  return std::nullopt;
}

void Links::BeforePortCloses(const PortTable::Port& port) {
  Raise(EventKind::kPortLost, port, port.reason);
  said_.erase(*port.id);
  if (context_.closing) context_.closing(port.config);
}

void Links::OnPortMade(const config::PortConfig& port) {
  if (context_.made) context_.made(port);
}

void Links::OnPortForgotten(const config::PortConfig& port) {
  if (context_.forgotten) context_.forgotten(port);
}

// What it has carried until now was carried on the terms of before.
void Links::BeforePortRetunes(const PortTable::Port& port) {
  if (port.id.has_value() && context_.closing) context_.closing(port.config);
  OnPortForgotten(port.config);
}

void Links::AfterPortRetuned(const PortTable::Port& port) {
  OnPortMade(port.config);
  if (!port.id.has_value()) return;
  if (context_.opened) context_.opened(port.config);
  TellPort(*port.id, port);
}

// Endpoints may be behind ports that had none before, and the other way round.
void Links::FollowConfig() {
  ports_.FollowConfig();
  for (const std::unique_ptr<PortTable::Port>& port : ports_.ports()) {
    if (port->id.has_value()) TellPort(*port->id, *port);
  }
}

void Links::OnSizeHint(wire::PortId id, const SizeHint& hint) { TellSize(id, hint.to, hint.mtu); }

// The device is closed when this returns. So by then the workers must have a snapshot without the port.
void Links::OnPortClosing(wire::PortId id) {
  context_.protocol.RemovePort(context_.loop.now(), id);
  transmitter_.RemovePort(id);
  next_hops_.RemovePort(id);
  searches_.erase(id);
  forwarding_.PortsChanged();
  Publish();
}

std::string Links::PortName(wire::PortId id) const {
  const PortTable::Port* port = ports_.Find(id);
  return port == nullptr ? "a closed port" : port->config.name;
}

// What the kernel has learned of the size of the route is a hint for protocol, which probes it.
void Links::OnNextHopChanged(wire::PortId port, const Flow& flow) {
  const wire::Instant now = context_.loop.now();
  forwarding_.NextHopChanged(port, flow);
  transmitter_.NextHopChanged(now, port, flow);
  const NextHop* hop = next_hops_.Find(port, flow);
  if (hop == nullptr || hop->learned_mtu == 0) return;
  TellSize(port, flow.remote.address, hop->learned_mtu);
}

void Links::TellSize(wire::PortId id, const wire::IpAddress& to, uint32_t size) {
  const PortTable::Port* const port = ports_.Find(id);
  const std::optional<wire::Nat64Prefix> nat64 = port == nullptr ? std::nullopt : Nat64Of(*port);
  const wire::IpAddress known = nat64 ? nat64->Extract(to) : to;
  const uint32_t growth = known == to ? 0U : wire::Nat64Prefix::kGrowth;
  if (size > growth) context_.protocol.HintSize(context_.loop.now(), id, known, size - growth);
}

// --- The stages of a turn. ---

wire::Instant Links::NextTimeout() const {
  if (context_.protocol.has_transmits() && knows_sessions()) return context_.loop.now();
  return changed() ? published_ + kPublishInterval : wire::kNever;
}

void Links::PublishIfChanged() {
  if (changed() && published_ + kPublishInterval <= context_.loop.now()) Publish();
}

void Links::Publish() {
  changed_ = false;
  published_ = context_.loop.now();
  const uint64_t since = std::exchange(protocol_version_, context_.protocol.version());
  std::map<wire::PortId, ForwardingPort> ports;
  for (const std::unique_ptr<PortTable::Port>& port : ports_.ports()) {
    if (!port->id.has_value()) continue;
    ports[*port->id] = {.info = port->info,
                        .kernel = port->kernel,
                        .worker_alive = health_.alive(port->info.worker)};
  }
  for (const protocol::ChangedPeer& peer : context_.protocol.ChangedPeers(since)) {
    changed_peers_.Add(peer.id, peer.sessions);
  }
  const std::vector<wire::PeerId> taken = changed_peers_.Take(kPeersPerSnapshot);
  context_.dataplane.Publish(forwarding_.Build(
      context_.protocol.GetForwarding(taken), ports,
      [this](wire::PortId id, const Flow& flow) -> const NextHop* {
        const PortTable::Port* port = ports_.Find(id);
        return port == nullptr ? nullptr
                               : next_hops_.Request(context_.loop.now(), id, port->outlet(), flow);
      }));
  on_published_({.changed = taken, .routes = forwarding_.built()});
}

void Links::SendDatagrams(size_t limit) {
  if (!knows_sessions()) return;
  for (size_t i = 0; i < limit; ++i) {
    const std::optional<protocol::Transmit> transmit = context_.protocol.NextTransmit();
    if (!transmit.has_value()) return;
    transmitter_.Send(context_.loop.now(), *transmit);
  }
}

void Links::CheckWorkers() {
  if (!health_.Check(context_.loop.now())) return;
  forwarding_.PortsChanged();
  changed_ = true;
}

void Links::Expire() {
  transmitter_.Expire(context_.loop.now());
  next_hops_.Expire(context_.loop.now());
  forwarding_.RetryNextHops();
  ports_.Retry();
  std::vector<wire::PortId> searching;
  for (const auto& [id, search] : searches_) searching.push_back(id);
  for (const wire::PortId id : searching) {
    ChangePrefix(id, [&](PrefixFinder& finder) {
      finder.Look(context_.loop.now(), context_.protocol.HearsByTranslation(id));
    });
  }
  for (const std::unique_ptr<PortTable::Port>& port : ports_.ports()) {
    if (port->id.has_value() && std::exchange(said_[*port->id].seen, true)) TellState(*port);
  }
}

}  // namespace warp::control
