// Tests of EAL and of packet buffers.
#include <gtest/gtest.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sched.h>

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/memory/buffer_size.h"
#include "dataplane/lcore/memory/eal.h"
#include "dataplane/lcore/memory/pool.h"

namespace warp::lcore {
namespace {

TEST(EalTest, IsInitialisedOnce) {
  EXPECT_EQ(InitEal({.worker_cpus = {-1}}).code(), absl::StatusCode::kAlreadyExists);
}

TEST(EalTest, RefusesWhatCannotBe) {
  EXPECT_EQ(InitEal({.worker_cpus = {1000}}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InitEal({.worker_cpus = {-1}, .control_cpu = 1000}).code(),
            absl::StatusCode::kInvalidArgument);
  const int cpu = sched_getcpu();
  EXPECT_EQ(InitEal({.worker_cpus = {cpu, cpu}}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InitEal({.worker_cpus = {-1}, .pci_devices = {"0000:3b:00.0"}}).code(),
            absl::StatusCode::kFailedPrecondition);
  // 1 TiB is more than any machine has.
  const absl::Status status =
      InitEal({.worker_cpus = {-1}, .hugepages = true, .memory_mib = 1 << 20});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("vm.nr_hugepages"), absl::string_view::npos) << status;
  // Beside a PCI port that would be refused next.
  const absl::Status pci = InitEal({.worker_cpus = {-1},
                                    .hugepages = true,
                                    .pci_devices = {"0000:3b:00.0"},
                                    .memory_mib = 1 << 20});
  EXPECT_EQ(pci.message().find("hugepages to false"), absl::string_view::npos) << pci;
}

TEST(EalTest, CallerIsTheMainLcoreAndFloats) {
  EXPECT_EQ(rte_lcore_id(), rte_get_main_lcore());
  EXPECT_EQ(rte_lcore_count(), 2u);
  cpu_set_t caller;
  ASSERT_EQ(sched_getaffinity(0, sizeof(caller), &caller), 0);
  // A worker without a CPU of its own may run wherever the process may.
  const rte_cpuset_t worker = rte_lcore_cpuset(EalLcore(0));
  EXPECT_TRUE(CPU_EQUAL(&worker, &caller));
}

TEST(PoolTest, RoomsHoldTheirMtu) {
  for (uint16_t mtu : {68, 576, 1280, 1500, 1501, 1774, 1775, 4000, 9000, 9600, 32768}) {
    EXPECT_GE(MtuOfRoom(DataRoom(mtu)), mtu) << mtu;
    EXPECT_EQ(DataRoom(MtuOfRoom(DataRoom(mtu))), DataRoom(mtu)) << mtu;
    EXPECT_EQ(FrameSlot(mtu) % 512, 0) << mtu;
  }
}

TEST(PoolTest, PlanGrowsWithWhatHoldsBuffers) {
  const DataplaneOptions small = {.max_ports = 1, .worker_cpus = {-1}, .ring_size = 256};
  const PoolPlan plan = PlanPools(small);
  EXPECT_GE(plan.payload_buffers,
            small.ring_size + kTxDescriptors + kControlSlots + 2 * kPoolCache);
  EXPECT_GE(plan.rx_buffers, kRxDescriptors + kTxDescriptors + kControlShare + 2 * kPoolCache);
  EXPECT_GE(plan.header_buffers, kTxDescriptors + 2 * kPoolCache);

  DataplaneOptions more = small;
  more.max_ports = 8;
  EXPECT_GE(PlanPools(more).header_buffers, 8 * kTxDescriptors);
  EXPECT_GT(PlanPools(more).memory_mib, plan.memory_mib);
  more = small;
  more.worker_cpus = {-1, -1, -1};
  EXPECT_GE(PlanPools(more).payload_buffers,
            3 * small.ring_size + kTxDescriptors + kControlSlots + 4 * kPoolCache);
  more = small;
  more.max_mtu = 9000;
  EXPECT_GE(PlanPools(more).data_room, RTE_PKTMBUF_HEADROOM + 9014);
  EXPECT_GT(PlanPools(more).memory_mib, 3 * plan.memory_mib);
}

TEST(PoolTest, SharedCpusTakeTheRingThatDoesNotStall) {
  EXPECT_TRUE(PlanPools({.worker_cpus = {-1}}).shared_cpus);
  EXPECT_TRUE(PlanPools({.worker_cpus = {1, -1}, .control_cpu = 0}).shared_cpus);
  EXPECT_FALSE(PlanPools({.worker_cpus = {1, 2}, .control_cpu = 0}).shared_cpus);
}

TEST(PoolTest, PlannedMemoryHoldsAllPools) {
  // The EAL of this test has 512 MiB, and these options need less.
  const DataplaneOptions options = {.max_ports = 4, .worker_cpus = {-1, -1}, .ring_size = 1024};
  const PoolPlan plan = PlanPools(options);
  ASSERT_LT(plan.memory_mib, 512u);
  size_t bytes = 0;
  std::vector<PoolPtr> pools;
  auto add = [&](absl::StatusOr<PoolPtr> pool, uint32_t buffers, uint16_t room) {
    ASSERT_TRUE(pool.ok()) << pool.status();
    EXPECT_EQ(rte_mempool_avail_count(pool->get()), buffers);
    EXPECT_EQ(rte_pktmbuf_data_room_size(pool->get()), room);
    EXPECT_EQ(rte_pktmbuf_priv_size(pool->get()), kPacketMetaSize);
    for (const rte_mempool_memhdr* chunk = STAILQ_FIRST(&(*pool)->mem_list); chunk != nullptr;
         chunk = STAILQ_NEXT(chunk, next)) {
      bytes += chunk->len;
    }
    pools.push_back(*std::move(pool));
  };
  add(CreatePayloadPool(plan), plan.payload_buffers, plan.data_room);
  add(CreateFramePool(plan), plan.frame_buffers, plan.data_room);
  for (WorkerId w = 0; w < 2; ++w)
    add(CreateHeaderPool(plan, w), plan.header_buffers, plan.header_room);
  for (PortId p = 0; p < 4; ++p) add(CreateRxPool(plan, p), plan.rx_buffers, plan.data_room);
  EXPECT_LT(bytes, size_t{plan.memory_mib} << 20);
}

TEST(PoolTest, MemoryComesBackWithThePool) {
  const PoolPlan plan = PlanPools({.max_ports = 1, .worker_cpus = {-1}});
  const size_t size = size_t{plan.rx_buffers} * plan.data_room;
  // Twice as often as the 512 MiB of this test's EAL would hold such pools.
  for (size_t made = 0; made < (size_t{1024} << 20); made += size) {
    const auto pool = CreateRxPool(plan, 0);
    ASSERT_TRUE(pool.ok()) << made << ": " << pool.status();
  }
}

TEST(PoolTest, SaysWhichPlugInIsMissing) {
  const uint32_t loaded = std::exchange(rte_mempool_ops_table.num_ops, 0);
  const absl::Status status = CreateRxPool(PlanPools({.worker_cpus = {-1}}), 0).status();
  rte_mempool_ops_table.num_ops = loaded;
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(status.message(), "librte-mempool-ring")) << status;
}

TEST(PoolTest, SaysHowMuchMemoryWasMissing) {
  PoolPlan plan = PlanPools({.max_ports = 1, .worker_cpus = {-1}});
  plan.rx_buffers = 4 << 20;
  const auto pool = CreateRxPool(plan, 0);
  EXPECT_EQ(pool.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(pool.status().message().find("MiB"), absl::string_view::npos) << pool.status();
}

// The sentence names what was set aside, not what would have been, and numbers that do.
TEST(PoolTest, SaysWhatWouldDoInsteadOfTheMemoryThatWasChosen) {
  DataplaneOptions options = {.max_ports = 8, .worker_cpus = {-1}};
  options.ports = 2;
  const uint32_t all = PlanPools(options).memory_mib;
  options.memory_mib = 16;
  PoolPlan plan = PlanPools(options);
  EXPECT_EQ(plan.configured_mib, kMinMemoryMib);  // EAL gets no less
  EXPECT_EQ(plan.memory_mib, all);
  DataplaneOptions two = {.max_ports = 2, .worker_cpus = {-1}};
  EXPECT_GE(plan.ports_mib, PlanPools(two).memory_mib);
  EXPECT_LT(plan.ports_mib, all);
  options.memory_mib = 100;
  plan = PlanPools(options);
  plan.rx_buffers = 4 << 20;
  const std::string said(CreateRxPool(plan, 0).status().message());
  EXPECT_TRUE(absl::EndsWith(
      said,
      absl::StrCat(" MiB were not free of the 100 MiB of node.memory; ", plan.ports_mib,
                   " MiB suffice for the 2 ports of this node, ", all, " MiB for max_ports, 8")))
      << said;
}

}  // namespace
}  // namespace warp::lcore
