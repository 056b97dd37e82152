#include "control/protocol/map/relays.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"

namespace warp::protocol {

// --- What is wanted. ---

void MapRelays::SetPeers(Instant, std::span<const wire::PublicKey> peers) {
  const absl::flat_hash_set<wire::PublicKey> wanted(peers.begin(), peers.end());
  std::erase_if(peers_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const wire::PublicKey& key : peers) peers_.try_emplace(key);
  Changed();
}

void MapRelays::AskSoon(Instant now, Peer& peer) {
  peer.tries = 0;
  const Instant earliest =
      peer.asked.has_value() ? std::max(now, *peer.asked + kMapRelayAgain) : now;
  peer.next = std::min(peer.next, earliest);
}

void MapRelays::SetWanted(Instant now, const wire::PublicKey& key, bool wanted) {
  const auto it = peers_.find(key);
  if (it == peers_.end() || it->second.wanted == wanted) return;
  Peer& peer = it->second;
  next_.reset();
  peer.wanted = wanted;
  if (wanted) {
    AskSoon(now, peer);
  } else {
    peer.next = kNever;
  }
  for (Channel& channel : peer.channels) channel.next = now;
}

void MapRelays::NoteKnown(Instant now, const wire::PublicKey& key) {
  const auto it = peers_.find(key);
  if (it == peers_.end() || !it->second.wanted || it->second.next != kNever) return;
  AskSoon(now, it->second);
  next_.reset();
}

void MapRelays::Restart(Instant now) {
  Changed();
  off_ = false;
  off_until_ = {};
  for (auto& [key, peer] : peers_) {
    // The paths over them stay until they are found to be dead, and the same ones may come again.
    peer.channels.clear();
    peer.asked.reset();
    peer.renewed.reset();
    if (peer.wanted) AskSoon(now, peer);
  }
}

void MapRelays::NotePort(Instant now) {
  next_.reset();
  for (auto& [key, peer] : peers_) {
    if (peer.wanted) AskSoon(now, peer);
  }
}

void MapRelays::LookAgain(Instant now, PortId port) {
  next_.reset();
  for (auto& [key, peer] : peers_) {
    for (Channel& channel : peer.channels) {
      if (channel.port == port && channel.tries == 0) channel.next = now;
    }
  }
}

// --- What the map says. ---

wire::Drop MapRelays::HandleRelayed(Instant now, MessageOrder order, const MapRelayed& message) {
  const auto it = peers_.find(message.key);
  if (it == peers_.end()) return wire::Drop::kUnknownPeer;
  Peer& peer = it->second;
  if (order <= peer.heard) return wire::Drop::kTooOld;
  const auto is_new = [&peer](const MapChannel& told) {
    return std::none_of(peer.channels.begin(), peer.channels.end(),
                        [&](const Channel& channel) { return channel.id == told.id; });
  };
  // Each that is new is bound at once, to a UDP port that the map names: at its address there may be others than it.
  if (std::any_of(message.channels.begin(), message.channels.end(), is_new)) {
    if (peer.renewed.has_value() && now < *peer.renewed + kMapRelayAgain)
      return wire::Drop::kRateLimited;
    peer.renewed = now;
  }
  Changed();
  peer.heard = order;
  peer.tries = 0;
  peer.lifetime = std::chrono::seconds(message.lifetime_s);
  std::vector<Channel> channels;
  for (const MapChannel& told : message.channels) {
    const auto known = std::find_if(peer.channels.begin(), peer.channels.end(),
                                    [&](const Channel& channel) { return channel.id == told.id; });
    if (known != peer.channels.end()) {
      channels.push_back(*known);
    } else {
      channels.push_back({.id = told.id,
                          .port = told.port,
                          .udp_port = told.udp_port,
                          .next = now,
                          .until = now + peer.lifetime});
    }
  }
  // An answer without channels says nothing of those that are open: who is asked may have been restarted.
  if (!channels.empty()) peer.channels = std::move(channels);
  if (message.state == RelayState::kOff) {
    off_ = true;
    off_until_ = now + identity_.Jitter(kMapRelayOff);
  } else if (std::exchange(off_, false)) {
    off_until_ = {};
    for (auto& [key, other] : peers_) {
      if (other.wanted) AskSoon(now, other);
    }
  }
  if (!peer.wanted) return wire::Drop::kNone;
  if (off_) {
    peer.next = off_until_;
    return wire::Drop::kNone;
  }
  const Duration wait = message.state != RelayState::kGiven ? Duration(kMapRelayRefused)
                        : peer.channels.empty()             ? Duration(kMapRelayMissing)
                                                            : Duration(kMapRelayKnown);
  peer.next = now + identity_.Jitter(wait);
  return wire::Drop::kNone;
}

wire::Drop MapRelays::HandleBound(Instant now, const Arrival& arrival, MessageOrder order,
                                  const MapBound& message) {
  for (auto& [key, peer] : peers_) {
    const auto it = std::find_if(peer.channels.begin(), peer.channels.end(), [&](const Channel& c) {
      return c.id == message.channel && c.port == message.port;
    });
    if (it == peer.channels.end()) continue;
    Channel& channel = *it;
    if (arrival.port != channel.port || arrival.from != channel.at || order <= channel.heard)
      return wire::Drop::kTooOld;
    Changed();
    channel.heard = order;
    channel.tries = 0;
    channel.echo = message.challenge;
    if (message.state == BindState::kEnded) {
      peer.channels.erase(it);
      if (peer.wanted) AskSoon(now, peer);
      return wire::Drop::kNone;
    }
    const Duration refresh =
        std::max<Duration>(std::chrono::milliseconds(message.refresh_ms), kMapRefreshFloor);
    channel.until = now + std::chrono::seconds(message.lifetime_s);
    channel.next = now + identity_.Jitter(std::min<Duration>(refresh, kMapRefresh));
    if (message.state != BindState::kEcho) {
      channel.echoes = 0;
      channel.open = message.state == BindState::kOpen;
    } else if (++channel.echoes <= kMapEchoes) {
      channel.next = now;
    }
    return wire::Drop::kNone;
  }
  return wire::Drop::kTooOld;
}

bool MapRelays::NoteForwarded(const Route& route) {
  for (auto& [key, peer] : peers_) {
    for (Channel& channel : peer.channels) {
      if (channel.open || channel.port != route.port || channel.at != route.remote) continue;
      channel.open = true;
      Changed();
      return true;
    }
  }
  return false;
}

// --- What to say. ---

Instant MapRelays::NextTimeout() const {
  if (next_.has_value()) return *next_;
  Instant next = kNever;
  for (const auto& [key, peer] : peers_) {
    next = std::min(next, peer.next);
    for (const Channel& channel : peer.channels)
      next = std::min({next, channel.next, channel.until});
  }
  next_ = next;
  return next;
}

void MapRelays::Expire(Instant now) {
  Changed();
  for (auto& [key, peer] : peers_) {
    const size_t ended = std::erase_if(
        peer.channels, [now](const Channel& channel) { return channel.until <= now; });
    if (ended > 0 && peer.wanted) AskSoon(now, peer);
  }
}

std::vector<MapRelays::Ask> MapRelays::TakeAsks(Instant now, Duration retry, KnownFunction known) {
  Expire(now);
  std::vector<Ask> asks;
  for (auto& [key, peer] : peers_) {
    if (peer.next > now) continue;
    if (asks.size() == kMapRequestsPerTurn) break;
    const std::optional<Instant> since = known(key);
    // What the map has only just said may lead to a path yet.
    if (!since.has_value()) {
      peer.next = kNever;  // until NoteKnown
      continue;
    }
    if (const Instant from = std::max(*since + kMapRelayPatience, off_until_); now < from) {
      peer.next = from;
      continue;
    }
    if (off_) off_until_ = now + identity_.Jitter(kMapRelayOff);
    asks.push_back({next_request_++, key, peer.tries});
    peer.asked = now;
    peer.next = now + MapWait(identity_, retry, peer.tries++);
  }
  return asks;
}

std::vector<MapRelays::Bind> MapRelays::TakeBinds(Instant now, Duration retry,
                                                  RoutesFunction routes) {
  Changed();
  std::vector<Bind> binds;
  for (auto& [key, peer] : peers_) {
    for (Channel& channel : peer.channels) {
      if (channel.next > now) continue;
      if (binds.size() == kMapRequestsPerTurn) return binds;
      channel.next = now + MapWait(identity_, retry, channel.tries);
      const std::vector<Route> ways = routes(channel.port);
      if (ways.empty()) continue;
      // Where the map is not heard by one of its addresses, another one may do.
      const auto turn = static_cast<size_t>(channel.tries++) / kMapSilentRequests;
      // Or it relays no more, or has other channels by now.
      if (channel.tries == kMapSilentRequests + 1 && peer.wanted) AskSoon(now, peer);
      Route route = ways[turn % ways.size()];
      route.remote.port = channel.udp_port;
      channel.at = route.remote;
      binds.push_back({route,
                       {.channel = channel.id,
                        .port = channel.port,
                        .needed = peer.wanted,
                        .echo = channel.echo}});
    }
  }
  return binds;
}

std::vector<RelayedEndpoints> MapRelays::TakeFound() {
  std::vector<RelayedEndpoints> found;
  if (!std::exchange(changed_, false)) return found;
  for (auto& [key, peer] : peers_) {
    std::vector<Route> routes;
    for (const Channel& channel : peer.channels) {
      if (channel.open) routes.push_back({channel.port, channel.at});
    }
    if (routes == peer.found) continue;
    peer.found = routes;
    found.push_back({key, std::move(routes)});
  }
  return found;
}

}  // namespace warp::protocol
