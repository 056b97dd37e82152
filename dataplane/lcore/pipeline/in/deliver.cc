// In 5: gives the first authentic copy to control, as plaintext. Control may hold a fixed share of the port's buffers,
// and look.cc lets through no more than fits into it.
#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {
namespace {

// Header and tag leave the packet's data.
void TakeText(rte_mbuf* packet) {
  packet->data_off = static_cast<uint16_t>(packet->data_off + wire::kDataHeaderSize);
  packet->data_len = static_cast<uint16_t>(packet->data_len - wire::kMinSealedSize);
  packet->pkt_len = packet->data_len;
}

wire::Bytes TextOf(const rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, const uint8_t*), packet->data_len};
}

}  // namespace

void Ingress::Deliver(const PortView& port) {
  rte_mbuf* packets[kBurst];
  for (uint16_t i = 0; i < opening_.size(); ++i) {
    const InPacket& packet = opening_[i];
    wire::Session* const session = packet.session->session.get();
    TakeText(packet.mbuf);
    if (FirstTable::Samples(packet.counter)) NoteFirst(packet);
    SetArrivalTime(packet.mbuf, turn_.now());
    PacketMeta& meta = MetaOf(packet.mbuf);
    meta.returned = &port.slot->returned;
    meta.in.session = session;
    meta.in.counter = packet.counter;
    meta.in.peer = packet.session->peer;
    meta.in.port = port.id;
    meta.in.from = packet.udp.from();
    meta.in.to = packet.udp.to().address;
    if (wire::IsAnswered(TextOf(packet.mbuf))) meta.in.from_mac = packet.udp.from_mac();
    packets[i] = packet.mbuf;
  }
  WARP_STOP_POINT(burst_opened);
  GiveToControl(port, lane_.opened, {packets, opening_.size()});
  turn_.Lap(Stage::kDeliver, opening_.size());
  opening_.Clear();
}

FirstTable::Copy Ingress::CopyOf(const InPacket& packet, const uint8_t* tag) {
  FirstTable::Copy copy{.session_index = packet.session->session->local_index(),
                        .counter = packet.counter};
  static_assert(sizeof(copy.tag) <= wire::kTagSize);
  std::memcpy(&copy.tag, tag, sizeof(copy.tag));
  return copy;
}

// Control messages go over one path each, so that they say nothing of what would be lost without it. The tag still
// stands behind the text.
void Ingress::NoteFirst(const InPacket& packet) {
  PathCounters* const path = wire::IsAnswered(TextOf(packet.mbuf)) ? nullptr : packet.path;
  const double ns = static_cast<double>(turn_.now()) * ns_per_cycle_;
  const size_t set = static_cast<uint64_t>(ns) / kFirstSetNs % 2;
  const wire::Bytes text = TextOf(packet.mbuf);
  firsts_.Note(CopyOf(packet, text.data() + text.size()), turn_.now(), {path, set});
  if (path != nullptr) path->sampled_first[set].Add();
}

// How many opened packets control can take now.
uint64_t Ingress::RoomInControl(const PortView& port) const {
  const uint64_t held = port.slot->held_by_control();
  assert(held <= kControlShare);
  return std::min<uint64_t>(kControlShare - held, lane_.opened.Room());
}

// Packets that find no room are dropped. `returned` of each is set: control counts it there when it gives the buffer
// back.
void Ingress::GiveToControl(const PortView& port, Ring<rte_mbuf*>& ring,
                            std::span<rte_mbuf*> packets) {
  const uint64_t held = port.slot->held_by_control();
  assert(held <= kControlShare);
  const size_t room = kControlShare - held;
  const size_t given = ring.Push(packets.first(std::min(packets.size(), room)));
  for (rte_mbuf* packet : packets.subspan(given)) {
    turn_.Discard(port.slot, wire::Drop::kControlFull, packet);
  }
  CountGiven(port, given);
}

void Ingress::CountGiven(const PortView& port, size_t given) {
  if (given == 0) return;
  port.slot->given.Add(given);
  turn_.WakeControl();
}

}  // namespace warp::lcore
