// Handshake messages of one rank on their way from a worker to control. A network of senders holds at most its share of
// the places, so that one that floods uses up its own and leaves room for the others.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_HANDSHAKE_RING_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_HANDSHAKE_RING_H_

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/exchange/ring.h"
#include "dataplane/lcore/memory/packet_meta.h"
#include "dataplane/wire/network_hash.h"

namespace warp::lcore {

class HandshakeRing {
 public:
  // Producer. Whether a message from `from` may wait here, as far as its network is concerned.
  bool HasShare(const wire::IpAddress& from) {
    return WaitingOf(from).load(std::memory_order_relaxed) < kHandshakeShare;
  }
  // Producer. False where the ring is full. The packet's inbound meta is filled in.
  bool Push(rte_mbuf* packet) {
    std::atomic<uint16_t>& waiting = WaitingOf(MetaOf(packet).in.from.address);
    // Before the packet is there, so that the consumer, who counts down, finds it counted.
    waiting.fetch_add(1, std::memory_order_relaxed);
    if (ring_.Push(packet)) return true;
    waiting.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  // Consumer. Moves up to out.size() packets out and returns how many.
  size_t Pop(std::span<rte_mbuf*> out) {
    const size_t popped = ring_.Pop(out);
    for (rte_mbuf* packet : out.first(popped)) {
      WaitingOf(MetaOf(packet).in.from.address).fetch_sub(1, std::memory_order_relaxed);
    }
    return popped;
  }

  // Any thread. The answer was right at some moment during the call.
  bool empty() const { return ring_.empty(); }

 private:
  static constexpr size_t kBuckets = 1024;  // two networks rarely share one

  std::atomic<uint16_t>& WaitingOf(const wire::IpAddress& from) {
    return waiting_[hash_.Of(from) % kBuckets];
  }

  const wire::NetworkHash hash_;
  std::array<std::atomic<uint16_t>, kBuckets> waiting_{};
  Ring<rte_mbuf*> ring_{kHandshakeRing};
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_HANDSHAKE_RING_H_
