// Reads any file as a configuration. An accepted configuration must be valid throughout, and a refusal must consist of
// printable lines.
#include "absl/strings/str_split.h"
#include "control/config/map_config.h"
#include "control/config/node_config.h"
#include "control/config/text/utf8.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::config;

namespace {

void CheckMessages(const absl::Status& status) {
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    WARP_FUZZ_CHECK(line.substr(0, 2) == "f:");
    WARP_FUZZ_CHECK(!FirstNotText(line));
  }
}

void CheckNode(const NodeConfig& config) {
  WARP_FUZZ_CHECK(!config.node.private_key_file.empty());
  WARP_FUZZ_CHECK(config.node.listen_port > 0);
  WARP_FUZZ_CHECK(!config.ports.empty());
  size_t named = 0;
  for (const PortConfig& port : config.ports) {
    named += port.is_pattern() ? 0 : 1;
    WARP_FUZZ_CHECK(port.is_pattern() || port.except.empty());
    WARP_FUZZ_CHECK(!port.name.empty() && !warp::wire::DeviceText(port.device).empty() &&
                    !port.kernel_side().empty());
    WARP_FUZZ_CHECK((port.kernel_device() != nullptr && !port.vlan) ==
                    port.kernel_interface.empty());
  }
  WARP_FUZZ_CHECK(named + config.PatternRoom() <= config.node.max_ports);
  for (const PeerConfig& peer : config.peers) WARP_FUZZ_CHECK(!peer.public_key.is_zero());
  for (const TunnelConfig& tunnel : config.tunnels) {
    WARP_FUZZ_CHECK(tunnel.peer_index < config.peers.size());
    WARP_FUZZ_CHECK(config.peers[tunnel.peer_index].name == tunnel.peer);
    const auto& gate = tunnel.gate;
    WARP_FUZZ_CHECK(gate.loopback.has_value() + gate.udp.has_value() +
                        gate.unix_socket.has_value() + gate.tun.has_value() +
                        gate.tap.has_value() ==
                    1);
    WARP_FUZZ_CHECK(gate.interface() == nullptr || !gate.interface()->interface.empty());
    if (const warp::config::UdpGateConfig* const socket = gate.socket()) {
      const bool local = socket->listen.first.address.is_loopback() && !socket->group;
      WARP_FUZZ_CHECK(local || (gate.udp && !socket->allow.empty()));
      WARP_FUZZ_CHECK(socket->listen.ports == 1 || tunnel.flows == 1);
      WARP_FUZZ_CHECK(!socket->deliver || socket->deliver->ports == socket->listen.ports);
    }
    WARP_FUZZ_CHECK(!tunnel.gate.unix_socket || (tunnel.gate.unix_socket->path.size() <= 107 &&
                                                 tunnel.gate.unix_socket->queue <= tunnel.queue));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<NodeConfig> node = ParseNodeConfig(text, "f");
  if (node.ok()) {
    CheckNode(*node);
  } else {
    CheckMessages(node.status());
  }
  const absl::StatusOr<MapConfig> map = ParseMapConfig(text, "f");
  if (map.ok()) {
    WARP_FUZZ_CHECK(!map->listen.empty() && !map->private_key_file.empty());
  } else {
    CheckMessages(map.status());
  }
  return 0;
}
