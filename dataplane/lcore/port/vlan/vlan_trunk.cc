#include "dataplane/lcore/port/vlan/vlan_trunk.h"

#include <cassert>
#include <optional>
#include <utility>

#include "dataplane/lcore/port/vlan/vlan_tag.h"

namespace warp::lcore {

VlanTrunk::VlanTrunk(std::unique_ptr<Port> device, const std::vector<PortVlan>& vlans)
    : device_(std::move(device)) {
  for (const PortVlan& vlan : vlans) {
    assert(vlan.id < kVlans && by_vlan_[vlan.id] == nullptr);
    members_.push_back(std::make_unique<Member>());
    members_.back()->vlan = vlan;
    by_vlan_[vlan.id] = members_.back().get();
  }
}

VlanTrunk::Member* VlanTrunk::Find(uint16_t vlan) {
  return vlan < kVlans ? by_vlan_[vlan] : nullptr;
}

// Frees what the worker pushed while the port before it was being closed.
void VlanTrunk::Join(Member& member) {
  member.queue.Free();
  member.open.store(true, std::memory_order_release);
}

// The worker does not ask this port any more, but may push a last frame. It stays until the next port, or the trunk's
// end.
void VlanTrunk::Leave(Member& member) {
  member.open.store(false, std::memory_order_release);
  member.queue.Free();
}

// Older frames come before those that wait in the device. A port behind the one that polls polls itself where nobody
// has polled since it was asked: then the other one is not asked any more.
uint16_t VlanTrunk::Receive(Member& member, PortId port, rte_mbuf** frames, uint16_t count,
                            Port::Losses* losses) {
  if (const uint16_t waiting = member.queue.Pop(frames, count); waiting > 0) return waiting;
  const bool polls = port <= poller_ || member.polls == polls_;
  if (polls) {
    ++polls_;
    poller_ = port;
  }
  member.polls = polls_;
  if (!polls) return 0;

  const uint16_t received = device_->RxBurst(frames, count);
  if (device_->losses().any()) [[unlikely]] {
    const Port::Losses lost = device_->TakeLosses();
    losses->unbuffered += lost.unbuffered;
    losses->unknown_vlan += lost.unknown_vlan;
  }
  uint16_t kept = 0;
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = frames[i];
    Member* const owner = Sort(&frame, losses);
    if (owner == &member) {
      frames[kept++] = frame;
    } else if (owner != nullptr && !owner->queue.Push(frame)) {
      owner->missed.Add();
      rte_pktmbuf_free(frame);
    }
  }
  return kept;
}

// Takes the tag off. Null: the frame is nobody's, or there was no buffer for it, and it is gone.
VlanTrunk::Member* VlanTrunk::Sort(rte_mbuf** frame, Port::Losses* losses) {
  const std::optional<uint16_t> vlan = TakeTagOff(device_->rx_pool(), frame);
  if (!vlan.has_value()) {
    ++losses->unbuffered;
    return nullptr;
  }
  Member* const owner = by_vlan_[*vlan];
  if (owner != nullptr && owner->open.load(std::memory_order_acquire)) return owner;
  ++losses->unknown_vlan;
  rte_pktmbuf_free(*frame);
  return nullptr;
}

LinkState VlanTrunk::Link() const {
  const std::lock_guard lock(asking_);
  return device_->Link();
}

}  // namespace warp::lcore
