#include "control/protocol/node/node.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "control/protocol/control_message.h"
#include "control/protocol/session/association_messages.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {

Node::Node(NodeOptions options)
    : identity_(std::move(options.identity)),
      context_{.identity = identity_,
               .table = table_,
               .ports = ports_,
               .listen_port = options.listen_port,
               .allow_loopback = options.allow_loopback,
               .window = options.window,
               .traffic = std::move(options.traffic),
               .newest = std::move(options.newest),
               .feedback = std::move(options.feedback)},
      responder_(identity_, table_, Role::kPeer) {}

Node::~Node() = default;

// --- Ports. ---

void Node::SetPort(Instant now, PortId id, const PortState& state) {
  const auto [it, added] = ports_.try_emplace(id);
  PortState known = state;
  // Maps and handshakes see a port that wants nothing to go by it as one that is down.
  known.up &= known.use != PortUse::kNone;
  if (draining_ || (!added && it->second == known)) return;
  it->second = std::move(known);
  context_.outbox.SetSilent(id, state.use == PortUse::kNone);
  PortsChanged(now);
}

void Node::RemovePort(Instant now, PortId id) {
  context_.outbox.SetSilent(id, false);
  if (ports_.erase(id) > 0 && !draining_) PortsChanged(now);
}

void Node::PortsChanged(Instant now) {
  untold_ = peers_.size();  // where some were untold before, the ring begins with them
  TellPorts(now);
  for (const Map& map : maps_) map.driver->SetPorts(now, ports_);
}

void Node::TellPorts(Instant now) {
  for (; untold_ > 0 && may_tell_ > 0; --untold_, --may_tell_) {
    if (next_untold_ >= peers_.size()) next_untold_ = 0;
    Peer* const peer = peers_[next_untold_++].get();
    if (peer == nullptr) continue;
    peer->PortsChanged(now);
    Watch(*peer);
  }
}

// --- What arrives. ---

Arrival Node::Known(Arrival arrival) const {
  if (const auto port = ports_.find(arrival.port); port != ports_.end())
    arrival.from = port->second.Known(arrival.from);
  return arrival;
}

void Node::HandleHandshake(Instant now, const Arrival& arrived, wire::Bytes datagram) {
  if (draining_) return;
  const Arrival arrival = Known(arrived);
  // Nobody is answered at an address that another node cannot have.
  if (!AcceptableEndpoint(arrival.from, context_.allow_loopback) ||
      IsOwnEndpoint(ports_, context_.listen_port, arrival.from, arrival.port)) {
    return Count(wire::Drop::kBadSource);
  }
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (now >= next_key_look_) LookAtKeys(now);  // after a suspend, messages may come before timeouts
  if (type == wire::MessageType::kInitiation) {
    Peer* found = nullptr;
    const auto find = [&](const wire::PublicKey& key) -> Association* {
      const auto it = peers_by_key_.find(key);
      if (it == peers_by_key_.end()) return nullptr;
      found = it->second;
      return &found->association();
    };
    const auto secrets = responder_.cookie_secrets();
    Count(responder_.HandleInitiation(now, arrival, datagram, find, context_.outbox));
    if (responder_.cookie_secrets() != secrets) ++context_.version;
    if (found != nullptr) {
      found->AssociationChanged(now);
      Watch(*found);
    }
  } else if (type && *type != wire::MessageType::kSealed) {
    HandleReply(now, arrival, datagram, *type);
  } else {
    Count(wire::Drop::kUnknownType);
  }
}

void Node::HandleReply(Instant now, const Arrival& arrival, wire::Bytes datagram,
                       wire::MessageType type) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  if (!index) return Count(wire::Drop::kHandshakeFailed);
  const bool is_response = type == wire::MessageType::kResponse;
  if (is_response && responder_.FindOwn(datagram) == nullptr) return Count(wire::Drop::kBadMac);
  Association* association = table_.Find(*index);
  if (association == nullptr) return Count(wire::Drop::kUnknownSession);
  const wire::Drop drop = is_response ? association->HandleResponse(now, arrival, datagram)
                          : type == wire::MessageType::kRetry
                              ? association->HandleRetry(now, datagram)
                              : association->HandleCookieReply(now, arrival, datagram);
  if (drop != wire::Drop::kNone) return Count(drop);
  if (const Owner owner = OwnerOf(association); owner.peer != nullptr) {
    owner.peer->AssociationChanged(now);
    Watch(*owner.peer);
  } else {
    FollowMaps(now);
  }
}

void Node::HandleControl(Instant now, const OpenedMessage& arrived) {
  if (draining_) return;
  OpenedMessage opened = arrived;
  opened.arrival = Known(arrived.arrival);
  const Association* association = FindAssociation(opened.session);
  if (association == nullptr) return Count(wire::Drop::kUnknownSession);
  const Owner owner = OwnerOf(association);
  if (owner.peer != nullptr) {
    owner.peer->NoteAuthentic(now, opened.session, opened.counter);
    Count(owner.peer->HandleControl(now, opened));
    if (const std::optional<wire::Route> learned = owner.peer->TakeLearned()) {
      const auto is_relays = [&](const Map& map) { return map.driver->NoteForwarded(*learned); };
      if (std::any_of(maps_.begin(), maps_.end(), is_relays)) FollowMaps(now);
    }
    Watch(*owner.peer);
  } else {
    Count(HandleMapControl(now, *owner.map, opened));
    FollowMaps(now);
  }
}

wire::Drop Node::HandleMapControl(Instant now, MapDriver& map, const OpenedMessage& opened) {
  map.association().NoteAuthentic(now, opened.session, opened.counter);
  assert(map.association().send_session() != nullptr);
  return IsMapMessage(opened.plaintext)
             ? map.HandleControl(now, opened, context_.outbox)
             : HandleAssociationMessage(now, opened, map.association(), context_.outbox);
}

void Node::NoteAuthentic(Instant now, const wire::Session* session, uint64_t counter) {
  if (draining_) return;
  const Association* association = FindAssociation(session);
  if (association == nullptr) return;
  if (const Owner owner = OwnerOf(association); owner.peer != nullptr) {
    owner.peer->NoteAuthentic(now, session, counter);
    owner.peer->NotePayload(now, session, counter);
    Watch(*owner.peer);
  }
}

void Node::NoteSent(Instant now, PeerId peer) {
  if (draining_ || peer >= peers_.size() || peers_[peer] == nullptr) return;
  peers_[peer]->NoteUse(now);
  Watch(*peers_[peer]);
}

void Node::HintSize(Instant now, std::optional<PortId> port, const wire::IpAddress& remote,
                    uint32_t size) {
  if (draining_) return;
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer != nullptr && peer->HintSize(now, port, remote, size)) Watch(*peer);
  }
}

void Node::Count(wire::Drop drop) {
  if (drop != wire::Drop::kNone) drops_.Add(drop);
}

// --- Time. ---

Instant Node::NextTimeout() const {
  if (draining_) return unclosed_ > 0 ? Instant{} : kNever;
  if (untold_ > 0 || peers_untold_) return Instant{};  // at once
  Instant next = std::min(timers_.Next(), next_key_look_);
  for (const Map& map : maps_) next = std::min(next, map.driver->NextTimeout());
  return next;
}

void Node::HandleTimeout(Instant now) {
  if (draining_) return ClosePeers(now);
  may_tell_ = kPeersPerTurn;
  if (now >= next_key_look_) LookAtKeys(now);
  TellPorts(now);
  TellPeers(now);
  const uint64_t before = initiations_;
  ServeMaps(now);
  if (initiations_ == before) ServePeers(now);
  assert(initiations_ <= before + 1);
  FollowMaps(now);
}

// Up to the first that makes an initiation.
void Node::ServeMaps(Instant now) {
  for (const Map& map : maps_) {
    if (map.driver->NextTimeout() > now) continue;
    const uint64_t before = map.driver->association().initiations_made();
    map.driver->HandleTimeout(now, context_.outbox);
    const uint64_t made = map.driver->association().initiations_made() - before;
    initiations_ += made;
    if (made > 0) return;
  }
}

void Node::ServePeers(Instant now) {
  const size_t full = context_.outbox.size() + kDatagramsPerTimeout;
  for (size_t served = 0; served < kPeersPerTurn; ++served) {
    const std::optional<uint32_t> id = timers_.TakeDue(now);
    if (!id) return;
    Peer& peer = *peers_[*id];
    const uint64_t before = peer.association().initiations_made();
    peer.HandleTimeout(now);
    // What is due again already waits behind the others.
    timers_.Set(*id, std::max(now, peer.NextTimeout()));
    AskMaps(now, peer);
    const uint64_t made = peer.association().initiations_made() - before;
    initiations_ += made;
    if (made > 0 || context_.outbox.size() >= full) return;
  }
}

void Node::AskMaps(Instant now, Peer& peer) {
  if (peer.TakeLookUpAgain()) {
    for (const auto& key : peer.association().keys().remotes().entries()) {
      for (const Map& map : maps_) map.driver->LookUpAgain(now, key.key);
    }
  }
  if (const std::optional<bool> wanted = peer.TakeRelayWish()) {
    for (const auto& key : peer.association().keys().remotes().entries()) {
      for (const Map& map : maps_) map.driver->SetRelayWanted(now, key.key, *wanted);
    }
  }
  for (const PortId port : peer.TakeDoubtful()) {
    for (const Map& map : maps_) map.driver->LookAgain(now, port);
  }
}

void Node::FollowOutside(Instant now) {
  bool changed = false;
  for (Map& map : maps_) {
    auto outside = map.driver->TakeOutside();
    if (!outside) continue;
    map.outside = std::move(*outside);
    changed = true;
  }
  if (!changed) return;
  context_.outside.clear();
  for (const Map& map : maps_)
    context_.outside.insert(context_.outside.end(), map.outside.begin(), map.outside.end());
  untold_ = peers_.size();
  TellPorts(now);
}

void Node::FollowMaps(Instant now) {
  FollowOutside(now);
  for (Map& map : maps_) {
    if (const uint64_t version = map.driver->association().version(); version != map.seen_version) {
      map.seen_version = version;
      context_.sessions_version = ++context_.version;
    }
    for (const FoundEndpoints& found : map.driver->TakeFound()) {
      assert(!found.endpoints.empty());
      const auto peer = peers_by_key_.find(found.peer);
      if (peer == peers_by_key_.end()) continue;
      peer->second->SetFound(now, map.id, found.peer, found.endpoints);
      Watch(*peer->second);
    }
    for (const RelayedEndpoints& relayed : map.driver->TakeRelayed()) {
      const auto peer = peers_by_key_.find(relayed.peer);
      if (peer == peers_by_key_.end()) continue;
      peer->second->SetRelayed(now, map.id, relayed.peer, relayed.endpoints);
      Watch(*peer->second);
    }
  }
}

void Node::Shutdown(Instant now) {
  if (draining_) return;
  for (const Map& map : maps_) map.driver->Shutdown(now, context_.outbox);
  draining_ = true;
  unclosed_ = peers_.size();
  ClosePeers(now);
  ++context_.version;
}

void Node::ClosePeers(Instant now) {
  for (size_t i = 0; i < kPeersPerTurn && unclosed_ > 0; ++i) {
    Peer* const peer = peers_[--unclosed_].get();
    if (peer != nullptr) peer->Shutdown(now);
  }
}

// --- What is. ---

Node::Owner Node::OwnerOf(const Association* association) const {
  // Every association of the session table is a peer's or a map's.
  const auto it = owners_.find(association);
  assert(it != owners_.end() && (it->second.peer == nullptr) != (it->second.map == nullptr));
  return it->second;
}

Association* Node::FindAssociation(const wire::Session* session) const {
  if (session == nullptr) return nullptr;
  Association* association = table_.Find(session->local_index());
  return association != nullptr && association->SessionOrder(session) != 0 ? association : nullptr;
}

std::optional<PeerId> Node::PeerOf(const wire::Session* session) const {
  const Association* association = FindAssociation(session);
  if (association == nullptr) return std::nullopt;
  const Owner owner = OwnerOf(association);
  if (owner.peer == nullptr) return std::nullopt;
  return owner.peer->id();
}

}  // namespace warp::protocol
