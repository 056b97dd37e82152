// Tests of what only the af_xdp driver has: XDP programs, channels, and the owner of an interface.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <array>
#include <set>

#include "tests/dataplane/lcore/port/port_kernel_fixture.h"

namespace warp::lcore {
namespace {

class AfXdpTest : public PortKernelTest {
 protected:
  // Attaches a program to w0 that passes every frame.
  static void Attach(const char* name) {
    const bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS},
                             {.code = BPF_JMP | BPF_EXIT}};
    const int program = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "BSD", pass, 2, nullptr);
    ASSERT_GE(program, 0);
    ASSERT_EQ(bpf_xdp_attach(static_cast<int>(if_nametoindex("w0")), program, 0, nullptr), 0);
    close(program);
  }
};
INSTANTIATE_TEST_SUITE_P(Drivers, AfXdpTest, testing::Values(KernelDriver::kAfXdp));

TEST_P(AfXdpTest, TakesOffWhatAKilledProcessLeft) {
  Attach("warp_xdp");
  OpenBoth();
  ASSERT_EQ(Send(*b_, *a_, 0, 10), 10u);
  EXPECT_EQ(Receive(*a_, 10), Numbers(0, 10));
}

TEST_P(AfXdpTest, LeavesTheProgramOfAnotherAlone) {
  Attach("firewall");
  EXPECT_EQ(OpenError(KernelDevice{"w0", KernelDriver::kAfXdp}),
            "interface w0: has an XDP program already (firewall), and af_xdp needs its own");
  uint32_t program = 0;
  EXPECT_EQ(bpf_xdp_query_id(static_cast<int>(if_nametoindex("w0")), 0, &program), 0);
  EXPECT_NE(program, 0u);
}

TEST_P(AfXdpTest, OneProcessToAnInterface) {
  a_ = OpenEnd(0);
  EXPECT_EQ(OpenError(KernelDevice{"w0", KernelDriver::kAfXdp}),
            "interface w0: another process uses it by af_xdp");
}

// As a hot-plugged one often is, before the port of its name before has closed. The program of that one must not be
// taken for what a dead process has left.
TEST_P(AfXdpTest, OneProcessToAnInterfaceWhateverItIsCalled) {
  a_ = OpenEnd(0);
  const auto rename = [](const std::string& from, const std::string& to) {
    return std::system(("ip link set " + from + " down && ip link set " + from + " name " + to +
                        " && ip link set " + to + " up")
                           .c_str()) == 0;
  };
  ASSERT_TRUE(rename("w0", "w9"));
  EXPECT_EQ(OpenError(KernelDevice{"w9", KernelDriver::kAfXdp}),
            "interface w9: another process uses it by af_xdp");
  uint32_t program = 0;
  EXPECT_EQ(bpf_xdp_query_id(static_cast<int>(if_nametoindex("w9")), 0, &program), 0);
  EXPECT_NE(program, 0u);
  a_.reset();
  EXPECT_TRUE(rename("w9", "w0"));
}

// A bridge over an interface that sends nothing. The kernel holds what it was given, as an adapter with a stopped queue
// does, and takes nothing more. The driver's own code would try again until the test is killed.
TEST_P(AfXdpTest, RefusesWhileTheInterfaceSendsNothing) {
  if (std::system("ip link add b0 type bridge 2>/dev/null && ip link set w0 master b0 && "
                  "ip link set b0 up && "
                  "tc qdisc add dev w0 root tbf rate 8bit burst 2000 limit 100000000") != 0) {
    GTEST_SKIP() << "no bridge, or no queueing discipline";
  }
  a_ = Open(KernelDevice{"b0", KernelDriver::kAfXdp}, 0);
  b_ = OpenEnd(1);
  ASSERT_NE(a_, nullptr);
  uint32_t taken = 0;
  for (int i = 0; i < 10000; ++i) taken += Send(*a_, *b_, 0, 1, 1000);
  EXPECT_LE(taken, 2100u);
  EXPECT_EQ(Send(*a_, *b_, 0, 1), 0u);
  Ip("link set w0 nomaster");  // frames are thrown away now, and their buffers come back
  ASSERT_EQ(std::system("tc qdisc del dev w0 root"), 0);
  EXPECT_EQ(Send(*a_, *b_, 0, 100), 100u);
  EXPECT_EQ(a_->Counters().tx_packets, taken + 100u);
  a_.reset();
  b_.reset();
  EXPECT_EQ(Held(), 0u);
  Ip("link del b0");
}

// The kernel throws away what an interface without carrier is given, and may hide for a while that it has taken it from
// the ring. A buffer that is free already must not be freed a second time at closing.
TEST_P(AfXdpTest, WhatWasThrownAwayIsFreedOnce) {
  OpenBoth();
  ASSERT_EQ(Send(*a_, *b_, 0, 10), 10u);
  EXPECT_EQ(Receive(*b_, 10), Numbers(0, 10));
  Ip("link set w1 down");
  std::array<rte_mbuf*, 20> frames;
  for (uint32_t i = 0; i < frames.size(); ++i) frames[i] = Frame(*a_, *b_, i);
  EXPECT_EQ(a_->TxBurst(frames.data(), frames.size()), frames.size());
  a_.reset();
  b_.reset();
  EXPECT_EQ(Held(), 0u);
  std::set<void*> buffers;
  for (void* buffer = nullptr; rte_mempool_get(pool(0), &buffer) == 0;) {
    EXPECT_TRUE(buffers.insert(buffer).second) << "freed twice";
  }
  EXPECT_EQ(buffers.size(), pool(0)->populated_size);
  for (void* buffer : buffers) rte_mempool_put(pool(0), buffer);
}

TEST_P(AfXdpTest, NeedsOneChannel) {
  Ip("link del w0");
  Ip("link add w0 numrxqueues 2 numtxqueues 2 type veth peer name w1");
  if (std::system("ethtool -L w0 rx 2 tx 2 2>/dev/null") != 0)
    GTEST_SKIP() << "no second channel to be had";
  EXPECT_NE(OpenError(KernelDevice{"w0", KernelDriver::kAfXdp})
                .find("needs one channel and it has 2; ethtool -L w0"),
            std::string::npos);
}

}  // namespace
}  // namespace warp::lcore
