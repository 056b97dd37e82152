#include "tools/command/status_text.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/ask/values.h"
#include "tools/command/status/map_text.h"
#include "tools/command/status/overview.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/text_table.h"
#include "tools/watch/model/sample.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

// --- warpd ---

// In the order of a packet's journey: "rx 5, parse 52, look 11".
std::string StageCycles(const Json& worker) {
  const Json& stages = At(worker, "stages");
  std::vector<std::string> words;
  for (const char* name : {"rx", "parse", "look", "open", "claim", "deliver", "take", "seal",
                           "replicate", "tx", "complete"}) {
    const Json& stage = At(stages, name);
    if (!stage.is_object()) continue;
    words.push_back(absl::StrCat(name, " ", Fixed(stage, "cycles_per_packet", 0)));
  }
  return words.empty() ? kNothing : absl::StrJoin(words, ", ");
}

std::string WorkersTable(const Json& status) {
  TextTable table({">WORKER", ">CPU", ">BUSY", "CYCLES PER PACKET"});
  for (const Json& worker : Items(status, "workers")) {
    table.Add(
        {Text(worker, "id"), Text(worker, "cpu"), Percent(worker, "busy"), StageCycles(worker)});
  }
  return table.empty() ? "" : absl::StrCat(table.ToString(), "\n");
}

// "45.5 GB of 50.0 GB, near"
std::string CapText(const Json& port) {
  const Json& cap = At(port, "cap");
  if (!cap.is_object()) return kNothing;
  return absl::StrCat(Bytes(cap, "used"), " of ", Bytes(cap, "bytes"), ", ", Text(cap, "state"));
}

// Of all caps alike.
std::string CapsProblem(const Json& status) {
  for (const Json& port : Items(status, "ports")) {
    const std::string problem = Text(At(port, "cap"), "problem");
    if (problem != kNothing) return absl::StrCat("  data caps: ", problem, "\n");
  }
  return "";
}

// What is the matter with the port, and how its driver was chosen: "udp (auto: wwan0 has no Ethernet header)".
std::string PortReason(const Json& port) {
  const auto is_said = [&](const char* key) { return Text(port, key) != kNothing; };
  std::vector<std::string> reasons;
  if (is_said("reason")) reasons.push_back(Text(port, "reason"));
  if (is_said("driver_reason"))
    reasons.push_back(absl::StrCat(Text(port, "driver"), " (", Text(port, "driver_reason"), ")"));
  return reasons.empty() ? kNothing : absl::StrJoin(reasons, "; ");
}

// "  wwan*: wwan0 wwan1; wwan2 has no port: all 8 ports (node.max_ports) are in use"
std::string PatternsText(const Json& status) {
  std::string text;
  for (const Json& pattern : Items(status, "patterns")) {
    std::vector<std::string> ports;
    for (const Json& port : Items(pattern, "ports")) ports.push_back(Text(port));
    const std::string interface = Text(pattern, "interface"), name = Text(pattern, "name");
    absl::StrAppend(&text, "  ",
                    name == interface ? name : absl::StrCat(name, " (", interface, ")"), ": ",
                    ports.empty() ? "no interface" : absl::StrJoin(ports, " "));
    if (const std::string reason = Text(pattern, "reason"); reason != kNothing)
      absl::StrAppend(&text, "; ", reason);
    text += "\n";
  }
  return text;
}

std::string PortsTable(const Json& status) {
  TextTable table({"PORT", ">TIER", "CAP", "STATE", "DRIVER", "DEVICE", ">MTU", ">WORKER", ">RX",
                   ">MISSED", ">TX", ">REFUSED", "ADDRESSES", "DROPS", "REASON"});
  for (const Json& port : Items(status, "ports")) {
    std::vector<std::string> addresses;
    for (const Json& address : Items(port, "addresses")) addresses.push_back(Text(address));
    table.Add({Text(port, "name"), Text(port, "tier"), CapText(port), Text(port, "state"),
               Text(port, "driver"), Text(port, "device"), Text(port, "mtu"), Text(port, "worker"),
               Text(port, "rx_packets"), Text(port, "rx_missed"), Text(port, "tx_packets"),
               Text(port, "tx_dropped"),
               addresses.empty() ? kNothing : absl::StrJoin(addresses, " "), Drops(port),
               PortReason(port)});
  }
  return table.ToString() + PatternsText(status) + CapsProblem(status);
}

std::string MapsTable(const Json& status) {
  TextTable table({"MAP", "STATE", "REGISTERED AS", "REASON"});
  for (const Json& map : Items(status, "maps")) {
    std::vector<std::string> seen;
    for (const Json& registration : Items(map, "registrations")) {
      seen.push_back(absl::StrCat(Text(registration, "port"), " ", Text(registration, "endpoint")));
    }
    table.Add({Text(map, "address"), Text(map, "state"),
               seen.empty() ? kNothing : absl::StrJoin(seen, ", "), Text(map, "reason")});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.ToString());
}

std::string SessionText(const Json& peer) {
  const Json& session = At(peer, "session");
  if (!session.is_object()) return "no session";
  const Json& initiator = At(session, "initiator");
  const char* role = !initiator.is_boolean() ? ""
                     : initiator.get<bool>() ? ", begun here"
                                             : ", begun there";
  return absl::StrCat("session ", Text(session, "cipher"), ", ", Age(session, "age_s"), " old",
                      role, ", ", Text(session, "sent"), " packets sent");
}

bool Is(const Json& json, const char* key, bool value) {
  const Json& member = At(json, key);
  return member.is_boolean() && member.get<bool>() == value;
}

// With a question mark where no probe of that size was answered.
std::string MtuText(const Json& path) {
  return absl::StrCat(Text(path, "mtu"), Is(path, "mtu_proven", false) ? "?" : "");
}

std::string PathReason(const Json& path) {
  return absl::StrCat(Text(path, "reason"),
                      Is(path, "relayed", true) ? ", through a map's relay" : "",
                      Is(path, "black_hole", true) ? ", larger packets vanish" : "");
}

// Bits a second.
std::string Mbit(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_number() ? absl::StrFormat("%.1f", value.get<double>() / 1e6) : kNothing;
}

// What the configuration here or the peer allows.
std::string Bound(const Json& bond) {
  const Json& bound = At(bond, "bound");
  return bound.is_number() && bound.get<double>() > 0 ? Mbit(bond, "bound") : kNothing;
}

// Of a peer to which payloads are spread over the paths. A capacity with a question mark is what was used of it.
std::string BondText(const Json& peer) {
  TextTable table({"SPREAD OVER", "ENDPOINT", ">CAPACITY Mbit/s", ">BOUND", ">IN USE", ">QUEUE ms",
                   ">ABOVE ms", ">WAITING ms", ">LOSS", ">SENT AGAIN", ">COPIES", ">PARITY",
                   "STATE"});
  for (const Json& path : Items(peer, "paths")) {
    const Json& bond = At(path, "bond");
    if (!bond.is_object()) continue;
    table.Add({Text(path, "port"), Text(path, "endpoint"),
               absl::StrCat(Mbit(bond, "capacity"), Is(bond, "known", false) ? "?" : ""),
               Bound(bond), Mbit(bond, "in_use"), Fixed(bond, "queue_ms", 1),
               Fixed(bond, "above_ms", 1), Fixed(bond, "waiting_ms", 1), Percent(bond, "loss"),
               Text(bond, "resent"), Text(bond, "copies"), Text(bond, "parity"),
               Is(bond, "suspect", true)     ? "suspect"
               : Is(bond, "contested", true) ? "contested"
                                             : "good"});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.ToString("  "));
}

// Whoever has replaced keys wants to know who lacks the new ones yet.
std::string OldKeysText(const Json& of, absl::string_view whose) {
  std::string text;
  for (const Json& old : Items(of, "old_keys")) {
    absl::StrAppend(&text, "  ", whose, " ", Text(old, "public_key"), " serves for ",
                    Age(old, "ends_in_s"), " yet\n");
  }
  return text;
}

// `own`: the newest key of the node.
std::string PeerKeysText(const Json& peer, const std::string& own) {
  std::string text = OldKeysText(peer, "its old key");
  const Json& session = At(peer, "session");
  const std::string ours = Text(session, "own_key");
  if (ours != kNothing && ours != own) {
    absl::StrAppend(&text, "  it does not know this node's new key, but ", ours, "\n");
  }
  if (At(peer, "old_preshared_key_ends_in_s").is_number()) {
    absl::StrAppend(&text, "  an old preshared key serves for ",
                    Age(peer, "old_preshared_key_ends_in_s"), " yet\n");
  }
  return text;
}

std::string PeerText(const Json& peer, const std::string& own) {
  std::string text = absl::StrCat("\npeer ", Text(peer, "name"), "  ", Text(peer, "public_key"),
                                  "\n  ", Text(peer, "state"));
  if (const std::string reason = Text(peer, "reason"); reason != kNothing) {
    absl::StrAppend(&text, " (", reason, ")");
  }
  absl::StrAppend(&text, ", ", SessionText(peer), "\n");
  std::vector<std::string> twins;
  for (const Json& twin : Items(peer, "key_used_by")) twins.push_back(Text(twin));
  if (!twins.empty()) {
    absl::StrAppend(&text, "  two nodes seem to use this key: ", absl::StrJoin(twins, ", "), "\n");
  }
  text += PeerKeysText(peer, own);
  TextTable table({"PORT", "ENDPOINT", "STATE", ">SINCE", ">RTT ms", ">JITTER", ">LOSS", ">MTU",
                   ">FIRST", ">DUPLICATES", ">SKEW ms", ">SENT", ">BYTES", ">REFUSED", "REASON"});
  for (const Json& path : Items(peer, "paths")) {
    table.Add({Text(path, "port"), Text(path, "endpoint"), Text(path, "state"),
               Age(path, "since_s"), Fixed(path, "rtt_ms", 2), Fixed(path, "jitter_ms", 2),
               Percent(path, "loss"), MtuText(path), Percent(path, "first_share"),
               Text(path, "duplicates"), Fixed(path, "skew_ms", 2), Text(path, "tx_packets"),
               Bytes(path, "tx_bytes"), Text(path, "tx_dropped"), PathReason(path)});
  }
  if (!table.empty()) absl::StrAppend(&text, table.ToString("  "));
  absl::StrAppend(&text, BondText(peer));
  const Json& without_room = At(peer, "paths_without_room");
  if (without_room.is_number_unsigned() && without_room.get<uint64_t>() > 0) {
    absl::StrAppend(&text, "  ", Text(peer, "paths_without_room"),
                    " more pairs of a port and an endpoint have no path, for want of room\n");
  }
  return text;
}

// Of a gate with flows, "3+1 of 16": those of programs here and at the peer, whose version may not know flows.
std::string ClientsText(const Json& gate) {
  const Json& flows = At(gate, "flows");
  if (!At(flows, "most").is_number() || At(flows, "most") == 1) return Text(gate, "clients");
  if (At(flows, "peer_has_flows") == false) return "1 (old peer)";
  return absl::StrCat(Text(flows, "ours"), "+", Text(flows, "of_peer"), " of ",
                      Text(flows, "most"));
}

std::string TunnelsTable(const Json& status) {
  TextTable table({"TUNNEL", ">ID", "PEER", "MODE", "TYPE", "GATE", "DELIVER", ">CLIENTS",
                   ">FROM APP", ">SENT", ">QUEUED", ">TO APP", ">UNREAD", "DROPS"});
  for (const Json& tunnel : Items(status, "tunnels")) {
    const Json& gate = At(tunnel, "gate");
    table.Add({Text(tunnel, "name"), Text(tunnel, "id"), Text(tunnel, "peer"), Text(tunnel, "mode"),
               Text(gate, "type"), Text(gate, "listen"), Text(gate, "deliver"), ClientsText(gate),
               Text(tunnel, "from_app"), Text(tunnel, "sent"), Text(tunnel, "queued"),
               Text(tunnel, "to_app"), Text(gate, "waiting_to_app"), Drops(tunnel)});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.ToString());
}

// Of tunnels whose payloads are spread, or put in order here.
std::string SpreadTable(const Json& status) {
  TextTable table({"TUNNEL", "MODE", ">OUT Mbit/s", ">IN Mbit/s", ">EXTRA", ">SENT AGAIN",
                   ">COPIED", ">PARITY", ">LOST", ">LATE", ">RECOVERED"});
  for (const Json& tunnel : Items(status, "tunnels")) {
    const Json& spread = At(tunnel, "spread");
    const Json& order = At(tunnel, "order");
    if (!spread.is_object()) continue;
    const Json &bytes = At(spread, "bytes"), &extra = At(spread, "extra_bytes");
    const bool some = bytes.is_number() && extra.is_number() && bytes.get<double>() > 0;
    table.Add({Text(tunnel, "name"), Text(tunnel, "mode"), Mbit(tunnel, "from_app_rate"),
               Mbit(tunnel, "to_app_rate"),
               some ? absl::StrFormat("%.1f%%", 100 * extra.get<double>() / bytes.get<double>())
                    : kNothing,
               Text(spread, "resent"), Text(spread, "copied"), Text(spread, "parity"),
               Text(spread, "lost"), Text(order, "late"), Text(tunnel, "recovered")});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.ToString());
}

std::string NodeText(const Json& status) {
  const Json& node = At(status, "node");
  // What each engine takes for a payload, where that was measured.
  const std::string reason = Text(node, "engine_reason");
  std::string text = absl::StrCat(
      "node ", Text(node, "public_key"), "\n  warpd ", Text(node, "version"), ", ",
      Text(node, "state"), " for ", Age(node, "uptime_s"), ", UDP port ", Text(node, "listen_port"),
      ", crypto ", Text(node, "engine"), reason == kNothing ? "" : absl::StrCat(" (", reason, ")"),
      ", polling ", Text(node, "polling"), ", loop ", Text(node, "loop"), "\n",
      OldKeysText(node, "the old key"), "\n", WorkersTable(status), PortsTable(status),
      MapsTable(status));
  for (const Json& peer : Items(status, "peers")) {
    absl::StrAppend(&text, PeerText(peer, Text(node, "public_key")));
  }
  absl::StrAppend(&text, TunnelsTable(status), SpreadTable(status));
  return text;
}

// --- Both ---

std::string DropsTable(const Json& status) {
  TextTable table({"DROP", ">COUNT"});
  const Json& drops = At(status, "drops");
  if (drops.is_object()) {
    for (const auto& [name, count] : drops.items()) table.Add({Plain(name), Text(count)});
  }
  return table.empty() ? "\nno drops\n" : absl::StrCat("\n", table.ToString());
}

}  // namespace

absl::StatusOr<std::string> StatusText(absl::string_view json, bool details) {
  const Json status = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!status.is_object()) return absl::InvalidArgumentError("the answer is not a status");
  // A document of another version has tables that bear what they do not know, and no judgement.
  if (const absl::StatusOr<Sample> sample = ReadSample(json);
      !details && sample.ok() && !sample->is_map) {
    return OverviewText(*sample);
  }
  return absl::StrCat(status.contains("map") ? MapText(status) : NodeText(status),
                      DropsTable(status));
}

}  // namespace warp::tools
