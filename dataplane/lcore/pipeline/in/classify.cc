// In 2: one classification of each datagram. Sealed messages go on with their session and path;
// handshake messages whose mac1 is right go to control; the rest ends here. From here on the
// packet's data is the datagram.
#include "dataplane/lcore/pipeline/worker.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {
namespace {

// Headers and padding leave the packet's data; they stay readable in front of it.
wire::Bytes MakeDatagram(const InPacket& packet) {
  rte_mbuf* const mbuf = packet.mbuf;
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off + packet.udp.datagram_offset);
  mbuf->data_len = packet.udp.datagram_size;
  mbuf->pkt_len = packet.udp.datagram_size;
  return {rte_pktmbuf_mtod(mbuf, const uint8_t*), packet.udp.datagram_size};
}

}  // namespace

void Worker::Classify(const PortView& port) {
  const uint16_t received = in_.size();
  handshakes_ = 0;
  uint16_t kept = 0;
  for (uint16_t i = 0; i < received; ++i) {
    InPacket& packet = in_[i];
    const wire::Bytes datagram = MakeDatagram(packet);
    if (!wire::IsSealed(datagram)) {
      Unsealed(port, packet, datagram);
      continue;
    }
    const wire::DataHeader header = *wire::ReadDataHeader(datagram);
    packet.counter = header.counter;
    // Mostly session and path are those of the packet before.
    const InPacket* const before = packet.follows && kept == i ? &in_[i - 1u] : nullptr;
    if (before != nullptr && before->session->session->local_index() == header.receiver_index) {
      packet.session = before->session;
      packet.path = before->path;
    } else if (!FindReceiveSession(port, header.receiver_index, &packet)) {
      Discard(port.slot, wire::Drop::kUnknownSession, packet.mbuf);
      continue;
    }
    in_.Keep(i, kept++);
  }
  in_.Resize(kept);
  stages_.Lap(Stage::kParse, received);
}

// The session that the remote calls so, and the path by which the packet came. False where nobody knows the session.
bool Worker::FindReceiveSession(const PortView& port, uint32_t receiver_index,
                                InPacket* packet) const {
  packet->session = forwarding_->FindSession(receiver_index);
  if (packet->session == nullptr) return false;
  packet->path = forwarding_->FindPath(packet->session->peer, port.id, packet->udp);
  return true;
}

// What is no sealed message, or not a whole one.
void Worker::Unsealed(const PortView& port, const InPacket& packet, wire::Bytes datagram) {
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (!type) return Discard(port.slot, wire::Drop::kUnknownType, packet.mbuf);
  if (*type == wire::MessageType::kSealed) {
    return Discard(port.slot, wire::Drop::kTruncated, packet.mbuf);
  }
  Handshake(port, packet, *type);
}

// Checking the MAC costs little, but not nothing: a flood of handshake messages gets a bounded
// share of the lcore.
void Worker::Handshake(const PortView& port, const InPacket& packet, wire::MessageType type) {
  if (++handshakes_ > kHandshakesPerBurst)
    return Discard(port.slot, wire::Drop::kHandshakeBudget, packet.mbuf);
  const wire::Bytes datagram(rte_pktmbuf_mtod(packet.mbuf, const uint8_t*),
                             packet.udp.datagram_size);
  // A cookie reply has no MAC: it is sealed, and of use only to whom it answers.
  if (type != wire::MessageType::kCookieReply &&
      !wire::VerifyMac1(forwarding_->snapshot().guard.mac_key, datagram)) {
    return Discard(port.slot, wire::Drop::kBadMac, packet.mbuf);
  }
  MetaOf(packet.mbuf).returned = &port.slot->returned;
  MetaOf(packet.mbuf).in =
      InboundMeta{.port = port.id, .from = packet.udp.from(), .to = packet.udp.to().address};
  rte_mbuf* mbuf = packet.mbuf;
  GiveToControl(port, lane_.handshakes, {&mbuf, 1});
}

}  // namespace warp::lcore
