// What becomes of the port in each slot. Whatever may wait is a state here, which ends when control looks: a driver
// that opens or closes the device on a thread of its own (device_call.h), and a worker that still holds the port.
//
//              Add             the device is open           Remove
//   empty ────────────► opening ─────────────────► open ────────────► held
//     ▲                    │ it cannot be opened                        │ no worker can hold it any more
//     ├────────────────────┘                                            ▼
//     └────────────────────────────────────────────────────────────► closing
//                                      the device is closed
//
// Ports may share a device (port/vlan). The first of them opens it, the others wait meanwhile and then join it; all
// have one worker. Whoever opens such a device while it closes waits until that is over.
//
// A port that is removed while it is opening goes from there to closing. One name has one slot at most, so that a port
// that comes and goes while a thread stands still leaves the slots of the others alone. Control thread only.
#ifndef WARP_DATAPLANE_LCORE_PLANE_PORT_BOARD_H_
#define WARP_DATAPLANE_LCORE_PLANE_PORT_BOARD_H_

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/exchange/port_slot.h"
#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/plane/buffers.h"
#include "dataplane/lcore/plane/device_call.h"
#include "dataplane/lcore/plane/link_watch.h"
#include "dataplane/lcore/port/vlan/vlan_trunk.h"

namespace warp::lcore {

class PortBoard {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // The bell of control in `exchange` rings when a device was opened or closed. `buffers` outlives the board.
  PortBoard(const DataplaneOptions& options, Buffers& buffers, std::shared_ptr<Exchange> exchange);

  // By PortId; max_ports of them. They stay where they are.
  std::span<PortSlot> slots() { return slots_; }
  const PortSlot& slot(PortId port) const { return slots_[port]; }
  // The port is open, or is being opened as far as control has been told: Remove may name it.
  bool Has(PortId port) const;

  // facade/dataplane.h describes these. `last_token` is that of the last table, which does not name the port.
  absl::StatusOr<PortId> Add(const PortSpec& spec, int cpu);
  void Remove(PortId port, uint64_t last_token);
  size_t TakeNews(std::span<PortNews> out);
  LinkState Link(PortId port);
  // There is something for Advance or TakeNews to do, so that control should not sleep.
  bool has_news() const;

  // Takes the steps for which the time has come. Costs nothing where no port is on its way.
  void Advance(const Publisher& publisher) {
    if (moving_ > 0) Move(publisher);
  }
  // Waits until no device is being opened or closed.
  bool Await(Deadline until, const Publisher& publisher);

  // A device that is open, or is being opened or closed, takes buffers from this pool.
  bool TakesFrom(const rte_mempool* pool) const;
  // The data rooms of what these ports receive into.
  std::vector<uint16_t> RoomsOf(std::span<const PortId> ports) const;
  // Retires idle pools that no port is going to need (Buffers::TrimIdle).
  void TrimIdle() { buffers_.TrimIdle(PoolsInSlots()); }

  // At the end: closes the ports of the workers that have ended, and waits for that. False: some port is still held by
  // a driver, or by a worker that has not ended. `ended` is by WorkerId.
  bool CloseAll(const std::vector<bool>& ended, Deadline until);

 private:
  enum class State : uint8_t { kEmpty, kOpening, kOpen, kHeld, kClosing };
  // What the thread that opens a device makes.
  struct Opening {
    PoolPtr new_pool;  // where the slot has none; null until it is made
    // Of a device that ports share: what is open already, until the thread takes it; then what the port is one of.
    std::shared_ptr<VlanTrunk> trunk;
    std::weak_ptr<VlanTrunk> joined;
    absl::StatusOr<std::unique_ptr<Port>> port = absl::UnknownError("");
    std::unique_ptr<LinkWatch> link;  // where the port is no kernel interface
  };
  struct Place {
    State state = State::kEmpty;
    std::string name;                // of the port, except where empty
    std::string device;              // that it shares with others; empty: it has one to itself
    std::weak_ptr<VlanTrunk> trunk;  // of that device, while open
    const rte_mempool* pool =
        nullptr;            // from which the device takes; null: the thread makes it, or empty
    bool unwanted = false;  // removed while it is opening
    uint64_t token = 0;     // while held: the table that all workers must have passed
    std::shared_ptr<Opening> opening;
    std::unique_ptr<DeviceCall> call;  // while opening and closing
    std::unique_ptr<LinkWatch> link;   // while open and held; null for a kernel interface
  };

  absl::StatusOr<WorkerId> WorkerFor(int cpu, const std::string& device) const;
  bool HasNewsOf(PortId port) const;
  absl::Status CheckName(const std::string& name) const;
  absl::StatusOr<std::shared_ptr<VlanTrunk>> TrunkOf(const std::string& device) const;
  absl::Status NoSlot() const;
  bool HasNews(const Place& place) const;
  void Move(const Publisher& publisher);
  void TakeOpened(PortId port);
  void StartClosing(PortId port);
  void SetState(Place* place, State state);
  void Empty(PortId port);
  size_t PoolsInSlots() const;

  const std::vector<int> worker_cpus_;
  Buffers& buffers_;
  const std::shared_ptr<Exchange> exchange_;
  std::vector<PortSlot> slots_;  // by PortId, as is the next
  std::vector<Place> places_;
  size_t moving_ = 0;  // places that are opening, held or closing
  std::vector<PortNews> news_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_PORT_BOARD_H_
