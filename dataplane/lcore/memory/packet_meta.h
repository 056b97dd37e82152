// What travels with a packet in its mbuf's private area: written by the stage that learns it, read
// by those after it.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_PACKET_META_H_
#define WARP_DATAPLANE_LCORE_MEMORY_PACKET_META_H_

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>

#include "dataplane/facade/counters.h"
#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/endpoint.h"

namespace warp::lcore {

// Of a packet that was received: where it came from and, once opened, what it belongs to.
struct InboundMeta {
  wire::Session* session = nullptr;
  uint64_t counter = 0;
  PeerId peer = kNoPeer;
  PortId port = 0;
  wire::Endpoint from;
  wire::IpAddress to;
};

// Of a payload on its way out. Constant once other lcores have a reference, but for the two
// atomics.
struct OutboundMeta {
  PeerId peer = kNoPeer;
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint32_t session_index = 0;  // with counter: where control reserved the counter itself
  uint64_t counter = 0;
  uint32_t datagram_sum = 0;  // for the IPv6 UDP checksum; 0 where no path needs it
  bool completion = false;
  bool counter_reserved = false;
  bool sealed = false;  // submitted a second time
  uint8_t legs = 0;     // lcores that send copies, and so report
  std::atomic<uint8_t> pending{
      0};  // legs that have not finished; the last owns the payload's own reference
  std::atomic<uint8_t> any_taken{0};  // some leg's port has taken a copy
};

// One private area serves both; a buffer is either inbound or outbound. `returned` is common: set
// on what control gets from a port's RX pool, it counts the buffer as given back (written by
// control alone).
struct PacketMeta {
  Counter* returned = nullptr;
  union {
    InboundMeta in;
    OutboundMeta out;
  };
};

inline constexpr uint16_t kPacketMetaSize = 128;
static_assert(sizeof(PacketMeta) <= kPacketMetaSize);
static_assert(kPacketMetaSize % RTE_MBUF_PRIV_ALIGN == 0);

// The private area begins right behind the mbuf. It is raw memory: whoever starts a packet's
// journey writes what he needs.
inline PacketMeta& MetaOf(rte_mbuf* packet) {
  return *static_cast<PacketMeta*>(rte_mbuf_to_priv(packet));
}

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_PACKET_META_H_
