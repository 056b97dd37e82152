#include "dataplane/lcore/port/vlan/vlan_port.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/vlan/vlan_tag.h"

namespace warp::lcore {

absl::StatusOr<std::unique_ptr<Port>> VlanPort::Open(std::shared_ptr<VlanTrunk> trunk,
                                                     const PortSpec& spec, PortId id) {
  VlanTrunk::Member* const member = trunk->Find(spec.vlan.id);
  if (member == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(wire::DeviceText(spec.device), " was opened without VLAN ", spec.vlan.id));
  }
  if (trunk->Link() == LinkState::kGone) {
    return absl::FailedPreconditionError(
        absl::StrCat(wire::DeviceText(spec.device), " was taken away"));
  }
  return std::unique_ptr<Port>(new VlanPort(std::move(trunk), *member, spec, id));
}

VlanPort::VlanPort(std::shared_ptr<VlanTrunk> trunk, VlanTrunk::Member& member,
                   const PortSpec& spec, PortId id)
    : Port(spec, id, trunk->device().rx_pool()),
      trunk_(std::move(trunk)),
      member_(member),
      vlan_(spec.vlan.id) {
  const Port& device = trunk_->device();
  mac_ = device.mac();
  // Of a VLAN that it has no interface for, the kernel makes nothing of what it sees.
  kernel_sees_frames_ = device.kernel_sees_frames() && (vlan_ == 0 || member.vlan.of_kernel);
  on_wire_ = device.on_wire();
  multi_segment_tx_ = device.multi_segment_tx();
  own_pool_only_ = device.own_pool_only();
  poll_fd_ = device.poll_fd();
  trunk_->Join(member_);
}

VlanPort::~VlanPort() { trunk_->Leave(member_); }

uint16_t VlanPort::RxBurst(rte_mbuf** packets, uint16_t count) {
  const uint16_t received = trunk_->Receive(member_, id(), packets, count, &losses_);
  if (received == 0) return 0;
  uint64_t bytes = 0;
  for (uint16_t i = 0; i < received; ++i) bytes += rte_pktmbuf_pkt_len(packets[i]);
  rx_packets_.Add(received);
  rx_bytes_.Add(bytes);
  return received;
}

uint16_t VlanPort::TxBurst(rte_mbuf** packets, uint16_t count) {
  constexpr uint16_t kChunk = 64;
  std::array<uint32_t, kChunk>
      sizes;  // The packets that the device takes must not be looked at any more.
  uint16_t done = 0;
  while (done < count) {
    const auto chunk = std::min<uint16_t>(kChunk, static_cast<uint16_t>(count - done));
    rte_mbuf** const frames = packets + done;
    for (uint16_t i = 0; i < chunk; ++i) {
      sizes[i] = rte_pktmbuf_pkt_len(frames[i]);
      if (vlan_ != 0) PutTagOn(frames[i], vlan_);
    }
    const uint16_t taken = trunk_->device().TxBurst(frames, chunk);
    uint64_t bytes = 0;
    for (uint16_t i = 0; i < taken; ++i) bytes += sizes[i];
    tx_packets_.Add(taken);
    tx_bytes_.Add(bytes);
    done = static_cast<uint16_t>(done + taken);
    if (taken == chunk) continue;
    if (vlan_ != 0) {
      for (uint16_t i = taken; i < chunk; ++i) TakeTagOff(frames[i]);
    }
    break;
  }
  return done;
}

PortCounters VlanPort::Counters() const {
  PortCounters counters = {.rx_packets = rx_packets_.Get(),
                           .rx_bytes = rx_bytes_.Get(),
                           .rx_missed = member_.missed.Get(),
                           .tx_packets = tx_packets_.Get(),
                           .tx_bytes = tx_bytes_.Get()};
  if (trunk_->IsFirst(member_)) {
    const PortCounters device = trunk_->device().Counters();
    counters.rx_missed += device.rx_missed;
    counters.tx_dropped += device.tx_dropped;
  }
  return counters;
}

}  // namespace warp::lcore
