// Out 5: to the ports. What a port's queue does not take is a counted drop on that path, and its
// references are released; nothing waits, so that one path's full queue delays no other.
#include "dataplane/lcore/pipeline/worker.h"

namespace warp::lcore {

// Control's own frames (probes, handshakes, the companion interface's) come first: they are few,
// and paths live by them.
void Worker::SendFrames() {
  if (lane_.frames.empty()) return;
  FrameItem items[kBurst];
  const size_t taken = lane_.frames.Pop(items);
  work_ += static_cast<uint32_t>(taken);
  for (const FrameItem& item : std::span(items, taken)) {
    const PortView* port = forwarding_->FindPort(item.port);
    rte_mbuf* frame = item.frame;
    if (port == nullptr || port->slot->worker != id_ || port->generation != item.generation) {
      Discard(nullptr, wire::Drop::kNoPath, frame);
      continue;
    }
    if (port->port->own_pool_only()) {
      frame = rte_pktmbuf_copy(item.frame, port->port->rx_pool(), 0, UINT32_MAX);
      if (frame == nullptr) {
        Discard(port->slot, wire::Drop::kNoBuffer, item.frame);
        continue;
      }
      rte_pktmbuf_free(item.frame);
    }
    Enqueue(QueueOf(port->id, port->port, port->slot), frame,
            {.bytes = rte_pktmbuf_pkt_len(frame)});
  }
  if (taken > 0) Transmit();
}

TxQueue* Worker::QueueOf(PortId id, Port* port, PortSlot* slot) {
  TxQueue* const queue = &tx_[id];
  queue->port = port;
  queue->slot = slot;
  return queue;
}

void Worker::Transmit() {
  for (const PortView& port : forwarding_->PortsOf(id_)) Flush(&tx_[port.id]);
  stages_.Lap(Stage::kTx, out_.size());
}

void Worker::Flush(TxQueue* queue) {
  if (queue->size == 0) return;
  const uint16_t sent = queue->port->TxBurst(queue->frames.data(), queue->size);
  // The copies of one path stand together.
  for (uint16_t i = 0; i < sent;) {
    PathCounters* const path = queue->entries[i].path;
    const uint16_t first = i;
    uint64_t bytes = 0;
    for (; i < sent && queue->entries[i].path == path; ++i) {
      const TxEntry& entry = queue->entries[i];
      if (entry.job == kNoJob) continue;
      bytes += entry.bytes;
      out_[entry.job].taken = true;
      if (entry.in_place != 0) out_[entry.job].owned = false;
    }
    if (path == nullptr) continue;
    path->tx_copies.Add(i - first);
    path->tx_bytes.Add(bytes);
  }
  for (uint16_t i = sent; i < queue->size; ++i)
    Refused(queue->slot, queue->frames[i], queue->entries[i]);
  queue->size = 0;
}

// The payload is its job's again, as it was; of a copy, the reference.
void Worker::Refused(PortSlot* slot, rte_mbuf* frame, const TxEntry& entry) {
  Count(slot, wire::Drop::kTxFull);
  slot->counters->tx_refused.Add();
  if (entry.job == kNoJob) return rte_pktmbuf_free(frame);
  OutJob& job = out_[entry.job];
  entry.path->tx_dropped.Add();
  job.reason = wire::Drop::kTxFull;
  if (entry.in_place != 0) {
    rte_pktmbuf_adj(frame, entry.in_place);
    return;
  }
  if (frame->next != nullptr) {
    frame->next = nullptr;
    frame->nb_segs = 1;
    ReleaseReference(&job);
  }
  rte_pktmbuf_free(frame);
}

}  // namespace warp::lcore
