// The keys by which peers are known on a link, as the keys of both ends follow each other (node/node_keys.cc): makes
// those that are missing, some at a time, since each costs an X25519 operation, and wipes those that serve no more.
// Pure; one thread.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_KEYRING_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_KEYRING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "control/protocol/lan/lan_discovery.h"
#include "control/protocol/node/node.h"

namespace warp::protocol {

class LanKeyring {
 public:
  // Made in one call of Follow, at most, and peers that it looks at. Either is well below a millisecond.
  static constexpr size_t kMadeAtATime = 8;
  static constexpr size_t kLookedAtATime = 256;

  // A key or a peer may be another one now: Follow looks at all of them once more.
  void Begin() { begun_ = true; }
  // Tells `discovery` the peers of the node and their keys, and of new ones whether they are connected, by PeerId.
  // False: there is more to do, so call again soon.
  bool Follow(Instant now, const Node& node, const std::vector<bool>& connected,
              LanDiscovery& discovery);
  // Peers that keys are held for.
  size_t size() const { return held_.size(); }

 private:
  using Numbers =
      std::tuple<uint64_t, uint64_t, uint64_t>;  // own, remote, preshared: of KeySuccession
  struct Held {
    Numbers numbers;
    LanDiscovery::SharedKeys keys;  // null: the remote key is nobody's
  };
  static std::vector<Numbers> Wanted(const AssociationKeys& keys);

  // False: there would have been more to make than is `left`.
  bool FollowPeer(Instant now, const Node& node, PeerId id, size_t* left,
                  const std::vector<bool>& connected, LanDiscovery& discovery);

  std::map<PeerId, std::vector<Held>> held_;
  bool begun_ = false;
  size_t to_look_at_ = 0;  // peers, from the next one on
  PeerId next_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_KEYRING_H_
