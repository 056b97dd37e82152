#include "control/protocol/handshake/association_keys.h"

#include <algorithm>
#include <utility>

namespace warp::protocol {

std::vector<HandshakeKeys> AssociationKeys::Pairs() const {
  std::vector<HandshakeKeys> pairs;
  const bool newest_alone = !own_.has_value() && knows_newest_own();
  for (const auto& own : identity_.own().entries()) {
    if (own_.has_value() && own.key.public_key() != *own_) continue;
    for (const auto& remote : remotes_.entries()) {
      pairs.push_back({own.key.public_key(), remote.key, own.number, remote.number});
    }
    if (newest_alone) break;
  }
  const auto served = std::find_if(pairs.begin(), pairs.end(), [this](const HandshakeKeys& pair) {
    return pair.SamePair(served_);
  });
  if (served != pairs.end() && served != pairs.begin())
    std::rotate(pairs.begin() + 1, served, served + 1);
  return pairs;
}

std::optional<HandshakeKeys> AssociationKeys::Find(uint64_t own_number,
                                                   const wire::PublicKey& remote) const {
  const auto* const own = identity_.own().Find(own_number);
  const auto* const theirs = remotes_.Find(remote);
  if (own == nullptr || theirs == nullptr) return std::nullopt;
  if (own_.has_value() && own->key.public_key() != *own_) return std::nullopt;
  return HandshakeKeys{own->key.public_key(), theirs->key, own->number, theirs->number};
}

bool AssociationKeys::NoteServed(const HandshakeKeys& keys) {
  served_ = keys;
  // Who speaks by an old key may have stolen it, and says nothing of what the remote end knows.
  if (keys.remote_number == remotes_.newest().number) {
    if (keys.own_number == identity_.own().newest().number) own_known_ = keys.own_number;
    if (keys.psk_number == psks_.newest().number) psks_.EndOld();
  }
  return remotes_.EndBefore(keys.remote_number);
}

void AssociationKeys::Expire(Instant now) {
  remotes_.Expire(now, identity_.old_keys_for());
  psks_.Expire(now, identity_.old_keys_for());
}

Instant AssociationKeys::NextEnd() const {
  return std::min(remotes_.NextEnd(identity_.old_keys_for()),
                  psks_.NextEnd(identity_.old_keys_for()));
}

bool AssociationKeys::Serve(const HandshakeKeys& keys) const {
  return identity_.own().Find(keys.own_number) != nullptr &&
         remotes_.Find(keys.remote_number) != nullptr;
}

}  // namespace warp::protocol
