#include "control/protocol/lan/lan_keyring.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace warp::protocol {

// Each pair that a handshake may be made with, by the newest preshared key, then by those before it.
std::vector<LanKeyring::Numbers> LanKeyring::Wanted(const AssociationKeys& keys) {
  const std::vector<HandshakeKeys> pairs = keys.Pairs();
  std::vector<Numbers> wanted;
  for (const auto& psk : keys.psks().entries()) {
    for (const HandshakeKeys& pair : pairs) {
      if (wanted.size() == kLanMaxKeys) return wanted;
      wanted.emplace_back(pair.own_number, pair.remote_number, psk.number);
    }
  }
  return wanted;
}

bool LanKeyring::Follow(Instant now, const Node& node, const std::vector<bool>& connected,
                        LanDiscovery& discovery) {
  if (begun_) to_look_at_ = node.peer_ids();
  begun_ = false;
  size_t to_make = kMadeAtATime;
  for (size_t looked = 0; to_look_at_ > 0; ++looked) {
    if (looked == kLookedAtATime) return false;
    if (next_ >= node.peer_ids()) next_ = 0;
    if (!FollowPeer(now, node, next_, &to_make, connected, discovery)) return false;
    ++next_;
    --to_look_at_;
  }
  return true;
}

bool LanKeyring::FollowPeer(Instant now, const Node& node, PeerId id, size_t* left,
                            const std::vector<bool>& connected, LanDiscovery& discovery) {
  const AssociationKeys* const keys = node.KeysOf(id);
  if (keys == nullptr) {
    if (held_.erase(id) > 0) discovery.RemovePeer(id);
    return true;
  }
  const std::vector<Numbers> wanted = Wanted(*keys);
  std::vector<Held>& held = held_[id];
  const bool same = std::equal(held.begin(), held.end(), wanted.begin(), wanted.end(),
                               [](const Held& a, const Numbers& b) { return a.numbers == b; });
  if (same) return true;
  bool complete = true;
  std::vector<Held> now_held;
  for (const Numbers& numbers : wanted) {
    const auto known = std::find_if(held.begin(), held.end(),
                                    [&](const Held& one) { return one.numbers == numbers; });
    if (known != held.end()) {
      now_held.push_back(*known);
      continue;
    }
    if (*left == 0) {
      complete = false;
      break;
    }
    --*left;
    const auto& [own, remote, psk] = numbers;
    std::optional<LanKeys> derived =
        DeriveLanKeys(node.identity().own().Find(own)->key.pair, keys->remotes().Find(remote)->key,
                      keys->psks().Find(psk)->key);
    now_held.push_back({numbers, derived ? std::make_shared<const LanKeys>(std::move(*derived))
                                         : LanDiscovery::SharedKeys()});
  }
  held = std::move(now_held);
  std::vector<LanDiscovery::SharedKeys> told;
  for (const Held& one : held) {
    if (one.keys != nullptr) told.push_back(one.keys);
  }
  if (told.empty()) return complete;
  discovery.SetPeer(now, id, std::move(told));
  if (id < connected.size()) discovery.SetConnected(now, id, connected[id]);
  return complete;
}

}  // namespace warp::protocol
