#include "control/status/tunnel_json.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "control/config/tunnel_policy.h"
#include "control/status/bond_json.h"
#include "control/status/drops_json.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/time.h"
#include "dataplane/wire/words.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;
using wire::Drop;

uint64_t Bits(bonding::Rate bytes) { return static_cast<uint64_t>(8 * bytes); }
double Milliseconds(wire::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Without flows nothing ends.
Json IdleOf(const config::TunnelConfig& config) {
  if (config.flows == 1) return nullptr;
  return std::chrono::duration_cast<std::chrono::seconds>(config.flow_idle).count();
}

// Flows in use, and how many each side may have.
Json FlowsJson(const Tunnel& tunnel) {
  const GateStatus status = tunnel.gate_status();
  const config::UdpGateConfig& socket = *tunnel.config().gate.socket();
  return {{"most", std::max(tunnel.config().flows, socket.listen.ports)},
          {"ours", status.flows},
          {"of_peer", status.flows_of_peer},
          {"idle_s", IdleOf(tunnel.config())},
          {"peer_has_flows", status.peer_has_flows}};
}

Json GateJson(const Tunnel& tunnel) {
  const config::GateConfig& config = tunnel.config().gate;
  if (const config::UdpGateConfig* const socket = config.socket()) {
    return {{"type", config.udp.has_value() ? "udp" : "loopback"},
            {"listen", socket->listen.ToString()},
            {"deliver", socket->deliver.has_value() ? socket->deliver->ToString() : ""},
            {"flows", FlowsJson(tunnel)},
            {"takeovers", tunnel.gate_counters().takeovers}};
  }
  if (const config::InterfaceGateConfig* const interface = config.interface()) {
    const GateStatus status = tunnel.gate_status();
    return {{"type", config.tun.has_value() ? "tun" : "tap"},
            {"listen", interface->interface},
            {"deliver", interface->interface},
            {"class_of", config.class_of},
            {"mtu", status.mtu},
            {"cut", status.cut},
            {"joined", status.joined},
            {"trouble", status.trouble}};
  }
  const bool datagram = config.unix_socket->type == config::UnixGateType::kDatagram;
  const GateStatus status = tunnel.gate_status();
  Json json = {{"type", datagram ? "unix datagram" : "unix seqpacket"},
               {"listen", config.unix_socket->path},
               {"deliver", status.receiver},
               {"queue", config.unix_socket->queue},
               {"holding", status.holding},
               {"waiting_to_app", status.waiting_to_app}};
  if (!datagram) json["clients"] = status.clients;
  return json;
}

Json PolicyJson(const config::TunnelPolicy& policy) {
  return {{"copies", policy.copies},
          {"order_ms", Milliseconds(policy.order)},
          {"resend_ms", Milliseconds(policy.resend)},
          {"skew_ms", Milliseconds(policy.skew)},
          {"target", policy.target},
          {"fec", config::FecWord(policy.fec)},
          {"fec_max", policy.fec.most},
          {"weight", policy.weight}};
}

// What came before an earlier payload, and what became of the gaps in front of it.
Json OrderJson(const Orderer& orderer) {
  const Orderer::Counters& counters = orderer.counters();
  return {{"holding", orderer.held()},
          {"held", counters.held},
          {"late", counters.late},
          {"gaps_lost", counters.by_proof},
          {"gaps_timeout", counters.by_hold},
          {"gaps_full", counters.by_room}};
}

}  // namespace

Json TunnelJson(const Tunnel& tunnel, DropTotals& totals) {
  const config::TunnelConfig& config = tunnel.config();
  const TunnelSender& sender = tunnel.sender();
  const GateCounters& gate = tunnel.gate_counters();
  const auto drops_of = [&](Drop drop) { return tunnel.drops(drop); };
  for (size_t i = 0; i < totals.size(); ++i) {
    const auto drop = static_cast<Drop>(i);
    totals[i] += drops_of(drop);
  }
  return {{"name", config.name},
          {"id", config.id},
          {"peer", config.peer},
          {"mode", std::string(wire::WordOf(config::kTunnelModeWords, tunnel.policy().mode))},
          {"policy", PolicyJson(tunnel.policy())},
          {"spread", BondFlowJson(tunnel.bond(), tunnel.index())},
          {"gate", GateJson(tunnel)},
          {"from_app", gate.from_app},
          {"from_app_rate", Bits(tunnel.from_app_rate())},
          {"to_app", gate.to_app},
          {"to_app_rate", Bits(tunnel.to_app_rate())},
          {"sent", sender.sent()},
          {"queued", sender.waiting()},
          {"in_flight", sender.in_flight()},
          {"by_room", tunnel.by_room()},
          {"order", OrderJson(tunnel.orderer())},
          {"recovered", tunnel.recovered()},
          {"drops", DropsJson(drops_of)}};
}

}  // namespace warp::control
