// Keys of a node and of its peers that follow each other.
#include <algorithm>
#include <utility>

#include "control/protocol/node/node.h"

namespace warp::protocol {

// --- Our own. ---

void Node::SetKey(Instant now, wire::SecretKey key, Replaced replaced) {
  KeySuccession<OwnKey>& own = identity_.own();
  const uint64_t before = own.newest().number;
  if (draining_ || !own.Put(now, OwnKey(std::move(key)))) return;
  const auto with = [before](const HandshakeKeys& keys) { return keys.own_number == before; };
  const bool has_served = std::any_of(peers_.begin(), peers_.end(), [&](const auto& peer) {
    return peer != nullptr && peer->association().HasSession(with);
  });
  if (replaced == Replaced::kMistaken && !has_served) own.End(before);
  OwnKeysChanged(now);
}

void Node::OwnKeysChanged(Instant now) {
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer == nullptr) continue;
    peer->association().OwnKeyChanged(now);
    peer->AssociationChanged(now);
    Watch(*peer);
  }
  LookAtKeys(now);
  EndOwnKeys(now);
}

void Node::SetOldKeysFor(Instant now, Duration time) {
  if (draining_ || time == identity_.old_keys_for()) return;
  identity_.set_old_keys_for(time);
  LookAtKeys(now);
  EndOwnKeys(now);
}

void Node::LookAtKeys(Instant now) {
  KeySuccession<OwnKey>& own = identity_.own();
  bool ended = !own.Expire(now, identity_.old_keys_for()).empty();
  const bool all_know = std::all_of(peers_.begin(), peers_.end(), [](const auto& peer) {
    return peer == nullptr || peer->association().keys().knows_newest_own();
  });
  if (own.has_old() && all_know) {
    own.EndOld();
    ended = true;
  }
  if (ended) EndOwnKeys(now);
  const size_t forgotten = absl::erase_if(peers_by_key_, [&](const auto& entry) {
    Peer& peer = *entry.second;
    const auto& remotes = peer.association().keys().remotes();
    if (remotes.Find(entry.first) != nullptr) return false;
    if (!remotes.has_old()) ForgetOldEndpoints(now, peer);
    return true;
  });
  if (forgotten > 0) peers_untold_ = !maps_.empty();
  const size_t peers = static_cast<size_t>(std::count_if(
      peers_.begin(), peers_.end(), [](const auto& peer) { return peer != nullptr; }));
  const bool any_old = own.has_old() || peers_by_key_.size() > peers;
  next_key_look_ = any_old ? now + kKeyLook : kNever;
}

// What maps have said of keys of the peer that have ended.
void Node::ForgetOldEndpoints(Instant now, Peer& peer) {
  for (const Map& map : maps_) peer.SetEndpoints(now, EndpointSource::kMap, OfOldKeys(map.id), {});
  Watch(peer);
}

// Handshakes under way that were made with a key that has ended end with it. Workers know messages to the others from
// strangers', and a response must not be there before they do.
void Node::EndOwnKeys(Instant now) {
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer == nullptr) continue;
    peer->association().EndKeys(now);
    peer->AssociationChanged(now);
    Watch(*peer);
  }
  for (const Map& map : maps_) map.driver->association().EndKeys(now);
  context_.sessions_version = ++context_.version;
}

wire::Mac1Keys Node::OwnMac1Keys() const {
  wire::Mac1Keys keys;
  for (const auto& own : identity_.own().entries()) keys.keys[keys.count++] = own.key.mac1_key;
  return keys;
}

std::vector<OldKey> Node::OldKeys() const {
  std::vector<OldKey> old;
  for (const auto& own : identity_.own().entries()) {
    if (&own == &identity_.own().newest()) continue;
    old.push_back(
        {own.key.public_key(), KeySuccession<OwnKey>::EndOf(own, identity_.old_keys_for())});
  }
  return old;
}

// --- Those of peers. ---

bool Node::SetPeerKey(Instant now, PeerId id, const wire::PublicKey& key, Replaced replaced) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return false;
  Peer& peer = *peers_[id];
  if (!ClaimKey(now, key, &peer)) return false;
  peers_by_key_[key] = &peer;
  peer.association().SetRemote(now, key, replaced);
  peer.AssociationChanged(now);
  Watch(peer);
  peers_untold_ = !maps_.empty();
  LookAtKeys(now);
  return true;
}

void Node::SetPeerPsk(Instant now, PeerId id, wire::PresharedKey psk, Replaced replaced) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return;
  Peer& peer = *peers_[id];
  peer.association().SetPsk(now, std::move(psk), replaced);
  peer.AssociationChanged(now);
  Watch(peer);
}

bool Node::ClaimKey(Instant now, const wire::PublicKey& key, const Peer* owner) {
  if (key.is_zero() || identity_.FindOwn(key) != nullptr) return false;
  const auto found = peers_by_key_.find(key);
  if (found == peers_by_key_.end() || found->second == owner) return true;
  Peer& other = *found->second;
  if (other.public_key() == key) return false;
  other.association().EndRemote(now, key);
  other.AssociationChanged(now);
  if (!other.association().keys().remotes().has_old()) ForgetOldEndpoints(now, other);
  Watch(other);
  peers_by_key_.erase(found);
  return true;
}

std::vector<wire::PublicKey> Node::PeerKeys() const {
  std::vector<wire::PublicKey> newest, old;
  for (const auto& peer : peers_) {
    if (peer == nullptr) continue;
    for (const auto& entry : peer->association().keys().remotes().entries())
      (entry.key == peer->public_key() ? newest : old).push_back(entry.key);
  }
  newest.insert(newest.end(), old.begin(), old.end());
  return newest;
}

}  // namespace warp::protocol
