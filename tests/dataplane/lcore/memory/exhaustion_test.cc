// Pools run empty and ports refuse. Every copy that is lost has a name, nothing leaks, and traffic goes on afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using wire::Drop;

// Takes all buffers of a pool, and gives them back when it goes out of scope.
class Drought {
 public:
  explicit Drought(const rte_mempool* pool) : pool_(const_cast<rte_mempool*>(pool)) {
    for (rte_mbuf* packet; (packet = rte_pktmbuf_alloc(pool_)) != nullptr;) held_.push_back(packet);
  }
  ~Drought() {
    for (rte_mbuf* packet : held_) rte_pktmbuf_free(packet);
  }
  void Release(size_t count) {
    for (; count > 0 && !held_.empty(); --count, held_.pop_back()) rte_pktmbuf_free(held_.back());
  }

 private:
  rte_mempool* const pool_;
  std::vector<rte_mbuf*> held_;
};

class Exhaustion : public testing::TestWithParam<size_t> {
 protected:
  std::string Payload() const { return std::string(GetParam(), 'p'); }
};
INSTANTIATE_TEST_SUITE_P(, Exhaustion, testing::Values(100, 1200));

TEST_P(Exhaustion, NoPayloadBuffer) {
  Network net({.ports = 1}, {.ports = 1});
  {
    Drought drought(net.a().plane().payload_pool());
    EXPECT_FALSE(net.a().plane().AllocatePlaintext());
  }
  net.a().Send("again");
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("again"));
}

FrameBytes BytesOf(Network& net, uint8_t mark) {
  return MakeFrame(net.a(), 0, net.b(), 0, FrameBytes(100, mark));
}

bool TransmitFrame(Network& net, uint8_t mark) {
  const FrameBytes bytes = BytesOf(net, mark);
  Frame frame = net.a().plane().AllocateFrame();
  if (!frame) return false;
  std::ranges::copy(bytes, frame.Append(bytes.size()).begin());
  net.a().plane().Transmit(net.a().port(0), std::move(frame));
  return true;
}

// Tunnels that flood a port which refuses everything keep their payloads until the deadline, all that there are.
// Probes and handshakes of this peer and all others leave all the same.
TEST(Frames, LeaveWhilePayloadsHoldAllTheirBuffers) {
  Network net({.ports = 1}, {.ports = 1});
  std::vector<Plaintext> waiting;
  while (Plaintext payload = net.a().plane().AllocatePlaintext()) {
    waiting.push_back(std::move(payload));
  }
  for (int round = 0; round < 3; ++round) {
    for (uint8_t i = 0; i < 100; ++i) ASSERT_TRUE(TransmitFrame(net, i));
    net.Collect();
    ASSERT_EQ(net.in_flight().size(), 100u);
    for (uint8_t i = 0; i < 100; ++i) EXPECT_EQ(net.in_flight()[i], BytesOf(net, i));
    net.in_flight().clear();
  }
  waiting.clear();
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

// A worker that stands still, and every descriptor of the ports, hold no more frames than there are.
TEST(Frames, AreEnoughForAllThatMayBeUnderWay) {
  Network net({.ports = 1, .workers = 2}, {.ports = 1});
  const DataplaneOptions options = {.worker_cpus = {-1, -1}};
  const PoolPlan plan = PlanPools(options);
  uint32_t under_way = 0;
  for (; net.a().Drops(Drop::kRingFull) == 0; ++under_way) ASSERT_TRUE(TransmitFrame(net, 1));
  EXPECT_GE(under_way, kFrameRing);
  EXPECT_GE(plan.frame_buffers, 2 * under_way + options.max_ports * kTxDescriptors);
  net.Collect();
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

TEST_P(Exhaustion, NoBufferForTheCopies) {
  for (const uint16_t workers : {1, 2}) {
    Network net({.ports = 2, .workers = workers}, {.ports = 2});
    {
      std::vector<std::unique_ptr<Drought>> droughts;
      for (WorkerId id = 0; id < workers; ++id) {
        droughts.push_back(std::make_unique<Drought>(net.a().plane().worker(id).header_pool()));
      }
      for (size_t i = 0; i < 2; ++i) {
        droughts.push_back(
            std::make_unique<Drought>(net.a().plane().slot(net.a().port(i)).rx_pool.get()));
      }
      ASSERT_TRUE(net.a().SendTracked(Payload(), 1, 1));
      net.a().Turn();
      EXPECT_EQ(net.a().Drops(Drop::kNoBuffer), 4u);
      for (size_t i = 0; i < 2; ++i) {
        for (size_t j = 0; j < 2; ++j) EXPECT_EQ(net.a().path(i, j).tx_dropped.Get(), 1u);
      }
      std::vector<Completion> completions = net.a().Completions();
      ASSERT_EQ(completions.size(), workers);
      size_t given_back = 0;
      for (const Completion& completion : completions) {
        EXPECT_EQ(completion.reason, Drop::kNoBuffer);
        given_back += completion.sealed ? 1 : 0;
      }
      EXPECT_EQ(given_back, 1u);
    }
    net.a().Send(Payload());
    net.Settle();
    EXPECT_THAT(net.b().Received(), ElementsAre(Payload()));
    EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
  }
}

// There are headers for only some of the copies. Those copies go out, and the others are counted.
TEST(Headers, TooFewForAllCopies) {
  Network net({.ports = 1}, {.ports = 4});
  {
    Drought drought(net.a().plane().worker(0).header_pool());
    drought.Release(2);
    net.a().Send(std::string(1000, 'h'));
    net.Settle();
    EXPECT_EQ(net.a().Drops(Drop::kNoBuffer), 2u);
    EXPECT_EQ(net.b().Received().size(), 1u);
  }
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// Control collects nothing. It may hold only a share of the port's pool, so further packets are refused before they are
// claimed.
TEST_P(Exhaustion, ControlHoldsItsShareAndNoMore) {
  Network net({.ports = 1, .ring_size = 4096}, {.ports = 1, .ring_size = 4096});
  for (int burst = 0; burst < 100; ++burst) {
    for (int i = 0; i < 32; ++i) net.a().Send(Payload());
    net.Settle();
  }
  EXPECT_EQ(net.b().plane().slot(net.b().port(0)).held_by_control(), kControlShare);
  EXPECT_EQ(net.b().Drops(Drop::kControlFull), 3200u - kControlShare);
  EXPECT_EQ(net.b().Received().size(), kControlShare);
  EXPECT_EQ(net.b().plane().slot(net.b().port(0)).held_by_control(), 0u);
  net.a().Send("after");
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("after"));
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// Ports take packets at random. Every packet is tracked: credit, drops and buffers must add up.
TEST(Refusals, AddUp) {
  for (const uint16_t workers : {1, 2}) {
    Network net({.ports = 2, .workers = workers, .device_arguments = ",rate=0"}, {.ports = 2});
    std::mt19937 random(workers);
    size_t delivered = 0;
    for (uint32_t turn = 0; turn < 200; ++turn) {
      const size_t count = random() % 20;
      for (uint32_t i = 0; i < count; ++i) {
        net.a().SendTracked(std::string(1 + random() % 1400, 'r'), i, turn,
                            static_cast<WorkerId>(random() % workers));
      }
      std::vector<uint64_t> granted(2);
      for (size_t i = 0; i < 2; ++i) {
        granted[i] = random() % 30;
        static_cast<LabPort*>(net.a().plane().slot(net.a().port(i)).port.get())->Grant(granted[i]);
      }
      net.Settle();
      delivered += net.b().Received().size();
      for (Completion& completion : net.a().Completions()) {
        if (!completion.sealed) continue;
        net.a().plane().SubmitSealed(0, std::move(completion.sealed),
                                     {.peer = Node::kPeer, .completion = true});
      }
    }
    for (size_t i = 0; i < 2; ++i) {
      static_cast<LabPort*>(net.a().plane().slot(net.a().port(i)).port.get())->Grant(100000);
    }
    net.Settle();
    net.a().Completions();
    delivered += net.b().Received().size();
    EXPECT_EQ(delivered, net.sessions().a->sent());  // Every payload arrived once.
    EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
  }
}

}  // namespace
}  // namespace warp::lcore
