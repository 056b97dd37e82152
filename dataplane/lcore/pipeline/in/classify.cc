// In 2: classifies each datagram once. Sealed messages go on with their session and path. Handshake messages whose mac1
// is right go to control, sorted by what they prove. All others end here. From this stage on the packet's data is the
// datagram.
#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {
namespace {

// Headers and padding leave the packet's data. The headers stay readable in front of it.
wire::Bytes MakeDatagram(const InPacket& packet) {
  rte_mbuf* const mbuf = packet.mbuf;
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off + packet.udp.datagram_offset);
  mbuf->data_len = packet.udp.datagram_size;
  mbuf->pkt_len = packet.udp.datagram_size;
  return {rte_pktmbuf_mtod(mbuf, const uint8_t*), packet.udp.datagram_size};
}

}  // namespace

void Ingress::Classify(const PortView& port) {
  const uint16_t received = in_.size();
  uint16_t kept = 0;
  for (uint16_t i = 0; i < received; ++i) {
    InPacket& packet = in_[i];
    const wire::Bytes datagram = MakeDatagram(packet);
    if (!wire::IsSealed(datagram)) {
      HandleUnsealed(port, packet, datagram);
      continue;
    }
    const wire::DataHeader header = *wire::ReadDataHeader(datagram);
    packet.counter = header.counter;
    // Session and path mostly are those of the packet before, and need no look-up then.
    const InPacket* const before = packet.follows && kept == i ? &in_[i - 1u] : nullptr;
    if (before != nullptr && before->session->session->local_index() == header.receiver_index) {
      packet.session = before->session;
      packet.path = before->path;
    } else {
      const wire::Drop failure = FindReceiveSession(port, header.receiver_index, &packet);
      if (failure != wire::Drop::kNone) {
        turn_.Discard(port.slot, failure, packet.mbuf);
        continue;
      }
    }
    in_.Keep(i, kept++);
  }
  in_.Resize(kept);
  turn_.Lap(Stage::kParse, received);
}

// Finds the session by receiver index and the path by source address. kNone where there is such a session and its keys
// live.
wire::Drop Ingress::FindReceiveSession(const PortView& port, uint32_t receiver_index,
                                       InPacket* packet) const {
  packet->session = turn_.forwarding().FindSession(receiver_index);
  if (packet->session == nullptr) return wire::Drop::kUnknownSession;
  if (turn_.HasExpired(*packet->session->session)) return wire::Drop::kSessionExpired;
  packet->path = turn_.forwarding().FindPath(packet->session->peer, port.id, packet->udp);
  return wire::Drop::kNone;
}

// The datagram is no sealed message, or not a whole one.
void Ingress::HandleUnsealed(const PortView& port, const InPacket& packet, wire::Bytes datagram) {
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (!type) return turn_.Discard(port.slot, wire::Drop::kUnknownType, packet.mbuf);
  if (*type == wire::MessageType::kSealed) {
    return turn_.Discard(port.slot, wire::Drop::kTruncated, packet.mbuf);
  }
  HandleHandshake(port, packet, *type);
}

// Nothing is kept or looked at for a message whose MAC is wrong, and those who prove nothing fill their own ring alone.
void Ingress::HandleHandshake(const PortView& port, const InPacket& packet,
                              wire::MessageType type) {
  // An answer goes back to the station that handed us the frame. A group or nobody is none.
  if (!packet.udp.from_mac().is_station())
    return turn_.Discard(port.slot, wire::Drop::kBadSource, packet.mbuf);
  const wire::Bytes datagram(rte_pktmbuf_mtod(packet.mbuf, const uint8_t*),
                             packet.udp.datagram_size);
  // A cookie reply and a retry have no MAC: they are sealed for the node that they answer, and of use to no other.
  if (type != wire::MessageType::kCookieReply && type != wire::MessageType::kRetry &&
      !wire::VerifyMac1(turn_.forwarding().snapshot().guard.mac1_keys, datagram)) {
    return turn_.Discard(port.slot, wire::Drop::kBadMac, packet.mbuf);
  }
  InboundMeta& meta = MetaOf(packet.mbuf).in;
  meta = InboundMeta{.port = port.id,
                     .from = packet.udp.from(),
                     .to = packet.udp.to().address,
                     .from_mac = packet.udp.from_mac()};
  if (type != wire::MessageType::kInitiation) {
    const wire::Drop failure = CheckReply(datagram);
    if (failure != wire::Drop::kNone) return turn_.Discard(port.slot, failure, packet.mbuf);
  }
  GiveHandshake(port, RankOf(meta, type, datagram), packet.mbuf);
}

// Only what answers a handshake that is under way is of use: kNone. Its index cannot be guessed.
wire::Drop Ingress::CheckReply(wire::Bytes datagram) const {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  if (!index) return wire::Drop::kHandshakeFailed;
  if (turn_.forwarding().FindSession(*index) != nullptr) return wire::Drop::kHandshakeRepeated;
  const wire::IndexBoard* const indices = turn_.forwarding().snapshot().guard.indices.get();
  return indices != nullptr && indices->Has(*index) ? wire::Drop::kNone
                                                    : wire::Drop::kUnknownSession;
}

// The cookie comes first: a peer that is flooded in its own name has one.
HandshakeRank Ingress::RankOf(const InboundMeta& meta, wire::MessageType type,
                              wire::Bytes datagram) const {
  if (type != wire::MessageType::kInitiation) return HandshakeRank::kReply;
  const wire::CookieSecrets* const cookies = turn_.forwarding().snapshot().guard.cookies.get();
  if (cookies != nullptr && wire::VerifyCookie(*cookies, meta.from, datagram))
    return HandshakeRank::kProven;
  return turn_.forwarding().IsKnownSource(meta.port, meta.from) ? HandshakeRank::kKnown
                                                                : HandshakeRank::kStranger;
}

void Ingress::GiveHandshake(const PortView& port, HandshakeRank rank, rte_mbuf* packet) {
  MetaOf(packet).returned = &port.slot->returned;
  HandshakeRing& ring = lane_.handshakes_of(rank);
  if (!ring.HasShare(MetaOf(packet).in.from.address))
    return turn_.Discard(port.slot, wire::Drop::kHandshakeBudget, packet);
  if (port.slot->held_by_control() >= kControlShare || !ring.Push(packet))
    return turn_.Discard(port.slot, wire::Drop::kControlFull, packet);
  CountGiven(port, 1);
}

}  // namespace warp::lcore
