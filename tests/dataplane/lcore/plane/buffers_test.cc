// Packet buffers become larger and smaller while payloads are under way: none is lost, and no memory either.
#include "dataplane/lcore/plane/buffers.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

constexpr uint16_t kJumbo = 9000;

size_t MemoryOfPools() {
  size_t bytes = 0;
  rte_mempool_walk(
      [](rte_mempool* pool, void* sum) {
        const rte_mempool_memhdr* chunk = STAILQ_FIRST(&pool->mem_list);
        for (; chunk != nullptr; chunk = STAILQ_NEXT(chunk, next))
          *static_cast<size_t*>(sum) += chunk->len;
      },
      &bytes);
  return bytes;
}

// Two nodes at the two ends of one wire.
class BuffersTest : public testing::Test {
 protected:
  BuffersTest()
      : net_({.ports = 1, .device = "net_warp_lab0,wire=buffers"},
             {.ports = 1, .device = "net_warp_lab0,wire=buffers"}) {}

  // Control's turn.
  static void Advance(Node& node) {
    node.Turn();
    PortNews news;
    node.plane().ReceivePortNews({&news, 1});
  }
  static absl::Status Prepare(Node& node, uint16_t mtu, uint16_t ports = 0) {
    node.plane().PrepareBuffers(mtu, ports);
    while (true) {
      const absl::StatusOr<bool> prepared = node.plane().BuffersPrepared();
      if (!prepared.ok()) return prepared.status();
      if (*prepared) return absl::OkStatus();
      Advance(node);
      std::this_thread::yield();
    }
  }
  // The port closes, and opens with this MTU.
  static void Reopen(Node& node, uint16_t mtu) {
    node.SetMtu(mtu);
    node.SetPresent(0, false);
    node.Publish();
    EXPECT_EQ(node.plane().RemovePort(node.port(0)), absl::OkStatus());
    Advance(node);
    EXPECT_TRUE(node.plane().AwaitPorts(std::chrono::minutes(1)));
    EXPECT_EQ(node.AddAgain(0), absl::OkStatus());
    node.SetPresent(0, true);
    node.Publish();
  }
  // A port that opens anew has another MAC address.
  void Meet() {
    net_.a().Connect(net_.b(), net_.sessions().a);
    net_.b().Connect(net_.a(), net_.sessions().b);
    net_.a().Publish();
    net_.b().Publish();
  }
  static void AwaitMemory(Node& node) {
    while (node.plane().retired_pools() > 0) {
      Advance(node);
      std::this_thread::yield();
    }
  }
  std::vector<std::string> Pass(const std::string& payload) {
    net_.a().Send(payload);
    for (int turn = 0; turn < 4; ++turn) {
      net_.a().Turn();
      net_.b().Turn();
    }
    return net_.b().Received();
  }
  uint16_t RoomOf(Node& node) {
    return rte_pktmbuf_data_room_size(node.plane().slot(node.port(0)).rx_pool.get());
  }

  Network net_;
};

TEST_F(BuffersTest, LargerPayloadsPassOnceBothEndsHaveRoom) {
  const std::string small(1000, 's'), large(8000, 'l');
  EXPECT_EQ(Pass(small), std::vector{small});
  const rte_mempool* const before = net_.a().plane().payload_pool();
  EXPECT_LT(net_.a().plane().max_plaintext(), large.size());
  for (Node* const node : {&net_.a(), &net_.b()}) {
    ASSERT_EQ(Prepare(*node, kJumbo, 1), absl::OkStatus());
    EXPECT_GE(node->plane().max_mtu(), kJumbo);
    EXPECT_GE(node->plane().max_plaintext(), large.size());
    EXPECT_EQ(RoomOf(*node), DataRoom(1500));  // as long as the port is open
    Reopen(*node, kJumbo);
    EXPECT_EQ(RoomOf(*node), DataRoom(kJumbo));
  }
  EXPECT_NE(net_.a().plane().payload_pool(), before);
  Meet();
  EXPECT_TRUE(Pass(large) == std::vector{large});
  for (Node* const node : {&net_.a(), &net_.b()}) {
    Reopen(*node, 1500);
    ASSERT_EQ(Prepare(*node, 1500), absl::OkStatus());
    EXPECT_LT(node->plane().max_plaintext(), large.size());
    EXPECT_EQ(RoomOf(*node), DataRoom(1500));
    AwaitMemory(*node);
  }
  Meet();
  EXPECT_EQ(Pass(small), std::vector{small});
  EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u);
}

// Whoever holds a buffer of an old pool may use it as before: a gate, a tunnel, a ring. The pool waits for the last.
TEST_F(BuffersTest, APoolStaysUntilItsLastBufferHasComeHome) {
  Node& a = net_.a();
  Plaintext held = a.plane().AllocatePlaintext();
  ASSERT_EQ(held.Append(100).size(), 100u);
  net_.a().Send("in the ring");
  ASSERT_EQ(Prepare(a, kJumbo), absl::OkStatus());
  for (int look = 0; look < 50; ++look) {
    Advance(a);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(a.plane().retired_pools(), 1u);  // that of frames is gone
  net_.b().Turn();
  EXPECT_EQ(net_.b().Received(), std::vector<std::string>{"in the ring"});
  const SendRequest request = {.peer = Node::kPeer};
  a.plane().Submit(0, {&held, 1}, {&request, 1});
  a.Turn();
  net_.b().Turn();
  EXPECT_EQ(net_.b().Received().size(), 1u);
  AwaitMemory(a);
}

TEST_F(BuffersTest, WithoutMemoryAllStaysAsItIs) {
  Node& a = net_.a();
  const size_t memory = MemoryOfPools();
  const rte_mempool* const before = a.plane().payload_pool();
  const absl::Status status = Prepare(a, kJumbo, 64);  // the EAL of this test has 512 MiB
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StartsWith(status.message(), "packet buffers for an MTU of 9000: ")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), " MiB")) << status;
  EXPECT_EQ(a.plane().payload_pool(), before);
  EXPECT_EQ(a.plane().retired_pools(), 0u);
  EXPECT_EQ(MemoryOfPools(), memory);
  EXPECT_EQ(Pass("payload").size(), 1u);
  EXPECT_EQ(Prepare(a, 1500), absl::OkStatus());
}

// What nobody opened a port with goes with the next request.
TEST_F(BuffersTest, AHundredTimesThereAndBackTakesNoMemory) {
  Node& a = net_.a();
  Reopen(a, 1500);
  AwaitMemory(a);
  const size_t memory = MemoryOfPools();
  for (int i = 0; i < 50; ++i) {
    for (const uint16_t mtu : {2500, 1500}) {
      ASSERT_EQ(Prepare(a, mtu, i % 2), absl::OkStatus()) << i;
      if (i % 5 == 0) Reopen(a, mtu);
      net_.a().Send("payload");
      Advance(a);
      net_.b().Turn();
      EXPECT_EQ(net_.b().Received().size(), 1u) << i;
      EXPECT_LE(a.plane().retired_pools(), 8u) << i;
      AwaitMemory(a);
    }
  }
  ASSERT_EQ(Prepare(a, 1500), absl::OkStatus());
  AwaitMemory(a);
  EXPECT_EQ(MemoryOfPools(), memory);
}

// A request replaces one that waits behind another.
TEST_F(BuffersTest, TheLastRequestCounts) {
  Node& a = net_.a();
  a.plane().PrepareBuffers(3000, 0);
  a.plane().PrepareBuffers(4000, 0);
  ASSERT_EQ(Prepare(a, 2000), absl::OkStatus());
  EXPECT_EQ(a.plane().max_mtu(), MtuOfRoom(DataRoom(2000)));
  AwaitMemory(a);
}

}  // namespace
}  // namespace warp::lcore
