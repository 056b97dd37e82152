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

void AddSession(lcore::Snapshot& snapshot, const std::shared_ptr<wire::Session>& session,
                wire::PeerId peer) {
  if (session == nullptr) return;
  lcore::SessionEntry& entry =
      snapshot.sessions[session->local_index() & (snapshot.sessions.size() - 1)];
  assert(entry.session == nullptr);  // protocol promises a slot for each
  entry = {.session = session, .peer = peer};
}

}  // namespace

ForwardingBuilder::ForwardingBuilder(const lcore::HandshakeGuard& guard, uint16_t listen_port,
                                     uint16_t max_ports)
    : guard_(guard), listen_port_(listen_port), max_ports_(max_ports) {}

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

std::unique_ptr<const lcore::Snapshot> ForwardingBuilder::Build(
    const protocol::ForwardingState& state, const std::map<wire::PortId, ForwardingPort>& ports,
    NextHopFunction next_hop) {
  auto snapshot = std::make_unique<lcore::Snapshot>();
  snapshot->guard = guard_;
  snapshot->guard.cookies = state.cookies;
  snapshot->guard.indices = state.indices;
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

  snapshot->sessions.resize(std::max<size_t>(state.session_slots, 1));
  assert(std::has_single_bit(snapshot->sessions.size()));
  for (const std::shared_ptr<wire::Session>& session : state.map_sessions) {
    AddSession(*snapshot, session, wire::kNoPeer);
  }

  // Only the counters of paths that still exist are kept. The others go with the last snapshot that names their path.
  auto old_counters = std::exchange(counters_, {});
  for (const protocol::ForwardingPeer& peer : state.peers) {
    for (const protocol::PathStatus& path : peer.paths) {
      std::shared_ptr<lcore::PathCounters>& counters = counters_[path.id];
      const auto old = old_counters.find(path.id);
      counters = old != old_counters.end() ? std::move(old->second)
                                           : std::make_shared<lcore::PathCounters>();
    }
    for (const std::shared_ptr<wire::Session>& session : peer.receive) {
      AddSession(*snapshot, session, peer.id);
    }
    if (snapshot->peers.size() <= peer.id) snapshot->peers.resize(peer.id + 1);
    snapshot->peers[peer.id] = BuildPeer(peer, ports, next_hop);
  }
  return snapshot;
}

lcore::PeerEntry ForwardingBuilder::BuildPeer(const protocol::ForwardingPeer& peer,
                                              const std::map<wire::PortId, ForwardingPort>& ports,
                                              NextHopFunction next_hop) {
  lcore::PeerEntry entry;
  entry.send_session = peer.send;
  PeerRoute& route = Route(peer.id);
  route.session = peer.send;
  route.homes.clear();
  std::optional<size_t> room;  // what a datagram may hold on the narrowest sending path

  for (const protocol::PathStatus& path : peer.paths) {
    const auto port = ports.find(path.port);
    if (port == ports.end()) continue;
    lcore::PathEntry& built = entry.paths.emplace_back();
    built.id = path.id;
    built.port = path.port;
    built.remote = path.remote;
    built.counters = counters_[path.id];
    if (!path.carries || !port->second.kernel.up() || !port->second.worker_alive) {
      continue;
    }
    const NextHop* hop = next_hop(path.port, path.remote.address);
    if (hop == nullptr || !hop->reachable() || hop->source.is_v4() != path.remote.address.is_v4()) {
      continue;
    }
    built.send = true;
    built.frame = wire::MakeFrameTemplate(port->second.info.mac, hop->mac,
                                          {hop->source, listen_port_}, path.remote);
    size_t mtu = std::min<size_t>(port->second.info.mtu, port->second.kernel.mtu);
    if (hop->mtu != 0) mtu = std::min<size_t>(mtu, hop->mtu);
    const size_t path_room = DatagramRoom(mtu, built.frame.is_v6());
    room = std::min(room.value_or(path_room), path_room);
    if (std::find(route.homes.begin(), route.homes.end(), port->second.info.worker) ==
        route.homes.end()) {
      route.homes.push_back(port->second.info.worker);
    }
  }
  std::stable_sort(entry.paths.begin(), entry.paths.end(),
                   [](const auto& a, const auto& b) { return a.port < b.port; });
  std::sort(route.homes.begin(), route.homes.end());
  const size_t datagram = room.value_or(0);
  route.max_plaintext = datagram > wire::kMinSealedSize ? datagram - wire::kMinSealedSize : 0;
  return entry;
}

}  // namespace warp::control
