// A worker flushes its cache into the ring of a pool at every moment of every look, while one buffer is still away. The
// pool is freed only when that has come home.
#include "dataplane/lcore/plane/retired_pools.h"

#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <rte_mempool.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/exchange/table_reader.h"
#include "dataplane/os/boot_clock.h"

namespace warp::lcore {
namespace {

constexpr unsigned kBuffers = 64, kCached = 10;
constexpr unsigned kWorkerLcore = 1;

// What happens when somebody has counted the ring of a pool.
std::function<void()> after_count;

// A pool's ring, as DPDK asks it.
std::vector<void*>& RingOf(const rte_mempool* pool) {
  return *static_cast<std::vector<void*>*>(pool->pool_data);
}

const char* Operations() {
  static const rte_mempool_ops operations = {
      .name = "warp_counted",
      .alloc =
          [](rte_mempool* pool) {
            pool->pool_data = new std::vector<void*>();
            return 0;
          },
      .free = [](rte_mempool* pool) { delete &RingOf(pool); },
      .enqueue =
          [](rte_mempool* pool, void* const* objects, unsigned count) {
            RingOf(pool).insert(RingOf(pool).end(), objects, objects + count);
            return 0;
          },
      .dequeue =
          [](rte_mempool* pool, void** objects, unsigned count) {
            for (unsigned i = 0; i < count; ++i) {
              objects[i] = RingOf(pool).back();
              RingOf(pool).pop_back();
            }
            return 0;
          },
      .get_count =
          [](const rte_mempool* pool) {
            const auto count = static_cast<unsigned>(RingOf(pool).size());
            if (after_count) after_count();
            return count;
          },
  };
  static const int index = rte_mempool_register_ops(&operations);
  return index < 0 ? nullptr : operations.name;
}

class RetiredPoolsTest : public testing::Test {
 protected:
  RetiredPoolsTest()
      : publisher_(1,
                   std::make_unique<ForwardingTable>(
                       std::make_unique<Snapshot>(), std::span<PortSlot>(), 1,
                       CycleClock(os::Now(), rte_rdtsc(), rte_get_tsc_hz())),
                   {}),
        reader_(publisher_, 0) {
    reader_.Online();
  }
  ~RetiredPoolsTest() override {
    after_count = nullptr;
    reader_.Offline();
  }

  static PoolPtr MakePool() {
    PoolPtr pool(rte_mempool_create_empty("retired_pools_test", kBuffers, 64, 2 * kCached, 0,
                                          SOCKET_ID_ANY, 0));
    if (pool == nullptr || rte_mempool_set_ops_byname(pool.get(), Operations(), nullptr) != 0 ||
        rte_mempool_populate_default(pool.get()) != static_cast<int>(kBuffers)) {
      return nullptr;
    }
    return pool;
  }
  void Look() {
    retired_.Advance(publisher_);
    std::this_thread::sleep_for(std::chrono::milliseconds(6));  // the next one is due then
  }
  void EndTurn() {
    reader_.Take();
    reader_.LetGo();
  }

  Publisher publisher_;
  TableReader reader_;
  RetiredPools retired_{[](const rte_mempool*) { return false; }};
};

TEST_F(RetiredPoolsTest, AFlushAtAnyMomentFreesNoPoolTooEarly) {
  for (int moment = 1; moment <= 8; ++moment) {
    PoolPtr made = MakePool();
    ASSERT_NE(made, nullptr);
    rte_mempool* const pool = made.get();
    rte_mempool_cache& cache = pool->local_cache[kWorkerLcore];
    void* away = nullptr;
    ASSERT_EQ(rte_mempool_ops_dequeue_bulk(pool, &away, 1), 0);
    ASSERT_EQ(rte_mempool_ops_dequeue_bulk(pool, cache.objs, kCached), 0);
    cache.len = kCached;
    retired_.Add(std::move(made), PoolPurpose::kRx);
    int counts = 0;
    bool flushing = false;
    after_count = [&] {
      if (++counts != moment) return;
      rte_mempool_ops_enqueue_bulk(pool, cache.objs, kCached);
      flushing = true;
    };
    for (int turn = 0; turn < 12; ++turn) {
      Look();
      ASSERT_EQ(retired_.size(), 1u) << "freed, moment " << moment;
      if (std::exchange(flushing, false)) cache.len = 0;
      EndTurn();
    }
    EXPECT_GE(counts, moment);
    rte_mempool_ops_enqueue_bulk(pool, &away, 1);
    after_count = nullptr;
    for (int turn = 0; turn < 1000 && !retired_.empty(); ++turn) {
      Look();
      EndTurn();
    }
    EXPECT_TRUE(retired_.empty()) << moment;
  }
}

// The look waits for nobody, and neither does the pool's memory for a look that no worker has confirmed.
TEST_F(RetiredPoolsTest, AWorkerThatStandsStillKeepsThePool) {
  retired_.Add(MakePool(), PoolPurpose::kRx);
  for (int look = 0; look < 20; ++look) Look();
  EXPECT_EQ(retired_.size(), 1u);
  for (int turn = 0; turn < 1000 && !retired_.empty(); ++turn) {
    Look();
    EndTurn();
  }
  EXPECT_TRUE(retired_.empty());
}

}  // namespace
}  // namespace warp::lcore
