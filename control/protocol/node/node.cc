#include "control/protocol/node/node.h"

#include <algorithm>
#include <utility>

#include "control/protocol/control_message.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {

Node::Node(NodeOptions options)
    : local_(std::move(options.local)),
      environment_{.local = local_,
                   .ports = ports_,
                   .listen_port = options.listen_port,
                   .allow_loopback = options.allow_loopback,
                   .window = options.window},
      responder_(local_, Role::kPeer) {}

Node::~Node() = default;

// --- Set-up -----------------------------------------------------------------------------------------------------------

std::optional<PeerId> Node::AddPeer(Instant now, PeerOptions options) {
  const wire::PublicKey key = options.public_key;
  if (draining_ || key.is_zero() || key == public_key() || peers_by_key_.contains(key))
    return std::nullopt;
  const auto id = static_cast<PeerId>(peers_.size());
  Peer* peer =
      peers_.emplace_back(std::make_unique<Peer>(now, environment_, id, std::move(options))).get();
  peers_by_key_[key] = peer;
  owners_[&peer->association()] = {.peer = peer};
  ++environment_.version;
  PeersChanged(now);
  return id;
}

void Node::RemovePeer(Instant now, PeerId id) {
  if (id >= peers_.size() || peers_[id] == nullptr) return;
  Peer& peer = *peers_[id];
  peer.Shutdown(now);
  owners_.erase(&peer.association());
  peers_by_key_.erase(peer.public_key());
  peers_[id].reset();
  ++environment_.version;
  PeersChanged(now);
}

void Node::SetPeerEndpoints(Instant now, PeerId id, EndpointSource source,
                            std::span<const wire::Endpoint> endpoints, uint32_t instance) {
  if (draining_ || id >= peers_.size() || peers_[id] == nullptr) return;
  peers_[id]->SetEndpoints(now, source, instance, endpoints);
}

MapId Node::AddMap(Instant now, std::unique_ptr<MapDriver> map) {
  const auto id = static_cast<MapId>(maps_.size());
  MapDriver* driver = map.get();
  maps_.push_back({.driver = std::move(map)});
  owners_[&driver->association()] = {.map = driver};
  driver->SetPorts(now, ports_);
  PeersChanged(now);
  return id;
}

void Node::SetPort(Instant now, PortId id, const PortState& state) {
  const auto [it, added] = ports_.try_emplace(id);
  if (draining_ || (!added && it->second == state)) return;
  it->second = state;
  PortsChanged(now);
}

void Node::RemovePort(Instant now, PortId id) {
  if (ports_.erase(id) > 0 && !draining_) PortsChanged(now);
}

void Node::PortsChanged(Instant now) {
  for (const auto& peer : peers_) {
    if (peer != nullptr) peer->PortsChanged(now);
  }
  for (const Map& map : maps_) map.driver->SetPorts(now, ports_);
}

void Node::PeersChanged(Instant now) {
  std::vector<wire::PublicKey> keys;
  for (const auto& peer : peers_) {
    if (peer != nullptr) keys.push_back(peer->public_key());
  }
  for (const Map& map : maps_) map.driver->SetPeers(now, keys);
}

// --- What arrives -----------------------------------------------------------------------------------------------------

void Node::HandleHandshake(Instant now, const Arrival& arrival, wire::Bytes datagram) {
  if (draining_) return;
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (type == wire::MessageType::kInitiation) {
    Peer* found = nullptr;
    const auto find = [&](const wire::PublicKey& key) -> Association* {
      const auto it = peers_by_key_.find(key);
      if (it == peers_by_key_.end()) return nullptr;
      found = it->second;
      return &found->association();
    };
    const auto drop =
        responder_.HandleInitiation(now, arrival, datagram, find, environment_.outbox);
    if (drop) Count(*drop);
    if (found != nullptr) found->AssociationChanged(now);
  } else if (type == wire::MessageType::kResponse || type == wire::MessageType::kCookieReply) {
    HandleReply(now, arrival, datagram, type == wire::MessageType::kResponse);
  } else {
    Count(wire::Drop::kUnknownType);
  }
}

void Node::HandleReply(Instant now, const Arrival& arrival, wire::Bytes datagram,
                       bool is_response) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  if (!index) return Count(wire::Drop::kHandshakeFailed);
  if (is_response && !responder_.VerifyMac1(datagram)) return Count(wire::Drop::kBadMac);
  Association* association = local_.sessions().Find(*index);
  if (association == nullptr) return Count(wire::Drop::kUnknownSession);
  const auto drop = is_response ? association->HandleResponse(now, arrival, datagram)
                                : association->HandleCookieReply(now, arrival, datagram);
  if (drop) return Count(*drop);
  if (const Owner owner = OwnerOf(association); owner.peer != nullptr) {
    owner.peer->AssociationChanged(now);
  } else {
    FollowMaps(now);
  }
}

void Node::HandleControl(Instant now, const Arrival& arrival, const wire::Session* session,
                         uint64_t counter, wire::Bytes plaintext) {
  if (draining_) return;
  const Association* association = FindAssociation(session);
  if (association == nullptr) return Count(wire::Drop::kUnknownSession);
  const Owner owner = OwnerOf(association);
  std::optional<wire::Drop> drop;
  if (owner.peer != nullptr) {
    owner.peer->NoteAuthentic(now, session);
    drop = owner.peer->HandleControl(now, arrival, session, plaintext);
  } else if (owner.map != nullptr) {
    drop = HandleMapControl(now, *owner.map, arrival, session, counter, plaintext);
    FollowMaps(now);
  }
  if (drop) Count(*drop);
}

std::optional<wire::Drop> Node::HandleMapControl(Instant now, MapDriver& map,
                                                 const Arrival& arrival,
                                                 const wire::Session* session, uint64_t counter,
                                                 wire::Bytes plaintext) {
  map.association().NoteAuthentic(now, session);
  if (IsMapMessage(plaintext)) {
    return map.HandleControl(now, arrival, session, counter, plaintext, environment_.outbox);
  }
  const auto decoded = DecodeControlMessage(plaintext);
  if (const auto* drop = std::get_if<wire::Drop>(&decoded)) return *drop;
  const auto& message = std::get<ControlMessage>(decoded);
  if (std::holds_alternative<Confirm>(message)) {
    map.association().HandleConfirm(arrival, session, environment_.outbox);
  } else if (std::holds_alternative<Close>(message)) {
    map.association().HandleClose(now, session);
  } else {
    return wire::Drop::kUnknownKind;  // a map does not probe
  }
  return std::nullopt;
}

void Node::NoteAuthentic(Instant now, const Arrival& arrival, const wire::Session* session) {
  (void)arrival;
  if (draining_) return;
  const Association* association = FindAssociation(session);
  if (association == nullptr) return;
  if (const Owner owner = OwnerOf(association); owner.peer != nullptr)
    owner.peer->NoteAuthentic(now, session);
}

std::optional<wire::MutableBytes> Node::HandleSealed(Instant now, const Arrival& arrival,
                                                     wire::MutableBytes datagram) {
  const std::optional<wire::DataHeader> header = wire::ReadDataHeader(datagram);
  if (!header) {
    Count(wire::Drop::kTruncated);
    return std::nullopt;
  }
  const Association* association = local_.sessions().Find(header->receiver_index);
  const std::shared_ptr<wire::Session> session =
      association != nullptr ? association->FindSession(header->receiver_index) : nullptr;
  if (draining_ || session == nullptr) {
    Count(wire::Drop::kUnknownSession);
    return std::nullopt;
  }
  const auto opened = session->Open(local_.engine(), datagram);
  if (const auto* drop = std::get_if<wire::Drop>(&opened)) {
    Count(*drop);
    return std::nullopt;
  }
  const auto& [counter, plaintext] = std::get<wire::Session::Opened>(opened);
  const std::optional<wire::Kind> kind = wire::ClassifyPlaintext(plaintext);
  if (kind == wire::Kind::kControl) {
    HandleControl(now, arrival, session.get(), counter, plaintext);
    return std::nullopt;
  }
  NoteAuthentic(now, arrival, session.get());
  if (!kind) {
    Count(wire::Drop::kUnknownKind);
    return std::nullopt;
  }
  return plaintext;
}

// --- Time -------------------------------------------------------------------------------------------------------------

Instant Node::NextTimeout() const {
  Instant next = kNever;
  if (draining_) return next;
  for (const auto& peer : peers_) {
    if (peer != nullptr) next = std::min(next, peer->NextTimeout());
  }
  for (const Map& map : maps_) next = std::min(next, map.driver->NextTimeout());
  return next;
}

void Node::HandleTimeout(Instant now) {
  if (draining_) return;
  for (const auto& peer : peers_) {
    if (peer == nullptr || peer->NextTimeout() > now) continue;
    peer->HandleTimeout(now);
    if (!peer->TakeSeek()) continue;
    for (const Map& map : maps_) map.driver->Seek(now, peer->public_key());
  }
  for (const Map& map : maps_) {
    if (map.driver->NextTimeout() <= now) map.driver->HandleTimeout(now, environment_.outbox);
  }
  FollowMaps(now);
}

void Node::FollowMaps(Instant now) {
  for (size_t id = 0; id < maps_.size(); ++id) {
    Map& map = maps_[id];
    if (const uint64_t version = map.driver->association().version(); version != map.seen_version) {
      map.seen_version = version;
      ++environment_.version;
    }
    for (const FoundEndpoints& found : map.driver->TakeFound()) {
      const auto peer = peers_by_key_.find(found.peer);
      if (peer == peers_by_key_.end() || found.endpoints.empty()) continue;
      peer->second->SetEndpoints(now, EndpointSource::kMap, static_cast<uint32_t>(id),
                                 found.endpoints);
    }
  }
}

void Node::Shutdown(Instant now) {
  if (draining_) return;
  for (const Map& map : maps_) map.driver->Shutdown(now, environment_.outbox);
  for (const auto& peer : peers_) {
    if (peer != nullptr) peer->Shutdown(now);
  }
  draining_ = true;
  ++environment_.version;
}

// --- What is ----------------------------------------------------------------------------------------------------------

Node::Owner Node::OwnerOf(const Association* association) const {
  const auto it = owners_.find(association);
  return it != owners_.end() ? it->second : Owner{};
}

Association* Node::FindAssociation(const wire::Session* session) const {
  if (session == nullptr) return nullptr;
  Association* association = local_.sessions().Find(session->local_index());
  return association != nullptr && association->SessionOrder(session) != 0 ? association : nullptr;
}

std::optional<PeerId> Node::PeerOf(const wire::Session* session) const {
  const Association* association = FindAssociation(session);
  if (association == nullptr) return std::nullopt;
  const Owner owner = OwnerOf(association);
  if (owner.peer == nullptr) return std::nullopt;
  return owner.peer->id();
}

Forwarding Node::GetForwarding() const {
  Forwarding forwarding{.session_slots = local_.sessions().slots()};
  for (const auto& peer : peers_) {
    if (peer == nullptr) continue;
    ForwardingPeer& entry = forwarding.peers.emplace_back();
    entry.id = peer->id();
    entry.send = peer->association().send_session();
    entry.receive = peer->association().receive_sessions();
    for (const Path& path : peer->paths().paths()) entry.paths.push_back(path.status());
  }
  for (const Map& map : maps_) {
    for (auto& session : map.driver->association().receive_sessions()) {
      forwarding.map_sessions.push_back(std::move(session));
    }
  }
  return forwarding;
}

std::vector<PeerStatus> Node::Peers() const {
  std::vector<PeerStatus> peers;
  for (const auto& peer : peers_) {
    if (peer != nullptr) peers.push_back(peer->status());
  }
  return peers;
}

std::vector<MapStatus> Node::Maps() const {
  std::vector<MapStatus> maps;
  for (const Map& map : maps_) maps.push_back(map.driver->Status());
  return maps;
}

}  // namespace warp::protocol
