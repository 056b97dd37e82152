#include "dataplane/lcore/plane/opened_merge.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstdint>

#include "dataplane/lcore/memory/packet_meta.h"

namespace warp::lcore {
namespace {

bool ComesBefore(rte_mbuf* one, rte_mbuf* other) {
  const InboundMeta& a = MetaOf(one).in;
  const InboundMeta& b = MetaOf(other).in;
  return a.session == b.session ? a.counter < b.counter : ArrivedBefore(one, other);
}

// Behind the last of the `count` packets, or before those of its session that come after it: a worker opens some
// packets a turn later than their neighbours (pipeline/in/defer.cc).
void Insert(rte_mbuf* packet, std::span<rte_mbuf*> out, size_t count) {
  const InboundMeta& meta = MetaOf(packet).in;
  for (; count > 0; --count) {
    const InboundMeta& before = MetaOf(out[count - 1]).in;
    if (before.session != meta.session || before.counter < meta.counter) break;
    out[count] = out[count - 1];
  }
  out[count] = packet;
}

}  // namespace

// A ring that is alone to hold packets is emptied without a look at them.
size_t OpenedMerge::Take(Exchange& exchange, std::span<rte_mbuf*> out) {
  out = out.first(std::min(out.size(), kMost));
  if (fronts_.empty()) fronts_.resize(exchange.lanes.size());
  size_t busy = 0;
  for (const auto& lane : exchange.lanes) {
    if (!lane->opened.empty()) fronts_[busy++].ring = &lane->opened;
  }
  if (busy == 0) return 0;
  if (busy == 1) return fronts_[0].ring->Pop(out);

  const std::span<Front> fronts = std::span(fronts_).first(busy);
  for (Front& front : fronts) {
    front.taken = 0;
    front.size = front.ring->Peek(std::span(front.packets).first(out.size()));
    for (size_t i = 0; i < front.size; ++i) rte_prefetch0(&MetaOf(front.packets[i]));
  }
  size_t count = 0;
  while (count < out.size()) {
    Front* next = nullptr;
    for (Front& front : fronts) {
      if (front.taken == front.size) continue;
      if (next == nullptr || ComesBefore(front.first(), next->first())) next = &front;
    }
    if (next == nullptr) break;
    Insert(next->first(), out, count++);
    ++next->taken;
  }
  for (Front& front : fronts) front.ring->Remove(front.taken);
  return count;
}

}  // namespace warp::lcore
