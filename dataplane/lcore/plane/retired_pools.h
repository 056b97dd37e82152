// Pools that nobody takes buffers from any more. Each is freed when its last buffer has come home, whoever holds it
// until then: a ring, a gate, a tunnel, the queue of a driver, the port of another node. Nobody waits for that. One
// that is wanted again before it is freed is taken back instead, so that buffers that never come home hold at most one
// pool of each size; and what they hold is known, so that somebody can say that it is too much.
//
//           all are home, and no     each worker has           the thread has
//   away ── worker came between ──► home ── ended its turn ──► freeing ── freed it ──► gone
//
// A pool counts what is home by adding its ring and the caches of the threads. What a worker flushes from its cache
// into the ring counts twice for a moment, so that the sum alone proves nothing. But where the ring has as many buffers
// as it had before each worker ended its turn, nobody is in the middle of that, because a ring of which nobody takes
// only grows. A worker may still have to write the last pointer into its cache, which it has done when it ends one more
// turn.
//
// The memory is given back on a thread of its own, since that takes milliseconds. Control thread only.
#ifndef WARP_DATAPLANE_LCORE_PLANE_RETIRED_POOLS_H_
#define WARP_DATAPLANE_LCORE_PLANE_RETIRED_POOLS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/plane/device_call.h"

namespace warp::lcore {

enum class PoolPurpose : uint8_t { kPayloads, kFrames, kRx };

class RetiredPools {
 public:
  // A device takes buffers from this pool.
  using InUse = std::function<bool(const rte_mempool*)>;

  explicit RetiredPools(InUse in_use) : in_use_(std::move(in_use)) {}
  // No thread uses any of the pools. Waits for the threads that free some, for as long as they take.
  ~RetiredPools();

  // From now on control takes nothing from it. Null is nothing.
  void Add(PoolPtr pool, PoolPurpose purpose);
  // One of that purpose and data room which is not freed yet, with whatever of it is away. Null: there is none.
  PoolPtr TakeBack(PoolPurpose purpose, uint16_t data_room);
  bool frames_are_home() const;
  // Those that were added and are not freed yet.
  size_t size() const { return pools_.size() + freeing_.size(); }
  bool empty() const { return pools_.empty() && freeing_.empty(); }
  // How many bytes those take whose buffers have not come home in a second of looks.
  uint64_t BytesAway() const;

  // Takes the steps for which the time has come.
  void Advance(Publisher& publisher);

 private:
  struct Retired {
    PoolPtr pool;
    PoolPurpose purpose = PoolPurpose::kRx;
    bool looked = false;  // at the ring, which had `in_ring` buffers when `token` began
    bool home = false;    // all of them, when `token` began
    uint32_t in_ring = 0;
    uint64_t token = 0;
    uint32_t looks = 0;
  };
  static void Look(Publisher& publisher, Retired* retired);
  bool Free(Retired* retired);

  const InUse in_use_;
  std::vector<Retired> pools_;
  std::vector<std::unique_ptr<DeviceCall>> freeing_;
  uint64_t next_look_ = 0;  // by the time-stamp counter
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_RETIRED_POOLS_H_
