// In 5: the first authentic copy goes to control, as plaintext. Control holds a fixed share of the
// port's buffers; look.cc saw to it that what was opened fits.
#include <algorithm>

#include "dataplane/lcore/pipeline/worker.h"

namespace warp::lcore {
namespace {

// Header and tag leave the packet's data.
void TakeText(rte_mbuf* packet) {
  packet->data_off = static_cast<uint16_t>(packet->data_off + wire::kDataHeaderSize);
  packet->data_len = static_cast<uint16_t>(packet->data_len - wire::kMinSealedSize);
  packet->pkt_len = packet->data_len;
}

}  // namespace

void Worker::Deliver(const PortView& port) {
  rte_mbuf* packets[kBurst];
  for (uint16_t i = 0; i < opening_.size(); ++i) {
    const InPacket& packet = opening_[i];
    wire::Session* const session = packet.session->session.get();
    if (SkewTable::Samples(packet.counter)) {
      shared_.skew->Stamp(session->local_index(), packet.counter, now_);
    }
    TakeText(packet.mbuf);
    PacketMeta& meta = MetaOf(packet.mbuf);
    meta.returned = &port.slot->returned;
    meta.in.session = session;
    meta.in.counter = packet.counter;
    meta.in.peer = packet.session->peer;
    meta.in.port = port.id;
    meta.in.from = packet.udp.from();
    meta.in.to = packet.udp.to().address;
    packets[i] = packet.mbuf;
  }
  GiveToControl(port, lane_.opened, {packets, opening_.size()});
  stages_.Lap(Stage::kDeliver, opening_.size());
  opening_.Clear();
}

uint64_t Worker::RoomInControl(const PortView& port) const {
  const uint64_t held = port.slot->held_by_control();
  return std::min<uint64_t>(held < kControlShare ? kControlShare - held : 0, lane_.opened.Room());
}

// What finds no room is dropped. `returned` of each packet is set.
void Worker::GiveToControl(const PortView& port, Ring<rte_mbuf*>& ring,
                           std::span<rte_mbuf*> packets) {
  const uint64_t held = port.slot->held_by_control();
  const size_t room = held < kControlShare ? kControlShare - held : 0;
  const size_t given = ring.Push(packets.first(std::min(packets.size(), room)));
  for (rte_mbuf* packet : packets.subspan(given)) {
    Discard(port.slot, wire::Drop::kControlFull, packet);
  }
  if (given == 0) return;
  port.slot->given.Add(given);
  rang_control_ = true;
}

}  // namespace warp::lcore
