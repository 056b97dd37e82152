// The facts that travel with a packet in its mbuf's private area. The stage that learns a fact writes it, and the
// stages after it read it.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_PACKET_META_H_
#define WARP_DATAPLANE_LCORE_MEMORY_PACKET_META_H_

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>

#include "dataplane/facade/counters.h"
#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/slot_ticket.h"

namespace warp::lcore {

// The facts about a received packet: where it came from and, once it is opened, what it belongs to.
struct InboundMeta {
  wire::Session* session = nullptr;
  uint64_t counter = 0;
  PeerId peer = kNoPeer;
  PortId port = 0;
  wire::Endpoint from;
  wire::IpAddress to;
  wire::MacAddress from_mac;  // of what may be answered: handshake and control messages
};

inline constexpr uint64_t kNoDeadline = UINT64_MAX;

// The facts about a payload on its way out. Once other lcores have a reference, only the two atomics change.
struct OutboundMeta {
  PeerId peer = kNoPeer;
  wire::SlotTicket ticket;
  uint32_t session_index = 0;  // of the session whose counter control has reserved
  uint64_t counter = 0;
  uint32_t datagram_sum =
      0;  // for the UDP checksum; 0 where no path of the sealer's table needs it
  // The time-stamp counter from which on no worker takes the payload any more.
  uint64_t deadline = kNoDeadline;
  wire::PathMask paths = wire::kAllPaths;
  bool completion = false;
  bool counter_reserved = false;
  bool sealed = false;        // submitted a second time, sealed already
  uint8_t traffic_class = 0;  // of the IP headers of its copies
  uint8_t legs = 0;           // lcores that send copies, and so report
  // Legs that have not finished. The last to finish owns the payload's own reference.
  std::atomic<uint8_t> pending{0};
  // What the legs that have finished say: a port has taken a copy; one was lost that may be tried again.
  std::atomic<uint8_t> outcome{0};
  static constexpr uint8_t kTaken = 1, kMayBeTriedAgain = 2;
};

// When the burst of an inbound packet was received, in units of 256 ticks of the time-stamp counter. It stands in the
// mbuf beside the sizes, which change at the same time: the private area's first cache line is full.
inline void SetArrivalTime(rte_mbuf* packet, uint64_t ticks) {
  packet->hash.usr = static_cast<uint32_t>(ticks >> 8);
}
// True where less than three minutes lie between the two.
inline bool ArrivedBefore(const rte_mbuf* one, const rte_mbuf* other) {
  return static_cast<int32_t>(one->hash.usr - other->hash.usr) < 0;
}

// One private area serves both directions, since a buffer is either inbound or outbound.
struct PacketMeta {
  // Not null in a buffer that control got from a port's RX pool: control alone counts here that it gave the buffer
  // back.
  Counter* returned = nullptr;
  union {
    InboundMeta in;
    OutboundMeta out;
  };
};

inline constexpr uint16_t kPacketMetaSize = 128;
static_assert(sizeof(PacketMeta) <= kPacketMetaSize);
// What every payload needs on its way in costs one cache line, at the worker and at control.
static_assert(offsetof(PacketMeta, in) + offsetof(InboundMeta, from_mac) <= RTE_CACHE_LINE_SIZE);
static_assert(offsetof(PacketMeta, out) + sizeof(OutboundMeta) <= RTE_CACHE_LINE_SIZE);
static_assert(kPacketMetaSize % RTE_MBUF_PRIV_ALIGN == 0);

// The private area begins right behind the mbuf. It is raw memory, so whoever starts a packet's journey must write
// every field that later stages read.
inline PacketMeta& MetaOf(rte_mbuf* packet) {
  return *static_cast<PacketMeta*>(rte_mbuf_to_priv(packet));
}

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_PACKET_META_H_
