// What a node and its peers tell of themselves, and of maps.
#include <algorithm>
#include <bit>
#include <cassert>
#include <numeric>

#include "control/protocol/node/node.h"

namespace warp::protocol {

std::vector<ChangedPeer> Node::ChangedPeers(uint64_t since) const {
  std::vector<ChangedPeer> changed;
  for (size_t id = 0; id < peers_.size(); ++id) {
    if (context_.changed[id] <= since) continue;
    changed.push_back({static_cast<PeerId>(id), context_.sessions_changed[id] > since});
  }
  return changed;
}

ForwardingState Node::GetForwarding(uint64_t since) const {
  std::vector<PeerId> peers;
  for (const ChangedPeer& peer : ChangedPeers(since)) peers.push_back(peer.id);
  return GetForwarding(peers);
}

ForwardingState Node::GetForwarding(std::span<const PeerId> peers) const {
  ForwardingState forwarding{.session_slots = table_.slots(),
                             .mac1_keys = OwnMac1Keys(),
                             .cookies = responder_.cookie_secrets(),
                             .indices = indices_};
  assert(std::has_single_bit(forwarding.session_slots));
  forwarding.peers.reserve(peers.size());
  for (const PeerId id : peers) {
    ForwardingPeer& entry = forwarding.peers.emplace_back();
    entry.id = id;
    const Peer* const peer = peers_[id].get();
    if (peer == nullptr) continue;
    entry.send = peer->association().send_session();
    entry.receive = peer->association().receive_sessions();
    entry.paths = peer->PathStatuses();
  }
  for (const Map& map : maps_) {
    for (auto& session : map.driver->association().receive_sessions()) {
      forwarding.map_sessions.push_back(std::move(session));
    }
  }
  return forwarding;
}

std::vector<PeerStatus> Node::Peers() const {
  std::vector<PeerId> peers(peers_.size());
  std::iota(peers.begin(), peers.end(), PeerId{0});
  return Peers(peers);
}

std::vector<PeerStatus> Node::Peers(std::span<const PeerId> peers) const {
  std::vector<PeerStatus> statuses;
  for (const PeerId id : peers) {
    if (peers_[id] != nullptr) statuses.push_back(peers_[id]->status());
  }
  return statuses;
}

PeerStatus Peer::status() const {
  const absl::string_view no_path =
      book_.All().empty() ? "no endpoint is known" : "no port reaches an endpoint";
  PeerStatus status{.id = id_,
                    .name = name_,
                    .public_key = public_key(),
                    .connected = connected_,
                    .reason = connected_ || !paths_.paths().empty() ? reason_ : no_path,
                    .since = since_,
                    .session = association_.send_session(),
                    .established = association_.established(),
                    .paths = PathStatuses(),
                    .paths_without_room = paths_.without_room(),
                    .twins = twins_.twins(),
                    .twins_since = twins_.since(),
                    .twins_seen = twins_.seen()};
  if (const HandshakeKeys* const keys = association_.session_keys()) {
    status.session_own = keys->own;
    status.session_remote = keys->remote;
  }
  const Duration old_keys_for = context_.identity.old_keys_for();
  const auto& remotes = association_.keys().remotes();
  for (const auto& entry : remotes.entries()) {
    if (&entry != &remotes.newest())
      status.old_keys.push_back({entry.key, remotes.EndOf(entry, old_keys_for)});
  }
  const auto& psks = association_.keys().psks();
  if (psks.has_old()) status.old_psk_ends = psks.EndOf(psks.entries()[1], old_keys_for);
  return status;
}

std::vector<PathStatus> Peer::PathStatuses() const {
  std::vector<PathStatus> statuses;
  statuses.reserve(paths_.paths().size());
  for (const Path& path : paths_.paths()) {
    PathStatus& status = statuses.emplace_back(path.status());
    if (status.remote_port) status.told_rate = limits_.RateOf(*status.remote_port);
  }
  return statuses;
}

std::vector<MapStatus> Node::Maps() const {
  std::vector<MapStatus> maps;
  for (const Map& map : maps_) maps.push_back(map.driver->Status());
  return maps;
}

bool Node::HearsByTranslation(PortId id) const {
  const auto port = ports_.find(id);
  if (port == ports_.end() || !port->second.nat64) return false;
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer != nullptr && peer->HearsByTranslation(id)) return true;
  }
  // A map that has seen a port with IPv6 alone at an IPv4 address has seen what was translated.
  for (const Map& map : maps_) {
    const std::vector<MapRegistration> seen = map.driver->Status().registrations;
    if (std::any_of(seen.begin(), seen.end(), [id](const MapRegistration& one) {
          return one.port == id && one.endpoint.address.is_v4();
        }))
      return true;
  }
  return false;
}

bool Peer::HearsByTranslation(PortId port) const {
  const std::vector<Path>& all = paths_.paths();
  return std::any_of(all.begin(), all.end(), [port](const Path& path) {
    return path.route().port == port && path.active() &&
           path.target() != path.route().remote.address;
  });
}

}  // namespace warp::protocol
