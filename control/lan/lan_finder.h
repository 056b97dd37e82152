// LAN discovery of a running node (node.discover): the protocol's LanDiscovery, with a socket of each family on the
// link of each port, and what it finds told to the node. Where the configuration does not ask for it, there is nothing
// of it.
//
//   groups on the links ─► LanSocket ─► LanDiscovery ─► Node::SetPeerEndpoints
//   ports, keys, who is connected ─► LanDiscovery ─► LanSocket ─► groups on the links
//
// What it cannot have, such as a socket on an interface that is about to go, it tries again. Control thread only.
#ifndef WARP_CONTROL_LAN_LAN_FINDER_H_
#define WARP_CONTROL_LAN_LAN_FINDER_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "control/config/node_config.h"
#include "control/lan/lan_socket.h"
#include "control/loop/loop.h"
#include "control/protocol/lan/lan_discovery.h"
#include "control/protocol/lan/lan_keyring.h"
#include "control/protocol/node/node.h"

namespace warp::control {

class LanFinder {
 public:
  // The interface with the addresses of a port; nullopt: there is none.
  using InterfaceOf = std::function<std::optional<LanSocket::Interface>(wire::PortId)>;

  // All outlive it.
  LanFinder(Loop& loop, const config::NodeConfig& config, protocol::Node& protocol,
            InterfaceOf interface_of);

  // The configuration, a port, an address, a key or a peer may be another one now. Cheap: what it means is looked at a
  // moment later, once however often this is called.
  void Follow();
  // What the protocol says of peers of which something has changed.
  void NotePeers(const std::vector<protocol::PeerStatus>& peers);

  // Null: it is off.
  const protocol::LanCounts* counts() const {
    return discovery_ == nullptr ? nullptr : &discovery_->counts();
  }

 private:
  static constexpr wire::Duration kMoment = std::chrono::milliseconds(100);
  static constexpr wire::Duration kNextKeys = std::chrono::milliseconds(5);
  static constexpr wire::Duration kTryAgain = std::chrono::seconds(5);
  static constexpr size_t kSentAtATime = 8;

  struct Link {
    LanSocket::Interface interface;
    std::array<std::unique_ptr<LanSocket>, 2> sockets;  // of both families; null: it cannot be had
    std::array<bool, 2> has_address{};                  // of the family
  };

  void Look();
  void End();
  bool FollowPorts();
  bool FollowPort(wire::PortId id, const protocol::PortState& state);
  // Does what is due, and what has come of whatever happened.
  void Serve();
  void Send(const protocol::LanTransmit& transmit);

  Loop& loop_;
  const config::NodeConfig& config_;
  protocol::Node& protocol_;
  const InterfaceOf interface_of_;
  std::unique_ptr<protocol::LanDiscovery> discovery_;
  protocol::LanKeyring keyring_;
  std::vector<bool> connected_;  // by PeerId
  std::map<wire::PortId, Link> links_;
  Timer look_;
  Timer serve_;
  Task serve_again_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LAN_LAN_FINDER_H_
