// In 5: the first authentic copy goes to control, as plaintext. Control holds a fixed share of the
// port's buffers; look.cc saw to it that what was opened fits.
#include <algorithm>

#include "dataplane/lcore/worker.h"

namespace warp::lcore {

void Worker::Deliver(const PortView& port) {
  for (const InPacket& packet : opening_) {
    const wire::Session& session = *packet.session->session;
    if (packet.path != nullptr) {
      packet.path->rx_first.Add();
      packet.path->rx_bytes.Add(packet.frame_size);
    }
    if (SkewTable::Samples(packet.counter))
      shared_.skew->Stamp(session.local_index(), packet.counter, now_);
    rte_pktmbuf_adj(packet.mbuf, wire::kDataHeaderSize);
    rte_pktmbuf_trim(packet.mbuf, wire::kTagSize);
    MetaOf(packet.mbuf).in = {.session = packet.session->session.get(),
                              .counter = packet.counter,
                              .peer = packet.session->peer,
                              .port = port.id,
                              .from = packet.parsed.from,
                              .to = packet.parsed.to.address};
    if (!GiveToControl(port, lane_.opened, packet.mbuf)) {
      Discard(port.slot, wire::Drop::kControlFull, packet.mbuf);
    }
  }
  stages_.Lap(Stage::kDeliver, opening_.size());
  opening_.Clear();
}

uint64_t Worker::RoomInControl(const PortView& port) const {
  const uint64_t held = port.slot->held_by_control();
  return std::min<uint64_t>(held < kControlShare ? kControlShare - held : 0, lane_.opened.Room());
}

// False when there is no room; the packet is the caller's still.
bool Worker::GiveToControl(const PortView& port, Ring<rte_mbuf*>& ring, rte_mbuf* packet) {
  if (port.slot->held_by_control() >= kControlShare) return false;
  MetaOf(packet).returned = &port.slot->returned;
  if (!ring.Push(packet)) return false;
  port.slot->given.Add();
  rang_control_ = true;
  return true;
}

}  // namespace warp::lcore
