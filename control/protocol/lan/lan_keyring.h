// The keys by which peers are known on a link, as the keys of both ends follow each other (node/node_keys.cc): makes
// those that are missing, some at a time, since each costs an X25519 operation, and wipes those that serve no more.
// Pure; one thread.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_KEYRING_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_KEYRING_H_

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "control/protocol/lan/lan_discovery.h"
#include "control/protocol/node/node.h"

namespace warp::protocol {

class LanKeyring {
 public:
  // Made in one call of Follow, at most.
  static constexpr size_t kMadeAtATime = 8;

  // Tells `discovery` the peers of the node and their keys. False: there is more to do, so call again soon.
  bool Follow(Instant now, const Node& node, LanDiscovery& discovery);

 private:
  using Numbers =
      std::tuple<uint64_t, uint64_t, uint64_t>;  // own, remote, preshared: of KeySuccession
  struct Held {
    Numbers numbers;
    LanDiscovery::SharedKeys keys;  // null: the remote key is nobody's
  };
  static std::vector<Numbers> Wanted(const AssociationKeys& keys);

  std::map<PeerId, std::vector<Held>> held_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_KEYRING_H_
