// Out 8: to the ports. What a port's queue does not take is a counted drop on that path, and its
// references are released; nothing waits, so that one path's full queue delays no other.
#include <algorithm>

#include "dataplane/lcore/worker.h"

namespace warp::lcore {

// Control's own frames (probes, handshakes, the companion interface's) come first: they are few,
// and paths live by them.
void Worker::SendFrames() {
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
    Enqueue(port->id, port->port, port->slot, frame, {.bytes = rte_pktmbuf_pkt_len(frame)});
  }
  if (taken > 0) Transmit();
}

void Worker::Enqueue(PortId id, Port* port, PortSlot* slot, rte_mbuf* frame, const TxEntry& entry) {
  TxQueue& queue = tx_[id];
  if (queue.size == kTxBurst) Flush(&queue);
  queue.port = port;
  queue.slot = slot;
  queue.frames[queue.size] = frame;
  queue.entries[queue.size++] = entry;
}

void Worker::Transmit() {
  for (const PortView& port : forwarding_->PortsOf(id_)) Flush(&tx_[port.id]);
  stages_.Lap(Stage::kTx, out_.size());
}

void Worker::Flush(TxQueue* queue) {
  if (queue->size == 0) return;
  const uint16_t sent = queue->port->TxBurst(queue->frames.data(), queue->size);
  for (uint16_t i = 0; i < sent; ++i) {
    const TxEntry& entry = queue->entries[i];
    if (entry.job == kNoJob) continue;
    entry.path->tx_copies.Add();
    entry.path->tx_bytes.Add(entry.bytes);
    out_[entry.job].taken = true;
    if (entry.in_place != 0) out_[entry.job].payload = nullptr;
  }
  for (uint16_t i = sent; i < queue->size; ++i) {
    const TxEntry& entry = queue->entries[i];
    Count(queue->slot, wire::Drop::kTxFull);
    queue->slot->counters->tx_refused.Add();
    if (entry.job != kNoJob) {
      entry.path->tx_dropped.Add();
      out_[entry.job].reason = wire::Drop::kTxFull;
    }
    if (entry.in_place != 0) {
      rte_pktmbuf_adj(queue->frames[i], entry.in_place);  // the job's again, as it was
    } else {
      rte_pktmbuf_free(queue->frames[i]);
    }
  }
  queue->size = 0;
}

}  // namespace warp::lcore
