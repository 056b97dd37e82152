// In 1: receives a burst of frames from the port. WARP datagrams to one of its addresses go on; foreign frames are left
// to the kernel.
#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/lcore/port/vlan/vlan_tag.h"
#include "dataplane/wire/byte_order.h"

namespace warp::lcore {
namespace {

// Opening in place demands a packet of one segment that nobody else can see. A frame larger than a buffer comes in
// several segments, and a frame that a ring port's neighbour replicated by reference is shared with its other copies:
// such a packet is replaced by a copy of its bytes. kNone where that was done; else the packet stays as it is.
wire::Drop Linearise(rte_mempool* pool, rte_mbuf** packet) {
  const uint32_t size = rte_pktmbuf_pkt_len(*packet);
  if (size > uint32_t{rte_pktmbuf_data_room_size(pool)} - RTE_PKTMBUF_HEADROOM) {
    return wire::Drop::kTooLarge;
  }
  rte_mbuf* copy = rte_pktmbuf_alloc(pool);
  if (copy == nullptr) return wire::Drop::kNoBuffer;
  char* to = rte_pktmbuf_append(copy, static_cast<uint16_t>(size));
  for (const rte_mbuf* segment = *packet; segment != nullptr; segment = segment->next) {
    to = std::copy_n(rte_pktmbuf_mtod(segment, const char*), segment->data_len, to);
  }
  rte_pktmbuf_free(std::exchange(*packet, copy));
  return wire::Drop::kNone;
}

// How many packets ahead a buffer, and then its first bytes, are fetched into the cache.
constexpr uint16_t kPrefetchBuffers = 8;
constexpr uint16_t kPrefetchBytes = 4;

void PrefetchBytes(const rte_mbuf* frame) { rte_prefetch0(rte_pktmbuf_mtod(frame, const void*)); }

bool IsShared(const rte_mbuf* packet) {
  return packet->nb_segs != 1 || rte_mbuf_refcnt_read(packet) != 1 || !RTE_MBUF_DIRECT(packet);
}

bool IsOurMac(wire::Bytes frame, const wire::MacAddress& mac) {
  return frame.size() >= mac.bytes.size() &&
         std::memcmp(mac.bytes.data(), frame.data(), mac.bytes.size()) == 0;
}
bool IsGroupMac(wire::Bytes frame) { return !frame.empty() && (frame[0] & 1) != 0; }

// A switch may put a tag of VLAN 0 on a frame, which belongs to no VLAN as before (IEEE 802.1Q, clause 6.9.1). False:
// there is none.
[[gnu::noinline]] bool TakePriorityTagOff(rte_mbuf* frame, wire::Bytes bytes) {
  if (bytes.size() < kVlanTagAt + kVlanTagSize ||
      wire::ReadAs<wire::Be16>(&bytes[kVlanTagAt]).value() != RTE_ETHER_TYPE_VLAN ||
      (wire::ReadAs<wire::Be16>(&bytes[kVlanTagAt + 2]).value() & RTE_VLAN_ID_MASK) != 0) {
    return false;
  }
  TakeTagOff(frame);
  return true;
}

}  // namespace

// Its one call is made for every packet, and costs more than a few of its branches where it is not inlined.
[[gnu::always_inline]] inline void Ingress::Sort(const PortView& port, rte_mbuf* frame) {
  wire::Bytes bytes(rte_pktmbuf_mtod(frame, const uint8_t*), rte_pktmbuf_data_len(frame));
  if (!IsOurMac(bytes, port.port->mac())) {
    if (IsGroupMac(bytes)) return LeaveToKernel(port, frame);
    // The frame was sent to another station, so that freeing it drops nothing.
    rte_pktmbuf_free(frame);
    return;
  }
  InPacket& packet = in_.Next();
  wire::FrameKind kind = wire::LocateUdp(bytes, &packet.udp);
  if (kind == wire::FrameKind::kOther && TakePriorityTagOff(frame, bytes)) [[unlikely]] {
    bytes = wire::Bytes(rte_pktmbuf_mtod(frame, const uint8_t*), rte_pktmbuf_data_len(frame));
    kind = wire::LocateUdp(bytes, &packet.udp);
  }
  switch (kind) {
    case wire::FrameKind::kUdp:
      break;
    case wire::FrameKind::kOther:
      return LeaveToKernel(port, frame);
    case wire::FrameKind::kFragment:
      // WARP sends no fragments, so it is the kernel's. Where the kernel has its own copy, this one ends here.
      if (!port.port->kernel_sees_frames()) return LeaveToKernel(port, frame);
      return turn_.Discard(port.slot, wire::Drop::kIpFragment, frame);
    case wire::FrameKind::kTruncated:
      // A kernel interface may hand over a frame that was cut off at a buffer's size: the kernel has it whole.
      if (port.port->kernel_sees_frames()) return LeaveToKernel(port, frame);
      return turn_.Discard(port.slot, wire::Drop::kTruncated, frame);
    case wire::FrameKind::kBadChecksum:
      return turn_.Discard(port.slot, wire::Drop::kBadIpChecksum, frame);
  }
  packet.follows = !in_.empty() && packet.udp.HasFlowOf(in_[in_.size() - 1u].udp);
  if (!packet.follows && !IsOurs(port, packet.udp)) return LeaveToKernel(port, frame);
  packet.mbuf = frame;
  packet.frame_size = static_cast<uint32_t>(bytes.size());
  in_.Add();
}

void Ingress::Receive(const PortView& port) {
  in_.Clear();
  rte_mbuf* frames[kBurst];
  const uint16_t received = port.port->RxBurst(frames, kBurst);
  if (port.port->losses().any()) [[unlikely]]
    CountLosses(port);
  if (received == 0) return;
  turn_.AddWork(received);
  turn_.ReadTime();
  turn_.Lap(Stage::kRx, received);
  // A buffer's own line says where its bytes are, so the line is fetched earlier than the bytes.
  for (uint16_t i = 0; i < std::min(received, kPrefetchBuffers); ++i) rte_prefetch0(frames[i]);
  for (uint16_t i = 0; i < std::min(received, kPrefetchBytes); ++i) PrefetchBytes(frames[i]);
  for (uint16_t i = 0; i < received; ++i) {
    if (i + kPrefetchBuffers < received) rte_prefetch0(frames[i + kPrefetchBuffers]);
    if (i + kPrefetchBytes < received) PrefetchBytes(frames[i + kPrefetchBytes]);
    if (IsShared(frames[i])) {
      const wire::Drop failure = Linearise(port.port->rx_pool(), &frames[i]);
      if (failure != wire::Drop::kNone) {
        turn_.Discard(port.slot, failure, frames[i]);
        continue;
      }
    }
    Sort(port, frames[i]);
  }
}

// A turn that has found frames which end here is no idle one: more may wait behind them, and an adapter that has told
// of the first of them need not tell of those.
void Ingress::CountLosses(const PortView& port) {
  const Port::Losses lost = port.port->TakeLosses();
  turn_.AddWork(static_cast<uint32_t>(lost.unbuffered + lost.unknown_vlan));
  if (lost.unbuffered > 0) turn_.Count(port.slot, wire::Drop::kNoBuffer, lost.unbuffered);
  if (lost.unknown_vlan > 0) turn_.Count(port.slot, wire::Drop::kUnknownVlan, lost.unknown_vlan);
}

// Returns true for a datagram to our UDP port and one of the interface's addresses.
bool Ingress::IsOurs(const PortView& port, const wire::UdpFrame& udp) const {
  if (udp.to_port() != turn_.forwarding().snapshot().listen_port) return false;
  for (const wire::IpAddress& address : port.entry->addresses) {
    if (udp.IsToAddress(address)) return true;
  }
  return false;
}

// Where the kernel sees the port's frames itself, it has its own copy of this one, unless its socket has handed it
// over: then it was sent to our port, but to no address of the interface.
void Ingress::LeaveToKernel(const PortView& port, rte_mbuf* frame) {
  if (!port.port->kernel_keeps_frames())
    return turn_.Discard(port.slot, wire::Drop::kOtherAddress, frame);
  if (port.port->kernel_sees_frames()) {
    rte_pktmbuf_free(frame);
    return;
  }
  MetaOf(frame).returned = &port.slot->returned;
  MetaOf(frame).in = InboundMeta{.port = port.id};
  GiveToControl(port, lane_.foreign, {&frame, 1});
}

}  // namespace warp::lcore
