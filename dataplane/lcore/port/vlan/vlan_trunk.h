// A device whose frames belong to several ports by their VLAN (IEEE 802.1Q). It is opened with the first of its ports
// (vlan_port.h) and closed with the last.
//
//   device ── RxBurst ──┬─ tag 10 ────────► queue ► port a
//                       ├─ tag 20 ────────► queue ► port b
//                       ├─ no tag, or 0 ──► queue ► the port without a VLAN
//                       └─ any other ─────► counted as unknown_vlan
//
// All its ports have the same worker, which asks each of them in each turn, in the order of their ids. The first that
// is asked polls the device, once in a turn: what it finds for the others waits in their queues until they are asked,
// in the same turn. So no frame is left behind when a turn has moved nothing and the worker goes to sleep.
//
// A port comes and goes while others stay: its queue is the trunk's, so that the worker never reaches what a thread
// that closes a port frees.
#ifndef WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_TRUNK_H_
#define WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_TRUNK_H_

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "dataplane/facade/port_spec.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/lcore/port/vlan/frame_queue.h"
#include "dataplane/wire/counters.h"

namespace warp::lcore {

class VlanTrunk {
 public:
  // What belongs to one VLAN of the device, whether its port is open or not.
  struct Member {
    PortVlan vlan;
    // Its port is open. Threads that open and close it write, the worker reads.
    std::atomic<bool> open{false};
    FrameQueue queue;
    wire::Counter missed;  // found no room there; the worker's, any thread reads

    // --- The worker's. ---
    uint64_t polls = 0;  // of the trunk, when its port was asked last
  };

  // `vlans` are those of all ports, each once. `device` hands over frames as they are on the link.
  VlanTrunk(std::unique_ptr<Port> device, const std::vector<PortVlan>& vlans);
  VlanTrunk(const VlanTrunk&) = delete;
  VlanTrunk& operator=(const VlanTrunk&) = delete;

  // Constant: the device itself. Null: no VLAN of that number was given to the constructor.
  Port& device() { return *device_; }
  const Port& device() const { return *device_; }
  Member* Find(uint16_t vlan);
  // The VLAN that stands for the whole device where something belongs to none.
  bool IsFirst(const Member& member) const { return &member == members_.front().get(); }

  // --- Threads that open and close ports. ---
  void Join(Member& member);
  void Leave(Member& member);

  // --- The worker. ---
  // Frames of this VLAN, without tags. `port` is the id of its port. Adds to `losses` what ended here.
  uint16_t Receive(Member& member, PortId port, rte_mbuf** frames, uint16_t count,
                   Port::Losses* losses);

  // --- Any thread. ---
  // Each port has a thread that asks, and a driver is asked by one at a time.
  LinkState Link() const;

 private:
  static constexpr size_t kVlans = 4096;

  Member* Sort(rte_mbuf** frame, Port::Losses* losses);

  const std::unique_ptr<Port> device_;
  std::vector<std::unique_ptr<Member>> members_;
  std::array<Member*, kVlans> by_vlan_{};  // null: none
  mutable std::mutex asking_;

  // --- The worker's. ---
  uint64_t polls_ = 0;
  PortId poller_ = 0;  // the port that polled last
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_TRUNK_H_
