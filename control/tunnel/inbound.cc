#include "control/tunnel/inbound.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/wire/drop.h"
#include "dataplane/wire/message.h"

namespace warp::control {
namespace {

using wire::Drop;
using wire::Instant;

int64_t Nanoseconds(Instant now) { return now.time_since_epoch().count(); }

Orderer::Life LifeOf(const lcore::OpenedPacket& packet) {
  return {.number = packet.session->remote_life(), .expires = packet.session->expires()};
}

}  // namespace

Inbound::Inbound(protocol::Node& protocol, size_t window)
    : protocol_(protocol), limits_(Reassembler::LimitsFor(window)) {}

void Inbound::SetWindow(size_t window) {
  limits_ = Reassembler::LimitsFor(window);
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer != nullptr) peer->reassembler.SetLimits(limits_);
  }
}

void Inbound::AddTunnel(wire::PeerId peer, Tunnel& tunnel) {
  if (peers_.size() <= peer) peers_.resize(peer + 1);
  if (peers_[peer] == nullptr) peers_[peer] = std::make_unique<Peer>(limits_);
  peers_[peer]->tunnels[tunnel.config().id] = &tunnel;
}

void Inbound::RemoveTunnel(wire::PeerId peer, const Tunnel& tunnel) {
  std::erase(unflushed_, &tunnel);
  if (peer >= peers_.size() || peers_[peer] == nullptr) return;
  const auto found = peers_[peer]->tunnels.find(tunnel.config().id);
  if (found != peers_[peer]->tunnels.end() && found->second == &tunnel)
    peers_[peer]->tunnels.erase(found);
}

void Inbound::RemovePeer(wire::PeerId peer) {
  if (peer < peers_.size()) peers_[peer] = nullptr;
}

void Inbound::Handle(Instant now, std::span<lcore::OpenedPacket> packets) {
  noted_session_ = nullptr;
  for (lcore::OpenedPacket& packet : packets) HandleOne(now, packet);
}

void Inbound::HandleOne(Instant now, lcore::OpenedPacket& packet) {
  const std::optional<wire::Kind> kind = wire::ClassifyPlaintext(packet.packet.bytes());
  if (kind == wire::Kind::kControl) {
    protocol_.HandleControl(
        now, {packet.arrival, packet.session, packet.counter, packet.packet.bytes()});
    packet.packet.Reset();
    return;
  }
  NoteAuthentic(now, packet);
  if (!kind.has_value()) {
    drops_.Add(Drop::kUnknownKind);
  } else if (packet.peer >= peers_.size() || peers_[packet.peer] == nullptr) {
    drops_.Add(Drop::kUnknownTunnel);
  } else if (*kind == wire::Kind::kPayload) {
    HandlePayload(*peers_[packet.peer], packet);
  } else if (*kind == wire::Kind::kSequenced) {
    HandleSequenced(*peers_[packet.peer], packet);
  } else if (*kind == wire::Kind::kParity) {
    HandleParity(*peers_[packet.peer], packet);
  } else {
    HandleFragment(now, *peers_[packet.peer], packet);
  }
  packet.packet.Reset();
}

void Inbound::NoteAuthentic(Instant now, const lcore::OpenedPacket& packet) {
  if (packet.session == noted_session_) return;
  noted_session_ = packet.session;
  protocol_.NoteAuthentic(now, packet.session, packet.counter);
}

void Inbound::HandlePayload(Peer& peer, lcore::OpenedPacket& packet) {
  const std::optional<wire::PayloadHeader> header = wire::ReadPayloadHeader(packet.packet.bytes());
  if (!header.has_value()) {
    drops_.Add(Drop::kMalformed);
    return;
  }
  packet.packet.TrimFront(wire::HeaderSizeOf(wire::Kind::kPayload, header->flow));
  const wire::Bytes bytes = packet.packet.bytes();
  DeliverTo(peer, packet, header->tunnel_id,
            Delivery(bytes, std::move(packet.packet), header->flow));
}

void Inbound::HandleSequenced(Peer& peer, lcore::OpenedPacket& packet) {
  const std::optional<wire::SequencedHeader> header =
      wire::ReadSequencedHeader(packet.packet.bytes());
  if (!header.has_value()) {
    drops_.Add(Drop::kMalformed);
    return;
  }
  packet.packet.TrimFront(wire::HeaderSizeOf(wire::Kind::kSequenced, header->flow));
  const wire::Bytes bytes = packet.packet.bytes();
  DeliverInOrder(peer, packet, *header, Delivery(bytes, std::move(packet.packet), header->flow));
}

void Inbound::HandleFragment(Instant now, Peer& peer, const lcore::OpenedPacket& packet) {
  Reassembler::Result result = peer.reassembler.Add(Nanoseconds(now), packet.session->local_index(),
                                                    packet.counter, packet.packet.bytes());
  if (result.drop.has_value()) drops_.Add(*result.drop);
  if (result.timed_out > 0) drops_.Add(Drop::kReassemblyTimeout, result.timed_out);
  if (result.evicted > 0) drops_.Add(Drop::kReassemblyFull, result.evicted);
  if (!result.payload.has_value()) return;
  std::vector<uint8_t>& whole = result.payload->bytes;
  const wire::Bytes bytes(whole);
  Delivery payload(bytes, std::move(whole), result.payload->flow);
  if (result.payload->place.has_value()) {
    DeliverInOrder(peer, packet, *result.payload->place, std::move(payload));
  } else {
    DeliverTo(peer, packet, result.payload->tunnel_id, std::move(payload));
  }
}

void Inbound::HandleParity(Peer& peer, const lcore::OpenedPacket& packet) {
  const std::optional<wire::ParityHeader> header = wire::ReadParityHeader(packet.packet.bytes());
  if (!header.has_value()) {
    drops_.Add(Drop::kMalformed);
    return;
  }
  Tunnel* const tunnel = FindTunnel(peer, packet, header->tunnel_id);
  if (tunnel == nullptr) return;
  tunnel->HandleParity(LifeOf(packet), packet.arrival.route(), *header,
                       packet.packet.bytes().subspan(wire::kParityHeaderSize));
  FlushLater(tunnel);
}

void Inbound::DeliverTo(Peer& peer, const lcore::OpenedPacket& packet, uint16_t tunnel_id,
                        Delivery payload) {
  Tunnel* const tunnel = FindTunnel(peer, packet, tunnel_id);
  if (tunnel == nullptr) return;
  tunnel->Deliver(std::move(payload));
  FlushLater(tunnel);
}

void Inbound::DeliverInOrder(Peer& peer, const lcore::OpenedPacket& packet,
                             const wire::SequencedHeader& header, Delivery payload) {
  Tunnel* const tunnel = FindTunnel(peer, packet, header.tunnel_id);
  if (tunnel == nullptr) return;
  const Drop drop =
      tunnel->DeliverInOrder(LifeOf(packet), packet.arrival.route(), header, std::move(payload));
  if (drop != Drop::kNone) drops_.Add(drop);
  FlushLater(tunnel);
}

Tunnel* Inbound::FindTunnel(Peer& peer, uint16_t tunnel_id) {
  const auto tunnel = peer.tunnels.find(tunnel_id);
  if (tunnel != peer.tunnels.end()) return tunnel->second;
  drops_.Add(Drop::kUnknownTunnel);
  return nullptr;
}

Tunnel* Inbound::FindTunnel(Peer& peer, const lcore::OpenedPacket& packet, uint16_t tunnel_id) {
  Tunnel* const tunnel = FindTunnel(peer, tunnel_id);
  if (tunnel == nullptr || tunnel->NotePeer(*packet.session)) return tunnel;
  drops_.Add(Drop::kUnknownFlow);
  return nullptr;
}

void Inbound::FlushLater(Tunnel* tunnel) {
  if (unflushed_.empty() || unflushed_.back() != tunnel) unflushed_.push_back(tunnel);
}

void Inbound::FlushGates() {
  for (Tunnel* tunnel : unflushed_) tunnel->FlushGate();
  unflushed_.clear();
}

void Inbound::Expire(Instant now) {
  for (const std::unique_ptr<Peer>& peer : peers_) {
    if (peer == nullptr) continue;
    if (const uint32_t expired = peer->reassembler.Expire(Nanoseconds(now)); expired > 0) {
      drops_.Add(Drop::kReassemblyTimeout, expired);
    }
    for (const auto& [id, tunnel] : peer->tunnels) tunnel->Expire();
  }
}

}  // namespace warp::control
