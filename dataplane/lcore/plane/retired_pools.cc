#include "dataplane/lcore/plane/retired_pools.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

namespace warp::lcore {
namespace {

// A look reads the caches of all threads, which is not worth doing in each turn of control: 200 times a second.
constexpr uint64_t kLooksPerSecond = 200;

constexpr auto kFreeing = std::chrono::seconds(10);

}  // namespace

RetiredPools::~RetiredPools() {
  const auto until = std::chrono::steady_clock::now() + kFreeing;
  for (const std::unique_ptr<DeviceCall>& call : freeing_) call->Await(until);
}

void RetiredPools::Add(PoolPtr pool, PoolPurpose purpose) {
  if (pool != nullptr) pools_.push_back({.pool = std::move(pool), .purpose = purpose});
}

PoolPtr RetiredPools::TakeBack(PoolPurpose purpose, uint16_t data_room) {
  const auto fitting = std::find_if(pools_.begin(), pools_.end(), [&](const Retired& retired) {
    return retired.purpose == purpose &&
           rte_pktmbuf_data_room_size(retired.pool.get()) == data_room &&
           !in_use_(retired.pool.get());
  });
  if (fitting == pools_.end()) return nullptr;
  PoolPtr taken = std::move(fitting->pool);
  pools_.erase(fitting);
  return taken;
}

uint64_t RetiredPools::BytesAway() const {
  uint64_t bytes = 0;
  for (const Retired& retired : pools_) {
    const rte_mempool* const pool = retired.pool.get();
    if (retired.looks >= kLooksPerSecond && !in_use_(pool))
      bytes += PoolSize(pool->size, rte_pktmbuf_data_room_size(retired.pool.get()));
  }
  return bytes;
}

bool RetiredPools::frames_are_home() const {
  return std::all_of(pools_.begin(), pools_.end(), [](const Retired& retired) {
    return retired.purpose != PoolPurpose::kFrames || rte_mempool_full(retired.pool.get()) == 1;
  });
}

void RetiredPools::Advance(Publisher& publisher) {
  if (const uint64_t now = rte_rdtsc(); now < next_look_) {
    return;
  } else {
    next_look_ = now + rte_get_tsc_hz() / kLooksPerSecond;
  }
  std::erase_if(freeing_, [](const auto& call) { return call->over(); });
  std::erase_if(pools_, [&](Retired& retired) {
    if (in_use_(retired.pool.get())) {
      retired.looked = retired.home = false;
      return false;
    }
    if (retired.looked && !publisher.HasPassed(retired.token)) return false;
    if (retired.home) return Free(&retired);
    Look(publisher, &retired);
    return false;
  });
}

// The ring is looked at after the sum: a flush that began between the two would be in the sum twice, and unseen.
void RetiredPools::Look(Publisher& publisher, Retired* retired) {
  const rte_mempool* const pool = retired->pool.get();
  if (retired->looks < kLooksPerSecond) ++retired->looks;
  const bool all = rte_mempool_avail_count(pool) == pool->size;
  std::atomic_thread_fence(std::memory_order_acquire);
  const uint32_t in_ring = rte_mempool_get_ops(pool->ops_index)->get_count(pool);
  const bool same = std::exchange(retired->looked, true) && in_ring == retired->in_ring;
  retired->home = same && all;
  retired->in_ring = in_ring;
  retired->token = publisher.StartToken();
}

// Where there is no thread to be had now, the next look tries again.
bool RetiredPools::Free(Retired* retired) {
  absl::StatusOr<std::unique_ptr<DeviceCall>> call =
      DeviceCall::Start([pool = retired->pool.get()] { rte_mempool_free(pool); }, [] {});
  if (!call.ok()) return false;
  static_cast<void>(retired->pool.release());
  freeing_.push_back(*std::move(call));
  return true;
}

}  // namespace warp::lcore
