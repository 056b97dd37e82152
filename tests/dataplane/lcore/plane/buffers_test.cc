// Packet buffers become larger and smaller while payloads are under way: none is lost, and no memory either.
#include "dataplane/lcore/plane/buffers.h"

#include <gtest/gtest.h>

#include <functional>
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
  // For a reload by which so many ports of that MTU open.
  static absl::Status Prepare(Node& node, uint16_t mtu, uint16_t ports = 0) {
    return Prepare(node, {.mtu = mtu, .opening = std::vector<uint16_t>(ports, mtu), .closing = {}});
  }
  static absl::Status Prepare(Node& node, const BufferNeeds& needs) {
    node.plane().PrepareBuffers(needs);
    return Await(node, [&] { return node.plane().BuffersPrepared(); });
  }
  static absl::Status Grow(Node& node, const BufferNeeds& needs) {
    node.plane().GrowBuffers(needs);
    return Await(node, [&] { return node.plane().BuffersGrown(); });
  }
  static absl::Status Await(Node& node, const std::function<absl::StatusOr<bool>()>& outcome) {
    while (true) {
      const absl::StatusOr<bool> now = outcome();
      if (!now.ok()) return now.status();
      if (*now) return absl::OkStatus();
      Advance(node);
      std::this_thread::yield();
    }
  }
  static void Settle(Node& node, uint16_t mtu) {
    node.plane().SettleBuffers(mtu);
    while (node.plane().max_mtu() > MtuOfRoom(DataRoom(mtu))) {
      Advance(node);
      std::this_thread::yield();
    }
  }
  // A whole reload that no port opens by.
  static absl::Status Follow(Node& node, uint16_t mtu) {
    absl::Status status = Prepare(node, mtu);
    Settle(node, mtu);
    return status;
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
    Settle(*node, 1500);
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
      Settle(a, mtu);
      net_.a().Send("payload");
      Advance(a);
      net_.b().Turn();
      EXPECT_EQ(net_.b().Received().size(), 1u) << i;
      EXPECT_LE(a.plane().retired_pools(), 8u) << i;
      AwaitMemory(a);
    }
  }
  EXPECT_EQ(MemoryOfPools(), memory);
}

// A gate whose program never reads holds a payload of each pool that it took one of. Sizes that come back find their
// old pools, so that the memory of two sizes is all that this takes.
TEST_F(BuffersTest, BuffersThatNeverComeHomeHoldOnePoolOfEachSize) {
  Node& a = net_.a();
  std::vector<Plaintext> held;
  std::vector<Frame> frames;
  size_t memory = 0;
  for (int i = 0; i < 10; ++i) {
    for (const uint16_t mtu : {2500, 1500}) {
      held.push_back(a.plane().AllocatePlaintext());
      frames.push_back(a.plane().AllocateFrame());
      ASSERT_EQ(Follow(a, mtu), absl::OkStatus()) << i;
      ASSERT_EQ(a.plane().max_mtu(), MtuOfRoom(DataRoom(mtu))) << i;
    }
    if (i == 0) memory = MemoryOfPools();
    EXPECT_LE(MemoryOfPools(), memory) << i;
    EXPECT_EQ(a.plane().retired_pools(), 2u) << i;
    EXPECT_FALSE(a.plane().AllTransmitted()) << i;
  }
  net_.a().Send("payload");
  net_.a().Turn();
  net_.b().Turn();
  EXPECT_EQ(net_.b().Received().size(), 1u);
  held.clear();
  frames.clear();
  AwaitMemory(a);
  EXPECT_TRUE(a.plane().AllTransmitted());
  EXPECT_EQ(a.BuffersInUse(), 0u);
}

// Each size that nobody has had yet takes more, until somebody is told what holds it all.
TEST_F(BuffersTest, TooManySizesWhoseBuffersDoNotComeHomeAreRefusedByName) {
  Node& a = net_.a();
  const size_t before = MemoryOfPools();
  std::vector<Plaintext> held;
  std::vector<Frame> frames;
  absl::Status status;
  for (uint16_t mtu = 1600; mtu < 9600 && status.ok(); mtu += 512) {
    held.push_back(a.plane().AllocatePlaintext());
    frames.push_back(a.plane().AllocateFrame());
    status = Prepare(a, mtu);
    // It is not the moment after a change that counts.
    for (int look = 0; look < 250 && status.ok(); ++look) {
      Advance(a);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << held.size();
  EXPECT_TRUE(absl::StrContains(status.message(), "buffers of earlier MTUs hold ")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "restart warpd")) << status;
  EXPECT_LE(MemoryOfPools(), 5 * before);
  // One of those that it had it may have all the same.
  Settle(a, 1600);
  EXPECT_EQ(a.plane().max_mtu(), MtuOfRoom(DataRoom(1600)));
}

// --- Pools of ports. ---

// What a port received into is there for a roll-back until nothing leads back, whoever else takes memory meanwhile.
TEST_F(BuffersTest, APortThatComesBackFindsItsPool) {
  Node& a = net_.a();
  ASSERT_EQ(Prepare(a, 2500, 1), absl::OkStatus());
  Reopen(a, 2500);
  Settle(a, 2500);
  AwaitMemory(a);
  rte_mempool* const large = a.plane().slot(a.port(0)).rx_pool.get();
  ASSERT_EQ(RoomOf(a), DataRoom(2500));
  // It shrinks, and nobody confirms that.
  ASSERT_EQ(Prepare(a, {.mtu = 1500, .opening = {1500}, .closing = {a.port(0)}}), absl::OkStatus());
  Reopen(a, 1500);
  ASSERT_EQ(RoomOf(a), DataRoom(1500));
  for (int look = 0; look < 50; ++look) {
    Advance(a);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Reopen(a, 2500);
  EXPECT_EQ(a.plane().slot(a.port(0)).rx_pool.get(), large);
  Settle(a, 2500);
  AwaitMemory(a);
  // It shrinks for good.
  ASSERT_EQ(Prepare(a, {.mtu = 1500, .opening = {1500}, .closing = {a.port(0)}}), absl::OkStatus());
  Reopen(a, 1500);
  const size_t both = MemoryOfPools();
  Settle(a, 1500);
  AwaitMemory(a);
  EXPECT_LT(MemoryOfPools(), both - (PoolSize(a.plane().payload_pool()->size, DataRoom(2500)) / 2));
}

// Nothing is made for a port that finds what another one leaves, and of each other size as much as opens.
TEST_F(BuffersTest, OnlyWhatIsMissingIsMade) {
  Node& a = net_.a();
  Settle(a, 1500);
  AwaitMemory(a);
  const size_t before = MemoryOfPools();
  ASSERT_EQ(Prepare(a, {.mtu = 1500, .opening = {1500}, .closing = {a.port(0)}}), absl::OkStatus());
  EXPECT_EQ(MemoryOfPools(), before);
  ASSERT_EQ(Prepare(a, {.mtu = 1500, .opening = {1500, 1500}, .closing = {a.port(0)}}),
            absl::OkStatus());
  const size_t one_more = MemoryOfPools();
  EXPECT_GT(one_more, before);
  // It is there now.
  ASSERT_EQ(Prepare(a, {.mtu = 1500, .opening = {1500, 1500}, .closing = {a.port(0)}}),
            absl::OkStatus());
  EXPECT_EQ(MemoryOfPools(), one_more);
  // A reload asks in the middle of a growth, which takes nothing from it.
  ASSERT_EQ(Grow(a, {.mtu = 2500, .opening = {2500}, .closing = {a.port(0)}}), absl::OkStatus());
  EXPECT_GE(a.plane().max_mtu(), 2500);
  ASSERT_EQ(Prepare(a, {.mtu = 1500, .opening = {1500, 1500}, .closing = {a.port(0)}}),
            absl::OkStatus());
  EXPECT_GE(a.plane().max_mtu(), 2500);
  Reopen(a, 2500);
  EXPECT_EQ(RoomOf(a), DataRoom(2500));
}

// A growth for which there is no memory is no fault of a reload's.
TEST_F(BuffersTest, AReloadDoesNotFailWithWhatAnInterfaceAskedFor) {
  Node& a = net_.a();
  ASSERT_EQ(Prepare(a, 1500), absl::OkStatus());
  const absl::Status grown =
      Grow(a, {.mtu = kJumbo, .opening = std::vector<uint16_t>(64, kJumbo), .closing = {}});
  EXPECT_EQ(grown.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(a.plane().BuffersPrepared().status(), absl::OkStatus());
  ASSERT_EQ(Prepare(a, kJumbo, 64).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Grow(a, {.mtu = 1600, .opening = {}, .closing = {}}), absl::OkStatus());
}

// A request replaces one that waits behind another.
TEST_F(BuffersTest, TheLastRequestCounts) {
  Node& a = net_.a();
  a.plane().PrepareBuffers({.mtu = 3000, .opening = {}, .closing = {}});
  a.plane().PrepareBuffers({.mtu = 4000, .opening = {}, .closing = {}});
  ASSERT_EQ(Follow(a, 2000), absl::OkStatus());
  EXPECT_EQ(a.plane().max_mtu(), MtuOfRoom(DataRoom(2000)));
  AwaitMemory(a);
}

}  // namespace
}  // namespace warp::lcore
