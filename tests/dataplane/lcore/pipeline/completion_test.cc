// The completions that a gate gets for its payload. The first port that takes a copy gives the credit. If no port does,
// the sealed payload comes back and goes out again under the same counter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using wire::Drop;

// The size decides whether copies are linear or references.
class Completions : public testing::TestWithParam<size_t> {
 protected:
  std::string Payload() const { return std::string(GetParam(), 'p'); }
};
INSTANTIATE_TEST_SUITE_P(, Completions, testing::Values(100, 1200));

void Grant(Node& node, size_t i, uint64_t packets) {
  static_cast<LabPort*>(node.plane().slot(node.port(i)).port.get())->Grant(packets);
}

TEST_P(Completions, TakenByTheOnlyPath) {
  Network net({.ports = 1}, {.ports = 1});
  net.a().SendTracked(Payload(), 7, 70);
  net.Settle();
  const std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].ticket, (wire::SlotTicket{.slot = 7, .generation = 70}));
  EXPECT_TRUE(completions[0].taken);
  EXPECT_EQ(completions[0].reports, 1u);
  EXPECT_FALSE(completions[0].sealed);
  net.b().Received();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// The port refuses it, and would refuse it each time.
TEST_P(Completions, TooLargeForTheOnlyPath) {
  Network net({.ports = 1, .device_arguments = ",mtu=100"}, {.ports = 1});
  net.a().SendTracked(Payload(), 7, 70);
  net.Settle();
  const std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_FALSE(completions[0].taken);
  EXPECT_EQ(completions[0].reason, Drop::kTooLarge);
  EXPECT_EQ(net.a().Drops(Drop::kTooLarge), 1u);
  EXPECT_EQ(net.a().Drops(Drop::kTxFull), 0u);
}

// What follows it in the burst leaves.
TEST_P(Completions, TooLargeDelaysNobody) {
  Network net({.ports = 1, .device_arguments = ",mtu=120"}, {.ports = 1});
  net.a().SendTracked("small", 1, 0);
  net.a().SendTracked(Payload(), 2, 0);
  net.a().SendTracked("also small", 3, 0);
  net.Settle();
  int taken = 0;
  for (const Completion& completion : net.a().Completions()) {
    taken += completion.taken ? 1 : 0;
    EXPECT_EQ(completion.taken, completion.ticket.slot != 2);
    EXPECT_EQ(completion.reason, completion.taken ? Drop::kNone : Drop::kTooLarge);
  }
  EXPECT_EQ(taken, 2);
  EXPECT_EQ(net.b().Received().size(), 2u);
}

// It is too large for good only where no copy was lost for another reason.
TEST_P(Completions, TooLargeForOneWorkersPathAndRefusedByAnothers) {
  Network net(
      {.ports = 2, .workers = 2, .device_arguments = ",rate=0", .device = "net_warp_lab0,mtu=100"},
      {.ports = 1});
  net.a().SendTracked(Payload(), 1, 0);
  net.Settle();
  int back = 0;
  for (const Completion& completion : net.a().Completions()) {
    EXPECT_FALSE(completion.taken);
    if (!completion.sealed) continue;
    ++back;
    EXPECT_EQ(completion.reason, Drop::kTxFull);
  }
  EXPECT_EQ(back, 1);
}

TEST_P(Completions, NobodyAskedNobodyIsTold) {
  Network net({.ports = 2, .workers = 2}, {.ports = 2});
  net.a().Send(Payload());
  net.Settle();
  EXPECT_TRUE(net.a().Completions().empty());
}

TEST_P(Completions, EachWorkerReports) {
  Network net({.ports = 2, .workers = 2}, {.ports = 3});
  net.a().SendTracked(Payload(), 1, 2);
  net.Settle();
  const std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 2u);
  for (const Completion& completion : completions) {
    EXPECT_TRUE(completion.taken);
    EXPECT_EQ(completion.reports, 2u);
    EXPECT_FALSE(completion.sealed);
  }
  net.b().Received();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// Both workers have more reports than control takes at once. Neither must wait until the reports of the other end.
TEST_P(Completions, NoWorkersReportsWaitForAnothersToEnd) {
  Network net({.ports = 2, .workers = 2}, {.ports = 1});
  for (uint32_t i = 0; i < 8; ++i) net.a().SendTracked(Payload(), i, 0);
  net.Settle();
  std::vector<int> reports(8);
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<OpenedPacket> opened(1);
    net.a().plane().ReceiveOpened(opened);
    std::vector<Completion> some(4);
    ASSERT_EQ(net.a().plane().ReceiveCompletions(some), 4u);
    for (const Completion& completion : some) ++reports[completion.ticket.slot];
  }
  EXPECT_THAT(reports, ElementsAre(2, 2, 2, 2, 0, 0, 0, 0));
  net.a().Completions();
  net.b().Received();
}

// Every path refuses, and the payload comes back sealed. Submitted again it carries the same bytes and arrives once.
TEST_P(Completions, NoneTakenThenSubmittedAgain) {
  for (const uint16_t workers : {1, 2}) {
    for (const uint16_t remote : {1, 3}) {
      Network net({.ports = 2, .workers = workers, .device_arguments = ",rate=0"},
                  {.ports = remote});
      net.a().SendTracked(Payload(), 5, 9);
      net.a().Turn();
      std::vector<Completion> completions = net.a().Completions();
      ASSERT_EQ(completions.size(), workers);
      Sealed sealed;
      for (Completion& completion : completions) {
        EXPECT_FALSE(completion.taken);
        EXPECT_EQ(completion.reason, Drop::kTxFull);
        EXPECT_EQ(completion.reports, workers);
        if (completion.sealed) sealed = std::move(completion.sealed);
      }
      ASSERT_TRUE(sealed);
      EXPECT_EQ(net.a().Drops(Drop::kTxFull), 2u * remote);
      const FrameBytes bytes(sealed.bytes().begin(), sealed.bytes().end());
      EXPECT_EQ(wire::ReadDataHeader(bytes)->counter, 0u);
      EXPECT_EQ(net.a().BuffersInUse(), 1u);

      Grant(net.a(), 1, 1);  // one port may take one copy
      net.a().plane().SubmitSealed(
          0, std::move(sealed),
          {.peer = Node::kPeer, .completion = true, .ticket = {.slot = 5, .generation = 9}});
      net.Collect();
      ASSERT_EQ(net.in_flight().size(), 1u);
      EXPECT_EQ(DatagramOf(net.in_flight()[0]), bytes);
      EXPECT_EQ(net.sessions().a->sent(), 1u);
      net.Settle();
      EXPECT_THAT(net.b().Received(), ElementsAre(Payload()));
      completions = net.a().Completions();
      EXPECT_EQ(completions.size(), workers);
      EXPECT_EQ(std::ranges::count_if(completions, [](const Completion& c) { return c.taken; }), 1);
      for (const Completion& completion : completions) EXPECT_FALSE(completion.sealed);
      EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
    }
  }
}

TEST_P(Completions, OnlyPathRefusesInPlaceManyTimes) {
  Network net({.ports = 1, .device_arguments = ",rate=0"}, {.ports = 1});
  net.a().SendTracked(Payload(), 5, 9);
  for (int i = 0; i < 20; ++i) {
    net.a().Turn();
    std::vector<Completion> completions = net.a().Completions();
    ASSERT_EQ(completions.size(), 1u);
    ASSERT_TRUE(completions[0].sealed);
    EXPECT_EQ(completions[0].sealed.bytes().size(), GetParam() + wire::kMinSealedSize);
    net.a().plane().SubmitSealed(0, std::move(completions[0].sealed),
                                 {.peer = Node::kPeer, .completion = true});
  }
  Grant(net.a(), 0, 1);
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre(Payload()));
  EXPECT_EQ(net.a().path(0, 0).tx_dropped.Get(), 20u);
  EXPECT_EQ(net.a().path(0, 0).tx_copies.Get(), 1u);
  net.a().Completions();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// One worker never turns. The other worker reports `taken` at once, and nothing waits for the silent one.
TEST_P(Completions, SilentWorkerHoldsUpNothing) {
  Network net({.ports = 2, .workers = 2}, {.ports = 1});
  const WorkerId home = net.a().plane().Info(net.a().port(0)).worker;
  for (int i = 0; i < 100; ++i) {
    net.a().SendTracked(Payload(), 1, static_cast<uint32_t>(i), home);
    net.a().plane().worker(home).RunOnce();
    const std::vector<Completion> completions = net.a().Completions();
    ASSERT_EQ(completions.size(), 1u);
    EXPECT_TRUE(completions[0].taken);
    EXPECT_EQ(completions[0].reports, 2u);
  }
  net.Settle();
  EXPECT_EQ(net.b().Received().size(), 100u);
  net.a().Completions();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// The ring of a silent worker fills. The home worker then reports in its place, and its copies are counted as drops.
TEST_P(Completions, SilentWorkersRingOverflows) {
  Network net({.ports = 2, .workers = 2, .ring_size = 64}, {.ports = 1});
  const WorkerId home = net.a().plane().Info(net.a().port(0)).worker;
  size_t taken = 0, reports = 0;
  for (int i = 0; i < 400; ++i) {
    net.a().SendTracked(Payload(), 1, static_cast<uint32_t>(i), home);
    net.a().plane().worker(home).RunOnce();
    for (const Completion& completion : net.a().Completions()) {
      ++reports;
      taken += completion.taken ? 1 : 0;
      EXPECT_FALSE(completion.sealed);
    }
  }
  EXPECT_EQ(taken, 400u);
  EXPECT_GT(net.a().Drops(Drop::kRingFull), 200u);
  EXPECT_EQ(reports, 400u + net.a().Drops(Drop::kRingFull));
  net.Settle();
  EXPECT_EQ(net.b().Received().size(), 400u);
  net.a().Completions();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

}  // namespace
}  // namespace warp::lcore
