// Who a node knows: peers and maps that come, change and go.
#include <algorithm>
#include <cassert>
#include <utility>

#include "control/protocol/node/node.h"

namespace warp::protocol {
namespace {

// Of those that a configuration sets.
bool Same(const wire::ConfiguredTimers& a, const wire::ConfiguredTimers& b) {
  bool same = true;
#define WARP_SAME_TIMER(name, standard, shortest, longest, why) same = same && a.name == b.name;
  WARP_TIMERS(WARP_SAME_TIMER)
#undef WARP_SAME_TIMER
  return same;
}

}  // namespace

// --- Peers. ---

std::optional<PeerId> Node::AddPeer(Instant now, PeerOptions options) {
  const wire::PublicKey key = options.public_key;
  if (draining_ || !ClaimKey(now, key, nullptr)) return std::nullopt;
  const auto id = static_cast<PeerId>(peers_.size());
  context_.changed.push_back(++context_.version);
  context_.sessions_changed.push_back(0);
  Peer* peer =
      peers_.emplace_back(std::make_unique<Peer>(now, context_, id, std::move(options))).get();
  peers_by_key_[key] = peer;
  owners_[&peer->association()] = {.peer = peer};
  // It knows the ports. Where the ring of those to be told is yet to pass it, the ring is longer by one.
  if (untold_ > 0) ++untold_;
  Watch(*peer);
  peers_untold_ = !maps_.empty();
  return id;
}

void Node::RemovePeer(Instant now, PeerId id) {
  if (id >= peers_.size() || peers_[id] == nullptr) return;
  Peer& peer = *peers_[id];
  peer.Shutdown(now);
  // Its association has left the session table, so nothing that arrives can be given to it any more.
  assert(peer.association().receive_sessions().empty() && !peer.association().initiating());
  owners_.erase(&peer.association());
  absl::erase_if(peers_by_key_, [&peer](const auto& entry) { return entry.second == &peer; });
  peers_[id].reset();
  timers_.Set(id, kNever);
  context_.changed[id] = ++context_.version;
  peers_untold_ = !maps_.empty();
}

void Node::RenamePeer(PeerId id, const std::string& name) {
  if (id < peers_.size() && peers_[id] != nullptr) peers_[id]->SetName(name);
}

void Node::SetTerms(Instant now, const Timers& timers, size_t window) {
  if (draining_ || (Same(timers, identity_.timers()) && window == context_.window)) return;
  identity_.set_timers(timers);
  context_.window = window;
  ++context_.tuning;
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer != nullptr) timers_.Set(peer->id(), now);
  }
}

void Node::SetPeerEndpoints(Instant now, PeerId id, EndpointSource source,
                            std::span<const wire::Endpoint> endpoints, uint32_t instance) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return;
  peers_[id]->SetEndpoints(now, source, instance, endpoints);
  Watch(*peers_[id]);
}

void Node::SetSpreads(Instant now, PeerId id, bool spreads) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return;
  peers_[id]->SetSpreads(now, spreads);
  Watch(*peers_[id]);
}

void Node::TellPeers(Instant now) {
  if (!std::exchange(peers_untold_, false)) return;
  const std::vector<wire::PublicKey> keys = PeerKeys();
  for (const Map& map : maps_) {
    map.driver->SetPeers(now, keys);
    TellRelayWishes(now, *map.driver);
  }
}

// A map, or a key of a peer, is new to the other.
void Node::TellRelayWishes(Instant now, MapDriver& map) {
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer == nullptr) continue;
    for (const auto& key : peer->association().keys().remotes().entries())
      map.SetRelayWanted(now, key.key, peer->wants_relay());
  }
}

// --- Maps. ---

MapId Node::AddMap(Instant now, std::unique_ptr<MapDriver> map) {
  assert(map != nullptr);
  const MapId id = next_map_++;
  MapDriver* driver = map.get();
  maps_.push_back({.id = id, .driver = std::move(map)});
  owners_[&driver->association()] = {.map = driver};
  driver->SetPorts(now, ports_);
  driver->SetPeers(now, PeerKeys());
  TellRelayWishes(now, *driver);
  return id;
}

void Node::LookAgain(Instant now, PortId port) {
  if (draining_) return;
  for (Map& map : maps_) map.driver->LookAgain(now, port);
}

void Node::RemoveMap(Instant now, MapId id) {
  const auto map =
      std::find_if(maps_.begin(), maps_.end(), [id](const Map& one) { return one.id == id; });
  if (draining_ || map == maps_.end()) return;
  map->driver->Shutdown(now, context_.outbox);
  // As with a peer: nothing that arrives can be given to it any more.
  owners_.erase(&map->driver->association());
  maps_.erase(map);
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer == nullptr) continue;
    peer->ForgetMap(now, id);
    Watch(*peer);
  }
  context_.sessions_version = ++context_.version;
}

}  // namespace warp::protocol
