// The packet buffers of a dataplane, in the sizes that its ports need: control's pools of payloads and of frames, and
// what the pools of ports are made by.
//
// Control alone takes from the first two pools, and whoever frees a buffer gives it back to the pool that it names. So
// no worker need know when larger or smaller ones take their place: control takes from the new ones from then on, and
// the old ones are retired (retired_pools.h). Making pools takes as long as the kernel needs for the memory, on a
// thread of its own:
//
//            Prepare             the thread is done
//   ready ────────────► making ───────────────────┬─► ready: the new ones are in use
//                                                 └─► ready as before, where memory did not suffice: Prepared says so
//
// Control thread only.
#ifndef WARP_DATAPLANE_LCORE_PLANE_BUFFERS_H_
#define WARP_DATAPLANE_LCORE_PLANE_BUFFERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  // The bell of control in `exchange` rings when pools were made.
  Buffers(const DataplaneOptions& options, std::shared_ptr<Exchange> exchange);
  ~Buffers();
  // Makes the first pools, for options.max_mtu. Waits.
  absl::Status Open();

  rte_mempool* payloads() const { return payloads_.get(); }
  rte_mempool* frames() const { return frames_.get(); }
  const PoolPlan& plan() const { return plan_; }
  uint16_t max_mtu() const { return MtuOfRoom(plan_.data_room); }

  // facade/dataplane.h describes these.
  void Prepare(uint16_t mtu, uint16_t ports);
  absl::StatusOr<bool> Prepared() const;
  // Every frame has come home.
  bool frames_are_home() const {
    return rte_mempool_full(frames_.get()) == 1 && retired_.frames_are_home();
  }

  // The plan by which the RX pool of a port of this MTU is made.
  PoolPlan PlanOfPort(uint16_t mtu) const;
  // One that was prepared; null where there is none of that size.
  PoolPtr TakePrepared(const PoolPlan& plan);
  RetiredPools& retired() { return retired_; }

  // There is something for Advance to do, so that control should not sleep.
  bool has_news() const { return call_ != nullptr && call_->over(); }
  // Advance may do something, now or later.
  bool is_moving() const { return call_ != nullptr || !retired_.empty(); }
  // Takes the steps for which the time has come. `in_use` is as RetiredPools has it.
  void Advance(Publisher& publisher, const std::function<bool(const rte_mempool*)>& in_use) {
    if (has_news()) TakeMade();
    if (!retired_.empty()) retired_.Advance(publisher, in_use);
  }

 private:
  struct Request {
    uint16_t mtu = 0;
    uint16_t ports = 0;
  };
  // What the thread makes.
  struct Making {
    PoolPlan plan;
    bool common = false;  // payloads and frames as well
    uint16_t ports = 0;
    PoolPtr payloads, frames;
    std::vector<PoolPtr> rx;
    absl::Status status;
  };
  static absl::Status Make(Making* making, uint16_t mtu);
  void Begin(const Request& request);
  void TakeMade();

  const DataplaneOptions options_;
  const std::shared_ptr<Exchange> exchange_;
  PoolPlan plan_;  // of the pools in use
  PoolPtr payloads_, frames_;
  std::vector<PoolPtr> prepared_;  // for ports
  RetiredPools retired_;
  std::shared_ptr<Making> making_;
  std::unique_ptr<DeviceCall> call_;  // while making
  std::optional<Request> next_;       // when that is over
  absl::Status outcome_;              // of the last request
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_BUFFERS_H_
