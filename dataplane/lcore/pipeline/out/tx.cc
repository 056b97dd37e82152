// Out 5: gives frames to the ports. A frame that a port's queue does not take is a counted drop on its path, and its
// reference is released. Nothing waits for a queue, so that one path's full queue delays no other.
#include <algorithm>
#include <cassert>

#include "dataplane/lcore/pipeline/out/egress.h"

namespace warp::lcore {

// Frames of control's own (probes, handshakes, the companion interface's) are sent first: they are few, and paths live
// by them.
void Egress::SendFrames() {
  if (lane_.frames.empty()) return;
  FrameItem items[kBurst];
  const size_t taken = lane_.frames.Pop(items);
  turn_.AddWork(static_cast<uint32_t>(taken));
  for (const FrameItem& item : std::span(items, taken)) {
    const PortView* port = turn_.forwarding().FindPort(item.port);
    rte_mbuf* frame = item.frame;
    if (port == nullptr || port->slot->worker != turn_.id() ||
        port->generation != item.generation) {
      turn_.Discard(nullptr, wire::Drop::kNoPath, frame);
      continue;
    }
    if (port->port->own_pool_only()) {
      frame = rte_pktmbuf_copy(item.frame, port->port->rx_pool(), 0, UINT32_MAX);
      if (frame == nullptr) {
        turn_.Discard(port->slot, wire::Drop::kNoBuffer, item.frame);
        continue;
      }
      rte_pktmbuf_free(item.frame);
    }
    Enqueue(QueueOf(port->id, port->port, port->slot), frame,
            {.bytes = rte_pktmbuf_pkt_len(frame), .kind = TxKind::kControl});
  }
  if (taken > 0) Transmit();
}

TxQueue* Egress::QueueOf(PortId id, Port* port, PortSlot* slot) {
  TxQueue* const queue = &tx_[id];
  // One table is in force for the whole turn, and a turn leaves no queue filled.
  assert(queue->size == 0 || (queue->port == port && queue->slot == slot));
  queue->port = port;
  queue->slot = slot;
  return queue;
}

void Egress::Transmit() {
  for (const PortView& port : turn_.forwarding().PortsOf(turn_.id())) Flush(&tx_[port.id]);
  turn_.Lap(Stage::kTx, jobs_.size());
}

void Egress::Flush(TxQueue* queue) {
  for (uint16_t done = 0; done < queue->size;) {
    const auto left = static_cast<uint16_t>(queue->size - done);
    const uint16_t sent = queue->port->TxBurst(queue->frames.data() + done, left);
    assert(sent <= left);
    CountSent(*queue, done, static_cast<uint16_t>(done + sent));
    done = static_cast<uint16_t>(done + sent);
    if (done == queue->size) break;
    const Refusal refusal = queue->port->refusal();
    const bool has_room = refusal.frames > 0;
    const auto until =
        has_room ? std::min<uint16_t>(done + refusal.frames, queue->size) : queue->size;
    while (done < until) Refused(*queue, done++, has_room ? refusal.reason : wire::Drop::kTxFull);
  }
  queue->size = 0;
}

// The copies of one path stand together, and are counted together.
void Egress::CountSent(const TxQueue& queue, uint16_t first, uint16_t last) {
  while (first < last) {
    PathCounters* const path = queue.entries[first].path;
    uint64_t copies = 0, bytes = 0;
    for (; first < last && queue.entries[first].path == path; ++first) {
      const TxEntry& entry = queue.entries[first];
      if (entry.kind == TxKind::kControl) continue;
      ++copies;
      bytes += entry.bytes;
      jobs_[entry.job].taken = true;
      if (entry.kind == TxKind::kInPlace) jobs_[entry.job].owned = false;
    }
    if (path == nullptr) continue;
    path->tx_copies.Add(copies);
    path->tx_bytes.Add(bytes);
  }
}

// Afterwards the frame is gone. A payload sent in place is its job's again, as it was; a reference goes back to the
// payload.
void Egress::Refused(const TxQueue& queue, uint16_t index, wire::Drop reason) {
  rte_mbuf* const frame = queue.frames[index];
  const TxEntry& entry = queue.entries[index];
  turn_.Count(queue.slot, reason);
  queue.slot->counters->tx_refused.Add();
  if (entry.kind == TxKind::kControl) return rte_pktmbuf_free(frame);
  OutJob& job = jobs_[entry.job];
  entry.path->tx_dropped.Add();
  job.NoteLost(reason);
  if (entry.kind == TxKind::kInPlace) {
    assert(frame == job.payload);
    rte_pktmbuf_adj(frame, entry.header_size);
    return;
  }
  if (entry.kind == TxKind::kReference) {
    assert(frame->next == job.payload);
    frame->next = nullptr;
    frame->nb_segs = 1;
    ReleaseReference(&job);
  }
  rte_pktmbuf_free(frame);
}

}  // namespace warp::lcore
