// The tag by which a frame says to which VLAN it belongs (IEEE 802.1Q, clause 9.6). It stands behind the two MAC
// addresses: the type 0x8100, and 16 bits of which the lowest 12 are the number of the VLAN. A frame of number 0 has a
// priority and belongs to no VLAN.
#ifndef WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_TAG_H_
#define WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_TAG_H_

#include <rte_ether.h>
#include <rte_mbuf.h>

#include <cassert>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "dataplane/wire/byte_order.h"

namespace warp::lcore {

inline constexpr uint16_t kVlanTagSize = RTE_VLAN_HLEN;
// Where the tag begins.
inline constexpr uint16_t kVlanTagAt = 2 * RTE_ETHER_ADDR_LEN;

// Writes the tag of a frame without a priority.
inline void WriteVlanTag(uint16_t vlan, uint8_t* out) {
  wire::WriteAs(wire::Be16(RTE_ETHER_TYPE_VLAN), out);
  wire::WriteAs(wire::Be16(vlan), out + 2);
}

// Lengthens the frame at its front. Its first segment is the caller's alone and has headroom, as those of all frames
// that the pipeline sends.
inline void PutTagOn(rte_mbuf* frame, uint16_t vlan) {
  assert(rte_mbuf_refcnt_read(frame) == 1 && rte_pktmbuf_headroom(frame) >= kVlanTagSize);
  const auto* const before = rte_pktmbuf_mtod(frame, const uint8_t*);
  frame->data_off = static_cast<uint16_t>(frame->data_off - kVlanTagSize);
  frame->data_len = static_cast<uint16_t>(frame->data_len + kVlanTagSize);
  frame->pkt_len += kVlanTagSize;
  auto* const bytes = rte_pktmbuf_mtod(frame, uint8_t*);
  std::memmove(bytes, before, kVlanTagAt);
  WriteVlanTag(vlan, bytes + kVlanTagAt);
}

// The frame has a tag, and its first segment is the caller's alone.
inline void TakeTagOff(rte_mbuf* frame) {
  auto* const bytes = rte_pktmbuf_mtod(frame, uint8_t*);
  std::memmove(bytes + kVlanTagSize, bytes, kVlanTagAt);
  frame->data_off = static_cast<uint16_t>(frame->data_off + kVlanTagSize);
  frame->data_len = static_cast<uint16_t>(frame->data_len - kVlanTagSize);
  frame->pkt_len -= kVlanTagSize;
}

// The VLAN of a received frame, which has no tag afterwards. A driver may have taken it off already. Where others see
// the frame's bytes, too, it is replaced by a copy out of `pool`; nullopt: there was no buffer for that, and the frame
// is freed.
inline std::optional<uint16_t> TakeTagOff(rte_mempool* pool, rte_mbuf** frame) {
  constexpr uint16_t kNumber = RTE_VLAN_ID_MASK;
  if (((*frame)->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
    return static_cast<uint16_t>((*frame)->vlan_tci & kNumber);
  }
  const auto* const bytes = rte_pktmbuf_mtod(*frame, const uint8_t*);
  if (rte_pktmbuf_data_len(*frame) < kVlanTagAt + kVlanTagSize ||
      wire::ReadAs<wire::Be16>(bytes + kVlanTagAt).value() != RTE_ETHER_TYPE_VLAN) {
    return uint16_t{0};
  }
  const uint16_t tag = wire::ReadAs<wire::Be16>(bytes + kVlanTagAt + 2).value();
  if (rte_mbuf_refcnt_read(*frame) != 1 || !RTE_MBUF_DIRECT(*frame)) [[unlikely]] {
    rte_mbuf* const copy = rte_pktmbuf_copy(*frame, pool, 0, UINT32_MAX);
    rte_pktmbuf_free(std::exchange(*frame, copy));
    if (copy == nullptr) return std::nullopt;
  }
  TakeTagOff(*frame);
  return static_cast<uint16_t>(tag & kNumber);
}

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_TAG_H_
