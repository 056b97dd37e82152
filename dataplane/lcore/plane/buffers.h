// The packet buffers of a dataplane, in the sizes that its ports need: control's pools of payloads and of frames, and
// what the pools of ports are made by.
//
// Control alone takes from the first two pools, and whoever frees a buffer gives it back to the pool that it names. So
// no worker need know when larger or smaller ones take their place: control takes from the new ones from then on, and
// the old ones are retired (retired_pools.h), from where they come back if that size is wanted again. Making pools
// takes as long as the kernel needs for the memory, on a thread of its own:
//
//       Prepare, Grow, Settle       the thread is done
//   ready ────────────► making ───────────────────┬─► ready: the new ones are in use
//                                                 └─► ready as before, where memory did not suffice
//
// A pool of a port lives in its slot while the port is there, and is idle here afterwards, for a later port of the same
// size: no more of them than there may be ports. Between Prepare and Settle ports may have to become again what they
// were. So nothing becomes smaller then, and what is idle stays.
//
// Control thread only.
#ifndef WARP_DATAPLANE_LCORE_PLANE_BUFFERS_H_
#define WARP_DATAPLANE_LCORE_PLANE_BUFFERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/memory/buffer_size.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/plane/device_call.h"
#include "dataplane/lcore/plane/retired_pools.h"

namespace warp::lcore {

class Buffers {
 public:
  // The bell of control in `exchange` rings when pools were made. `in_use` is asked by Prepare, Grow, Settle and
  // Advance.
  Buffers(const DataplaneOptions& options, std::shared_ptr<Exchange> exchange,
          RetiredPools::InUse in_use);
  ~Buffers();
  // Makes the first pools, for options.max_mtu. Waits.
  absl::Status Open();

  rte_mempool* payloads() const { return payloads_.get(); }
  rte_mempool* frames() const { return frames_.get(); }
  const PoolPlan& plan() const { return plan_; }
  uint16_t max_mtu() const { return MtuOfRoom(plan_.data_room); }

  // facade/dataplane.h describes these. Data rooms of devices that open, and of what closes before.
  struct Rooms {
    std::vector<uint16_t> opening, closing;
  };
  void Prepare(uint16_t mtu, Rooms rooms);
  absl::StatusOr<bool> Prepared() const { return OutcomeOf(Why::kReload); }
  void Grow(uint16_t mtu, Rooms rooms);
  absl::StatusOr<bool> Grown() const { return OutcomeOf(Why::kGrowth); }
  void Settle(uint16_t mtu);
  // Every frame has come home.
  bool frames_are_home() const {
    return rte_mempool_full(frames_.get()) == 1 && retired_.frames_are_home() &&
           (back_.frames == nullptr || rte_mempool_full(back_.frames.get()) == 1);
  }

  // --- Pools of ports. ---
  // The plan by which one for this MTU is made.
  PoolPlan PlanOfPort(uint16_t mtu) const;
  // One that was prepared, is idle, or is retired; null where there is none of that size.
  PoolPtr TakeRxPool(uint16_t data_room);
  // No port of its slot has it any more. Null is nothing.
  void GiveRxPool(PoolPtr pool) {
    if (pool != nullptr) idle_.push_back(std::move(pool));
  }
  // Retires idle ones that are larger than any port, and what is more than the slots may come to use, of which so many
  // have one.
  void TrimIdle(size_t in_slots);

  size_t retired_pools() const { return retired_.size(); }
  // There is something for Advance to do, so that control should not sleep.
  bool has_news() const { return call_ != nullptr && call_->over(); }
  // Advance may do something, now or later.
  bool is_moving() const { return call_ != nullptr || !retired_.empty(); }
  // Takes the steps for which the time has come.
  void Advance(Publisher& publisher) {
    if (has_news()) TakeMade();
    if (!retired_.empty()) retired_.Advance(publisher);
  }

 private:
  enum class Why : uint8_t { kReload, kGrowth, kSettled };
  struct Request {
    Why why = Why::kReload;
    uint16_t mtu = 0;
    Rooms rooms;
  };
  struct Pools {
    PoolPtr payloads, frames;
    std::vector<PoolPtr> rx;
  };
  // What the thread makes.
  struct Making {
    Why why = Why::kReload;
    PoolPlan plan;
    uint16_t mtu = 0;
    bool common = false;  // control's pools change
    bool payloads = false, frames = false;
    std::vector<uint16_t> rx;  // data rooms
    Pools made;
    absl::Status status;

    bool empty() const { return !payloads && !frames && rx.empty(); }
    uint64_t Bytes() const;
  };
  void Ask(Request request);
  absl::StatusOr<bool> OutcomeOf(Why why) const;
  absl::Status& Outcome(Why why) { return outcomes_[static_cast<size_t>(why)]; }
  void Begin(const Request& request);
  void Plan(const Request& request, Making* making);
  std::vector<uint16_t> MissingRooms(const Rooms& rooms);
  absl::Status CheckAway(const Making& making) const;
  static absl::Status Make(Making* making);
  static absl::Status CheckMemory(const Making& making);
  void TakeMade();
  void Use(Making* making);
  void Retire(Pools* pools);

  const DataplaneOptions options_;
  const std::shared_ptr<Exchange> exchange_;
  PoolPlan plan_;  // of the pools in use
  PoolPtr payloads_, frames_;
  std::vector<PoolPtr> prepared_;  // for ports that are about to open
  std::vector<PoolPtr> idle_;      // the oldest first
  bool holding_ = false;           // between Prepare and Settle
  const RetiredPools::InUse in_use_;
  RetiredPools retired_;
  Pools back_;  // those that were retired, and are used beside what is being made
  std::shared_ptr<Making> making_;
  std::unique_ptr<DeviceCall> call_;      // while making
  std::optional<Request> next_;           // when that is over
  std::array<absl::Status, 3> outcomes_;  // of the last request of each kind
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_BUFFERS_H_
