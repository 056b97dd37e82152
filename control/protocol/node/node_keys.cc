// Keys of a node and of its peers that follow each other.
#include <algorithm>
#include <utility>

#include "control/protocol/node/node.h"

namespace warp::protocol {

// --- Our own. ---

void Node::SetKey(Instant now, wire::SecretKey key, Replaced replaced) {
  KeySuccession<OwnKey>& own = identity_.own();
  const uint64_t before = own.newest().number;
  const auto with = [before](const HandshakeKeys& keys) { return keys.own_number == before; };
  const bool has_served = std::any_of(peers_.begin(), peers_.end(), [&](const auto& peer) {
    return peer != nullptr && peer->association().HasSession(with);
  });
  if (draining_ || !own.Put(now, OwnKey(std::move(key)), replaced, has_served)) return;
  ChangeAll(now, [now](Association& association) { association.OwnKeyChanged(now); });
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
  bool ended = own.Expire(now, identity_.old_keys_for());
  const bool all_know = std::all_of(peers_.begin(), peers_.end(), [](const auto& peer) {
    return peer == nullptr || peer->association().keys().knows_newest_own();
  });
  if (own.has_old() && all_know) {
    own.EndOld();
    ended = true;
  }
  if (ended) EndOwnKeys(now);
  SeparateKeys(now);
  const size_t forgotten = absl::erase_if(peers_by_key_, [&](const auto& entry) {
    Peer& peer = *entry.second;
    if (peer.association().keys().remotes().Find(entry.first) != nullptr) return false;
    peer.ForgetOldKeys(now);
    Watch(peer);
    return true;
  });
  if (forgotten > 0) peers_untold_ = !maps_.empty();
  const size_t peers = static_cast<size_t>(std::count_if(
      peers_.begin(), peers_.end(), [](const auto& peer) { return peer != nullptr; }));
  const bool any_old = own.has_old() || peers_by_key_.size() > peers;
  next_key_look_ = any_old ? now + kKeyLook : kNever;
}

// An old key of a peer's that is ours has ended: the peer has another one, and we have the secret. So has one of ours
// that came back, by a change that was taken back, after a peer had got it.
void Node::SeparateKeys(Instant now) {
  KeySuccession<OwnKey>& own = identity_.own();
  std::vector<uint64_t> ended;
  for (const auto& entry : own.entries()) {
    const wire::PublicKey& key = entry.key.public_key();
    const auto found = peers_by_key_.find(key);
    if (found == peers_by_key_.end()) continue;
    if (found->second->public_key() == key) {
      if (&entry != &own.newest()) ended.push_back(entry.number);
    } else {
      Change(now, *found->second,
             [now, &key](Association& association) { association.EndRemote(now, key); });
    }
  }
  for (const uint64_t number : ended) own.End(number);
  if (!ended.empty()) EndOwnKeys(now);
}

// Handshakes under way that were made with a key that has ended end with it. Workers know messages to the others from
// strangers', and a response must not be there before they do.
void Node::EndOwnKeys(Instant now) {
  ChangeAll(now, [now](Association& association) { association.EndKeys(now); });
  for (const Map& map : maps_) map.driver->association().EndKeys(now);
  context_.sessions_version = ++context_.version;
}

void Node::SettleKeys(Instant now) {
  identity_.own().Settle();
  ChangeAll(now, [now](Association& association) { association.SettleKeys(now); });
}

void Node::Change(Instant now, Peer& peer, ChangeFunction change) {
  change(peer.association());
  peer.AssociationChanged(now);
  Watch(peer);
}

void Node::ChangeAll(Instant now, ChangeFunction change) {
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer != nullptr) Change(now, *peer, change);
  }
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

const AssociationKeys* Node::KeysOf(PeerId id) const {
  if (id >= peers_.size() || peers_[id] == nullptr) return nullptr;
  return &peers_[id]->association().keys();
}

bool Node::SetPeerKey(Instant now, PeerId id, const wire::PublicKey& key, Replaced replaced) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return false;
  Peer& peer = *peers_[id];
  if (!ClaimKey(now, key, &peer)) return false;
  peer.SetKey(now, key, replaced);
  // A way back may bring old ones with it, which another one may have got meanwhile.
  std::vector<wire::PublicKey> gone;
  for (const auto& entry : peer.association().keys().remotes().entries()) {
    if (peers_by_key_.try_emplace(entry.key, &peer).first->second != &peer)
      gone.push_back(entry.key);
  }
  Change(now, peer, [now, &gone](Association& association) {
    for (const wire::PublicKey& one : gone) association.EndRemote(now, one);
  });
  peers_untold_ = !maps_.empty();
  LookAtKeys(now);
  return true;
}

void Node::SetPeerPsk(Instant now, PeerId id, wire::PresharedKey psk, Replaced replaced) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return;
  Change(now, *peers_[id],
         [&](Association& association) { association.SetPsk(now, std::move(psk), replaced); });
}

bool Node::ClaimKey(Instant now, const wire::PublicKey& key, const Peer* owner) {
  if (key.is_zero() || identity_.FindOwn(key) != nullptr) return false;
  const auto found = peers_by_key_.find(key);
  if (found == peers_by_key_.end() || found->second == owner) return true;
  Peer& other = *found->second;
  if (other.public_key() == key) return false;
  Change(now, other, [&](Association& association) { association.EndRemote(now, key); });
  other.ForgetOldKeys(now);
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
