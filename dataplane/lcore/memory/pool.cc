#include "dataplane/lcore/memory/pool.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_memory.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/memory/buffer_size.h"
#include "dataplane/lcore/memory/eal.h"
#include "dataplane/lcore/memory/pool_memory.h"

namespace warp::lcore {
namespace {

constexpr size_t kMib = 1024 * 1024;

// A generous bound: the largest items of rings are pointers or pairs of them.
constexpr size_t kMaxRingItem = 32;

// The most that a driver allocates for a port: memif allocates its queues.
constexpr size_t kDriverMemory = kMib;

// A thread's cache holds up to one and a half times its size before it is flushed to the pool.
constexpr uint32_t kCacheHeld = kPoolCache * 3 / 2;

// Packets that a thread has in hand in one turn of its loop: received, opened, and yet to be handed over.
constexpr uint32_t kBurstsInHand = 256;

// The af_xdp driver gives the kernel 2048 buffers to fill, whatever the number of RX descriptors. Buffers that were
// sent come back through a completion ring of another 2048.
constexpr uint32_t kKernelBuffers = 4096;

constexpr uint32_t ElementSize(uint16_t room) {
  return static_cast<uint32_t>(sizeof(rte_mbuf)) + kPacketMetaSize + room;
}

// What all pools need for so many ports: each at its full size, a ring for each ordered pair of threads and one more to
// control, and what drivers allocate.
uint32_t MemoryMib(const PoolPlan& plan, uint32_t workers, uint32_t ports, uint32_t ring_size) {
  const uint32_t threads = workers + 1;
  size_t bytes = PoolSize(plan.payload_buffers, plan.data_room) +
                 PoolSize(plan.frame_buffers, plan.data_room) +
                 workers * PoolSize(plan.header_buffers, plan.header_room) +
                 ports * PoolSize(plan.rx_buffers, plan.data_room);
  bytes += size_t{threads} * (threads + 1) * ring_size * kMaxRingItem;
  bytes += ports * kDriverMemory;
  bytes += bytes / 16;  // for alignment, and for the heap's own data
  return static_cast<uint32_t>(bytes / kMib) + 16;
}

// How much there is, and where somebody chose it, how much would do.
std::string SetAside(const PoolPlan& plan) {
  if (rte_eal_has_hugepages()) {
    return absl::StrCat(plan.configured_mib != 0 ? plan.configured_mib : plan.memory_mib,
                        " MiB set aside, and ", FreeHugepagesMib(),
                        " MiB of hugepages are free; reserve more with sysctl vm.nr_hugepages");
  }
  if (plan.configured_mib == 0) return absl::StrCat(plan.memory_mib, " MiB set aside");
  return absl::StrCat(plan.configured_mib, " MiB of node.memory; ", plan.ports_mib,
                      " MiB suffice for the ", plan.ports, " ports of this node, ", plan.memory_mib,
                      " MiB for max_ports, ", plan.max_ports);
}

bool HasOperations(absl::string_view name) {
  const rte_mempool_ops* const ops = rte_mempool_ops_table.ops;
  return std::any_of(ops, ops + rte_mempool_ops_table.num_ops,
                     [&](const rte_mempool_ops& one) { return name == one.name; });
}

// What a call of DPDK's says of a pool that it could not make: for want of memory, or for another reason.
absl::Status PoolError(const char* purpose, uint32_t buffers, uint16_t room, const PoolPlan& plan,
                       int error) {
  if (error != ENOMEM) {
    return absl::InternalError(absl::StrCat("no pool of ", buffers, " packet buffers (", purpose,
                                            "): ", rte_strerror(error)));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "no memory for ", buffers, " packet buffers (", purpose,
      "): ", PoolSize(buffers, room) / kMib + 1, " MiB were not free of the ", SetAside(plan)));
}

absl::StatusOr<PoolPtr> CreatePool(const char* purpose, uint32_t buffers, uint16_t room,
                                   const PoolPlan& plan) {
  const char* const operations = plan.shared_cpus ? "ring_mt_rts" : "ring_mp_mc";
  if (!HasOperations(operations)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "DPDK's plug-in for packet memory (", operations,
        ") is not loaded; Debian has it in a package of its own, librte-mempool-ring*"));
  }
  static std::atomic<uint32_t> serial{0};
  const std::string name = absl::StrCat("warp_", purpose, "_", serial.fetch_add(1));
  // Where no device does DMA, objects may lie anywhere. If they had to be contiguous, EAL would keep each within a
  // page. That costs a whole page per buffer where pages are small, and leaves gaps that af_xdp's driver does not
  // expect.
  const unsigned flags = plan.dma ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
  PoolPtr pool(rte_mempool_create_empty(name.c_str(), buffers, ElementSize(room), kPoolCache,
                                        sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY, flags));
  if (pool == nullptr) return PoolError(purpose, buffers, room, plan, rte_errno);
  if (const int error = rte_mempool_set_ops_byname(pool.get(), operations, nullptr); error != 0) {
    return PoolError(purpose, buffers, room, plan, std::abs(error));
  }
  rte_pktmbuf_pool_private shape{};
  shape.mbuf_data_room_size = room;
  shape.mbuf_priv_size = kPacketMetaSize;
  rte_pktmbuf_pool_init(pool.get(), &shape);
  const int error = rte_eal_has_hugepages() ? std::min(rte_mempool_populate_default(pool.get()), 0)
                                            : PopulatePool(pool.get());
  if (error != 0) return PoolError(purpose, buffers, room, plan, std::abs(error));
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool;
}

}  // namespace

// Its objects with DPDK's own headers in whole cache lines, its ring of pointers, and its caches.
size_t PoolSize(uint32_t buffers, uint16_t room) {
  const size_t object = rte_mempool_calc_obj_size(ElementSize(room), 0, nullptr);
  return buffers * object + rte_align32pow2(buffers + 1) * sizeof(void*) + kMib;
}

PoolPlan PlanPools(const DataplaneOptions& options) {
  const auto workers = static_cast<uint32_t>(std::max<size_t>(options.worker_cpus.size(), 1));
  const uint32_t threads = workers + 1;  // the control thread, too
  const uint32_t ports = options.max_ports;

  PoolPlan plan;
  plan.payload_buffers = workers * (options.ring_size + kBurstsInHand) + ports * kTxDescriptors +
                         kControlSlots + threads * kCacheHeld;
  // A ring of that many entries may hold nearly twice as many.
  plan.frame_buffers =
      workers * 2 * kFrameRing + ports * kTxDescriptors + kBurstsInHand + threads * kCacheHeld;
  plan.header_buffers = ports * kTxDescriptors + workers * kBurstsInHand + threads * kCacheHeld;
  plan.rx_buffers = kKernelBuffers + kRxDescriptors + kTxDescriptors + kControlShare +
                    kBurstsInHand + threads * kCacheHeld;
  plan.data_room = DataRoom(options.max_mtu);
  plan.header_room = RTE_PKTMBUF_HEADROOM;
  plan.dma = !options.pci_devices.empty();
  const bool all_own_a_cpu = options.control_cpu >= 0 &&
                             std::all_of(options.worker_cpus.begin(), options.worker_cpus.end(),
                                         [](int cpu) { return cpu >= 0; });
  plan.shared_cpus = threads > 1 && !all_own_a_cpu;

  plan.max_ports = options.max_ports;
  plan.ports = options.ports == 0 ? options.max_ports : std::min(options.ports, options.max_ports);
  plan.memory_mib = MemoryMib(plan, workers, ports, options.ring_size);
  plan.ports_mib = MemoryMib(plan, workers, plan.ports, options.ring_size);
  if (options.memory_mib != 0) plan.configured_mib = std::max(options.memory_mib, kMinMemoryMib);
  if (options.engine == wire::EngineKind::kCryptodev) {
    plan.memory_mib += kCryptoDeviceMib;
    plan.ports_mib += kCryptoDeviceMib;
  }
  return plan;
}

absl::StatusOr<PoolPtr> CreatePayloadPool(const PoolPlan& plan) {
  return CreatePool("payload", plan.payload_buffers, plan.data_room, plan);
}

absl::StatusOr<PoolPtr> CreateFramePool(const PoolPlan& plan) {
  return CreatePool("frame", plan.frame_buffers, plan.data_room, plan);
}

absl::StatusOr<PoolPtr> CreateHeaderPool(const PoolPlan& plan, WorkerId worker) {
  return CreatePool(absl::StrCat("header", worker).c_str(), plan.header_buffers, plan.header_room,
                    plan);
}

absl::StatusOr<PoolPtr> CreateRxPool(const PoolPlan& plan, PortId port) {
  return CreatePool(absl::StrCat("rx", port).c_str(), plan.rx_buffers, plan.data_room, plan);
}

}  // namespace warp::lcore
