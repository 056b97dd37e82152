// How much room a frame takes in a buffer. Pools and the drivers' own buffers follow this one rule.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_BUFFER_SIZE_H_
#define WARP_DATAPLANE_LCORE_MEMORY_BUFFER_SIZE_H_

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>

namespace warp::lcore {

// With a larger MTU the size of a buffer would not fit 16 bits. No Ethernet interface comes near it.
inline constexpr uint16_t kMaxMtu = 32768;

// The most that a driver puts in front of a frame in its buffer: XDP_PACKET_HEADROOM of af_xdp.
inline constexpr uint16_t kDriverHeadroom = 256;

// Room for an IP packet of `mtu` bytes, its Ethernet header, a VLAN tag and what the driver puts in front. It is a
// multiple of 512, so that a few slots fill whole pages.
constexpr uint16_t FrameSlot(uint16_t mtu) {
  const uint32_t needed =
      std::min(mtu, kMaxMtu) + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + kDriverHeadroom;
  return static_cast<uint16_t>((needed + 511) / 512 * 512);
}

// The data room of an mbuf that holds any frame of `mtu`: its own headroom and FrameSlot behind it.
constexpr uint16_t DataRoom(uint16_t mtu) {
  return static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + FrameSlot(mtu));
}

// The largest MTU whose frames fit a data room: DataRoom(MtuOfRoom(room)) <= room.
constexpr uint16_t MtuOfRoom(uint16_t room) {
  constexpr uint16_t around =
      RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + kDriverHeadroom;
  return room > around ? static_cast<uint16_t>((room - RTE_PKTMBUF_HEADROOM) / 512 * 512 -
                                               (around - RTE_PKTMBUF_HEADROOM))
                       : 0;
}

static_assert(DataRoom(1500) == RTE_MBUF_DEFAULT_BUF_SIZE);
static_assert(MtuOfRoom(DataRoom(1500)) == 1774 && MtuOfRoom(DataRoom(9000)) >= 9000);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_BUFFER_SIZE_H_
