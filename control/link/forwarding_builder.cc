#include "control/link/forwarding_builder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <optional>
#include <utility>

#include "dataplane/wire/constants.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {
namespace {

// Returns how many bytes a datagram may hold on a path: the MTU less the headers of IP and UDP.
size_t DatagramRoom(size_t mtu, bool v6) {
  const size_t headers =
      (v6 ? wire::kFrameHeaderSizeV6 : wire::kFrameHeaderSizeV4) - wire::kEthernetHeaderSize;
  return mtu > headers ? mtu - headers : 0;
}

size_t PlaintextRoom(size_t datagram) {
  return datagram > wire::kMinSealedSize ? datagram - wire::kMinSealedSize : 0;
}

}  // namespace

ForwardingBuilder::ForwardingBuilder(uint16_t listen_port, uint16_t max_ports)
    : listen_port_(listen_port), max_ports_(max_ports) {}

PeerRoute& ForwardingBuilder::Route(wire::PeerId peer) {
  std::unique_ptr<PeerRoute>& route = routes_[peer];
  if (route == nullptr) {
    route = std::make_unique<PeerRoute>();
    route->peer = peer;
  }
  return *route;
}

const lcore::PathCounters* ForwardingBuilder::Counters(wire::PathId path) const {
  const auto found = counters_.find(path);
  return found == counters_.end() ? nullptr : found->second.get();
}

// --- What changed. ---

void ForwardingBuilder::PortsChanged() {
  for (wire::PeerId peer = 0; peer < peers_.size(); ++peer) waiting_.Add(peer);
}

void ForwardingBuilder::NextHopChanged(wire::PortId port, const Flow& flow) {
  const auto peers = hops_.find(Hop(port, flow));
  if (peers == hops_.end()) return;
  for (const wire::PeerId peer : peers->second) waiting_.Add(peer);
}

void ForwardingBuilder::RetryNextHops() {
  for (const wire::PeerId peer : std::exchange(hop_lacks_, {})) {
    peers_[peer].hop_lacks = false;
    waiting_.Add(peer);
  }
}

void ForwardingBuilder::TakeFacts(protocol::ForwardingPeer facts) {
  const wire::PeerId id = facts.id;
  Peer& peer = peers_[id];
  // Only the counters of paths that still exist are kept. The others go with the last snapshot that names their path.
  absl::flat_hash_map<wire::PathId, std::shared_ptr<lcore::PathCounters>> old_counters;
  for (const protocol::PathStatus& path : peer.facts.paths) {
    old_counters[path.id] = std::move(counters_[path.id]);
    counters_.erase(path.id);
    if (!path.carries) continue;
    const auto users = hops_.find(HopOf(path));
    if (users == hops_.end()) continue;
    std::erase(users->second, id);
    if (users->second.empty()) hops_.erase(users);
  }
  for (const protocol::PathStatus& path : facts.paths) {
    const auto old = old_counters.find(path.id);
    counters_[path.id] = old != old_counters.end() ? std::move(old->second)
                                                   : std::make_shared<lcore::PathCounters>();
    if (!path.carries) continue;
    std::vector<wire::PeerId>& users = hops_[HopOf(path)];
    if (users.empty() || users.back() != id) users.push_back(id);
  }
  peer.slots.Keep([this](wire::PathId path) { return counters_.contains(path); });
  peer.facts = std::move(facts);
  waiting_.Add(id);
}

// --- Sessions. ---

void ForwardingBuilder::AddSession(const std::shared_ptr<wire::Session>& session,
                                   wire::PeerId peer) {
  sessions_[session->local_index() & (sessions_.size() - 1)] = {.session = session, .peer = peer};
}

void ForwardingBuilder::RemoveSession(const std::shared_ptr<wire::Session>& session) {
  lcore::SessionEntry& entry = sessions_[session->local_index() & (sessions_.size() - 1)];
  if (entry.session == session) entry = {};
}

// All that ended go first, because one that is new may have the slot of any of them. It may also have the slot of one
// that ended of a peer that `changes` does not name yet: protocol promises a slot for each session that lives.
void ForwardingBuilder::TakeSessions(const protocol::ForwardingState& changes) {
  for (const std::shared_ptr<wire::Session>& session : map_sessions_) RemoveSession(session);
  for (const protocol::ForwardingPeer& peer : changes.peers) {
    for (const auto& session : peers_[peer.id].facts.receive) RemoveSession(session);
  }
  if (const size_t slots = std::max<size_t>(changes.session_slots, 1); sessions_.size() != slots) {
    assert(std::has_single_bit(slots));
    const std::vector<lcore::SessionEntry> old =
        std::exchange(sessions_, std::vector<lcore::SessionEntry>(slots));
    for (const lcore::SessionEntry& entry : old) {
      if (entry.session != nullptr) AddSession(entry.session, entry.peer);
    }
  }
  map_sessions_ = changes.map_sessions;
  for (const auto& session : map_sessions_) AddSession(session, wire::kNoPeer);
  for (const protocol::ForwardingPeer& peer : changes.peers) {
    for (const auto& session : peer.receive) AddSession(session, peer.id);
  }
}

// --- The snapshot. ---

std::unique_ptr<const lcore::Snapshot> ForwardingBuilder::Build(
    protocol::ForwardingState changes, const std::map<wire::PortId, ForwardingPort>& ports,
    NextHopFunction next_hop) {
  auto snapshot = std::make_unique<lcore::Snapshot>();
  snapshot->guard = {
      .mac1_keys = changes.mac1_keys, .cookies = changes.cookies, .indices = changes.indices};
  snapshot->listen_port = listen_port_;

  snapshot->ports.resize(max_ports_);
  for (const auto& [id, port] : ports) {
    lcore::PortEntry& entry = snapshot->ports[id];
    entry.present = true;
    entry.up = port.kernel.up() && port.worker_alive;
    entry.addresses = port.kernel.addresses;
    entry.addresses.insert(entry.addresses.end(), port.kernel.link_locals.begin(),
                           port.kernel.link_locals.end());
  }

  for (const protocol::ForwardingPeer& peer : changes.peers) {
    if (peers_.size() <= peer.id) peers_.resize(peer.id + 1);
  }
  TakeSessions(changes);
  for (protocol::ForwardingPeer& peer : changes.peers) TakeFacts(std::move(peer));
  snapshot->sessions = sessions_;

  BuildPeers(ports, next_hop);
  snapshot->peers.reserve(peers_.size());
  for (const Peer& peer : peers_) snapshot->peers.push_back(peer.entry);
  return snapshot;
}

void ForwardingBuilder::BuildPeers(const std::map<wire::PortId, ForwardingPort>& ports,
                                   NextHopFunction next_hop) {
  built_ = waiting_.Take(kPeersPerBuild);
  for (const wire::PeerId id : built_) {
    peers_[id].entry = std::make_shared<lcore::PeerEntry>(BuildPeer(id, ports, next_hop));
  }
  peers_built_ += built_.size();
}

// The facts of a peer that nobody has named yet are empty, and so are its entry and its route.
lcore::PeerEntry ForwardingBuilder::BuildPeer(wire::PeerId id,
                                              const std::map<wire::PortId, ForwardingPort>& ports,
                                              NextHopFunction next_hop) {
  const protocol::ForwardingPeer& peer = peers_[id].facts;
  bool hop_lacks = false;
  lcore::PeerEntry entry;
  entry.send_session = peer.send;
  PeerRoute& route = Route(id);
  route.session = peer.send;
  route.homes.clear();
  route.paths.clear();
  // What a datagram may hold on the narrowest and on the widest sending path.
  std::optional<size_t> narrowest;
  size_t widest = 0;
  bool others_work = false;  // than last resorts

  for (const protocol::PathStatus& path : peer.paths) {
    const auto port = ports.find(path.port);
    if (port == ports.end()) continue;
    lcore::PathEntry& built = entry.paths.emplace_back();
    built.id = path.id;
    built.port = path.port;
    // What the path was proven with, whatever the port would make of its endpoint by now.
    const wire::Endpoint& remote = path.target;
    built.remote = remote;
    built.counters = counters_.at(path.id);
    if (!path.carries || !port->second.kernel.up() || !port->second.worker_alive) {
      continue;
    }
    const NextHop* hop =
        next_hop(path.port, {.local = {path.local, listen_port_}, .remote = remote});
    hop_lacks |= hop == nullptr;
    if (hop == nullptr || !hop->reachable() || hop->source.is_v4() != remote.address.is_v4()) {
      continue;
    }
    built.send = true;
    built.slot = peers_[id].slots.Of(path.id);
    built.frame = wire::MakeFrameTemplate(
        port->second.info.mac, hop->mac, {hop->source, listen_port_}, remote,
        port->second.info.on_wire ? wire::UdpChecksum::kAlways : wire::UdpChecksum::kNoneOnV4);
    size_t mtu = std::min<size_t>(port->second.info.mtu, port->second.kernel.mtu);
    if (hop->mtu != 0) mtu = std::min<size_t>(mtu, hop->mtu);
    // The protocol measures what leaves as IPv4.
    const uint16_t growth = remote == path.remote ? uint16_t{0} : wire::Nat64Prefix::kGrowth;
    if (path.size != 0) mtu = std::min<size_t>(mtu, path.size + growth);
    const size_t room = DatagramRoom(mtu, built.frame.is_v6());
    built.max_datagram = static_cast<uint32_t>(room);
    narrowest = std::min(narrowest.value_or(room), room);
    widest = std::max(widest, room);
    route.paths.push_back({.id = path.id,
                           .slot = built.slot,
                           .port = path.port,
                           .remote_port = path.remote_port,
                           .last_resort = path.use == protocol::PortUse::kLastResort,
                           .told_rate = path.told_rate * uint64_t{1000} / 8,
                           .worker = port->second.info.worker,
                           .max_plaintext = PlaintextRoom(room),
                           .remote = remote,
                           .round_trip = path.rtt.value_or(wire::Duration())});
    others_work |= !route.paths.back().last_resort && path.state == protocol::PathState::kActive;
    if (std::find(route.homes.begin(), route.homes.end(), port->second.info.worker) ==
        route.homes.end()) {
      route.homes.push_back(port->second.info.worker);
    }
  }
  for (RoutePath& path : route.paths) path.stands_by = path.last_resort && others_work;
  const auto by_port = [](const auto& a, const auto& b) { return a.port < b.port; };
  std::stable_sort(entry.paths.begin(), entry.paths.end(), by_port);
  std::stable_sort(route.paths.begin(), route.paths.end(), by_port);
  std::sort(route.homes.begin(), route.homes.end());
  if (hop_lacks && !std::exchange(peers_[id].hop_lacks, true)) hop_lacks_.push_back(id);
  route.max_plaintext = PlaintextRoom(widest);
  route.max_fragment = PlaintextRoom(narrowest.value_or(0));
  return entry;
}

}  // namespace warp::control
