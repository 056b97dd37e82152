#include "control/observe/peer_events.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

using protocol::PathState;

// A peer says itself which port of its own a path leads to. What it has told long ago is forgotten beyond this.
constexpr size_t kMostSights = 1024;

bool FarFrom(uint64_t capacity, uint64_t told) {
  return capacity > told + told / 4 || capacity < told - told / 4;
}

}  // namespace

void PeerEvents::Note(const std::vector<protocol::PeerStatus>& peers, PortNameFunction port_name) {
  for (const protocol::PeerStatus& now : peers) {
    Peer& peer = peers_[now.id];
    peer.name = now.name;
    NoteState(peer, now);
    NoteMoves(peer, now, port_name);
    NotePaths(peer, now, port_name);
    NoteRelay(peer, now, port_name);
  }
}

void PeerEvents::NoteState(Peer& peer, const protocol::PeerStatus& now) {
  if (peer.connected != now.connected) {
    peer.connected = now.connected;
    now.connected ? ++connected_count_ : --connected_count_;
    log_.Raise({.kind = now.connected ? EventKind::kPeerConnected : EventKind::kPeerDisconnected,
                .peer = now.name,
                .reason = std::string(now.reason)});
  }
  if (now.twins.empty() || peer.twins_since == now.twins_since) return;
  peer.twins_since = now.twins_since;
  log_.Raise(
      {.kind = EventKind::kKeyUsedTwice,
       .peer = now.name,
       .reason = absl::StrCat(now.twins.front().ToString(), ", ", now.twins.back().ToString())});
}

void PeerEvents::NotePaths(Peer& peer, const protocol::PeerStatus& now,
                           PortNameFunction port_name) {
  const auto raise = [&](EventKind kind, const Path& path, absl::string_view reason) {
    log_.Raise({.kind = kind,
                .peer = now.name,
                .port = path.port,
                .endpoint = path.remote.ToString(),
                .reason = std::string(reason)});
  };
  absl::flat_hash_map<wire::PathId, Path> before = std::exchange(peer.paths, {});
  for (const protocol::PathStatus& status : now.paths) {
    Path& path = peer.paths[status.id] = std::move(before[status.id]);
    before.erase(status.id);
    const PathState old = std::exchange(path.state, status.state);
    // A port that is being closed has no name any more.
    if (path.port.empty() || status.state == PathState::kActive) path.port = port_name(status.port);
    path.remote = status.remote;
    if (old == status.state) continue;
    if (status.state == PathState::kActive) raise(EventKind::kPathUp, path, status.reason);
    if (old == PathState::kActive) raise(EventKind::kPathDown, path, status.reason);
  }
  for (const auto& [id, path] : before) {
    if (path.state == PathState::kActive) {
      raise(EventKind::kPathDown, path, "the port or the endpoint is gone");
    }
  }
}

// A peer is relayed to as long as any path through a relay carries, be there several.
void PeerEvents::NoteRelay(Peer& peer, const protocol::PeerStatus& now,
                           PortNameFunction port_name) {
  const auto carries = [&](bool relayed) {
    return std::find_if(now.paths.begin(), now.paths.end(), [relayed](const auto& path) {
      return path.carries && path.relayed == relayed;
    });
  };
  const auto relay = carries(true);
  const bool relayed = relay != now.paths.end();
  if (std::exchange(peer.relayed, relayed) == relayed) return;
  if (relayed) {
    log_.Raise({.kind = EventKind::kRelayBegun,
                .peer = now.name,
                .port = port_name(relay->port),
                .endpoint = relay->remote.ToString()});
    return;
  }
  const bool direct = carries(false) != now.paths.end();
  log_.Raise({.kind = EventKind::kRelayEnded,
              .peer = now.name,
              .reason = direct ? "another path works" : "no path is left"});
}

// A port of the peer may be reached at several endpoints at a time. It has moved when the one that was known does not
// answer any more and another does. Several ports of ours see the same move, which is told once.
void PeerEvents::NoteMoves(Peer& peer, const protocol::PeerStatus& now,
                           PortNameFunction port_name) {
  std::map<Sight, std::vector<const protocol::PathStatus*>> active;
  for (const protocol::PathStatus& path : now.paths) {
    // A relay's endpoint is the map's, and not where the peer is.
    if (path.state != PathState::kActive || !path.remote_port.has_value() || path.relayed) continue;
    active[{path.port, *path.remote_port, path.remote.address.is_v4()}].push_back(&path);
  }
  if (peer.seen_at.size() > kMostSights) {
    std::erase_if(peer.seen_at, [&](const auto& seen) { return !active.contains(seen.first); });
  }
  for (const auto& [sight, paths] : active) {
    const auto [known, is_new] = peer.seen_at.try_emplace(sight, paths.front()->remote);
    const wire::Endpoint before = known->second;
    const bool stays = std::any_of(paths.begin(), paths.end(),
                                   [&](const auto* path) { return path->remote == before; });
    if (is_new || stays) continue;
    known->second = paths.front()->remote;
    if (peer.last_move == std::pair(before, known->second)) continue;
    peer.last_move = {before, known->second};
    log_.Raise({.kind = EventKind::kPeerMoved,
                .peer = now.name,
                .port = port_name(sight.port),
                .endpoint = known->second.ToString(),
                .endpoint_before = before.ToString()});
  }
}

void PeerEvents::Forget(wire::PeerId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  protocol::PeerStatus gone;
  gone.id = id;
  gone.name = found->second.name;
  gone.reason = "the configuration has it no more";
  Note({gone}, [](wire::PortId) { return std::string(); });
  peers_.erase(id);
}

void PeerEvents::NoteCapacity(wire::PeerId id, wire::PathId path_id, uint64_t capacity) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  const auto found = peer->second.paths.find(path_id);
  if (found == peer->second.paths.end()) return;
  Path& path = found->second;
  const uint64_t told = path.capacity;
  // The first is what the path has, and no change.
  if (told == 0) path.capacity = capacity;
  path.away = told != 0 && FarFrom(capacity, told) ? path.away + 1 : 0;
  if (path.away < kCapacityLooks) return;
  path.away = 0;
  path.capacity = capacity;
  log_.Raise({.kind = EventKind::kCapacityChanged,
              .peer = peer->second.name,
              .port = path.port,
              .endpoint = path.remote.ToString(),
              .value = capacity,
              .before = told});
}

}  // namespace warp::control
