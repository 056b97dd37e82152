#include "control/protocol/map/map_lookups.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"

namespace warp::protocol {

void MapLookups::Schedule(const wire::PublicKey& key, Peer& peer, Instant next) {
  timers_.erase({peer.next, key});
  peer.next = next;
  timers_.emplace(next, key);
}

void MapLookups::SetPeers(Instant now, std::span<const wire::PublicKey> peers) {
  const absl::flat_hash_set<wire::PublicKey> wanted(peers.begin(), peers.end());
  for (auto it = peers_.begin(); it != peers_.end();) {
    const auto peer = it++;
    if (wanted.contains(peer->first)) continue;
    timers_.erase({peer->second.next, peer->first});
    peers_.erase(peer);
  }
  for (const wire::PublicKey& key : wanted) {
    const auto [it, fresh] = peers_.try_emplace(key);
    if (fresh) Schedule(key, it->second, now);
  }
}

void MapLookups::Restart(Instant now) {
  for (auto& [key, peer] : peers_) {
    peer.tries = 0;
    Schedule(key, peer, now);
  }
}

void MapLookups::LookUpAgain(Instant now, const wire::PublicKey& key) {
  const auto it = peers_.find(key);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  peer.again = true;
  const Instant earliest =
      peer.last_sent.has_value() ? std::max(now, *peer.last_sent + kMapLookUpAgain) : now;
  if (earliest < peer.next) Schedule(key, peer, earliest);
}

void MapLookups::LookUpAllAgain(Instant now) {
  for (const auto& [key, peer] : peers_) LookUpAgain(now, key);
}

std::optional<MapLookups::Due> MapLookups::NextDue(Instant now, Duration retry) {
  if (NextTimeout() > now) return std::nullopt;
  const wire::PublicKey key = timers_.begin()->second;
  Peer& peer = peers_.find(key)->second;
  const Due due{next_request_++, key, peer.tries};
  peer.last_sent = now;
  peer.again = false;
  ++peer.tries;
  Schedule(key, peer, now + MapWait(identity_, retry, due.tries));
  return due;
}

MapLookups::Verdict MapLookups::HandleAnswer(Instant now, const wire::PublicKey& key,
                                             MessageOrder order, size_t count) {
  const auto it = peers_.find(key);
  if (it == peers_.end()) return Verdict::kUnknown;
  Peer& peer = it->second;
  if (order <= peer.heard) return Verdict::kOld;
  peer.heard = order;
  peer.tries = 0;
  const bool known = count != 0;
  if (!known) {
    peer.known_since.reset();
  } else if (!peer.known_since.has_value()) {
    peer.known_since = now;
  }
  if (!peer.again)
    Schedule(key, peer, now + identity_.Jitter(known ? kMapLookupKnown : kMapLookupMissing));
  return known ? Verdict::kNews : Verdict::kNothing;
}

}  // namespace warp::protocol
