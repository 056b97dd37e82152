// A payload ends once. What a worker has not taken by its deadline is never sent later, however long the worker stood
// still; what waits for a worker that stands still can be taken back and sent through another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_cycles.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using wire::Drop;

class Deadline : public testing::Test {
 protected:
  // Two ports, each with a worker of its own; the second one is the home that stands still.
  Network net_{{.ports = 2, .workers = 2, .ring_size = 64}, {.ports = 1}};
  const WorkerId home_ = net_.a().plane().Info(net_.a().port(1)).worker;
  const WorkerId other_ = net_.a().plane().Info(net_.a().port(0)).worker;

  void Submit(const std::string& payload, uint32_t slot, wire::Duration time_left, WorkerId home,
              bool completion = true) {
    Plaintext packet = net_.a().plane().AllocatePlaintext();
    ASSERT_TRUE(packet);
    const wire::MutableBytes bytes = packet.Append(payload.size());
    std::copy(payload.begin(), payload.end(), bytes.begin());
    const SendRequest request = {.peer = Node::kPeer,
                                 .completion = completion,
                                 .ticket = {.slot = slot},
                                 .time_left = time_left};
    net_.a().plane().Submit(home, {&packet, 1}, {&request, 1});
  }
  static void PassBy(milliseconds time) {
    const uint64_t end =
        rte_rdtsc() + rte_get_tsc_hz() / 1000 * static_cast<uint64_t>(time.count());
    while (rte_rdtsc() < end) {
    }
  }
};

TEST_F(Deadline, WhatIsInTimeIsSent) {
  Submit("in time", 1, std::chrono::hours(1), home_);
  Submit("for ever", 2, SendRequest::kUnlimited, home_);
  net_.Settle();
  EXPECT_THAT(net_.b().Received(), ElementsAre("in time", "for ever"));
}

TEST_F(Deadline, WhatIsLateEndsOnceAndSpendsNoCounter) {
  Submit("late", 1, milliseconds(1), home_);
  Submit("late, and nobody asked", 2, milliseconds(1), home_, /*completion=*/false);
  Submit("alive", 3, milliseconds(60'000), home_);
  PassBy(milliseconds(2));
  net_.Settle();
  EXPECT_THAT(net_.b().Received(), ElementsAre("alive"));
  EXPECT_EQ(net_.sessions().a->sent(), 1u);
  EXPECT_EQ(net_.a().Drops(Drop::kDeadline), 1u);  // the one that control does not hear of
  size_t late = 0;
  for (const Completion& completion : net_.a().Completions()) {
    if (completion.ticket.slot != 1) continue;
    ++late;
    EXPECT_FALSE(completion.taken);
    EXPECT_EQ(completion.reason, Drop::kDeadline);
    EXPECT_EQ(completion.reports, 1u);
    EXPECT_FALSE(completion.plaintext);
  }
  EXPECT_EQ(late, 1u);
  EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u);
}

// A leg that lies with a silent worker is late by itself: the other worker's copies left in time.
TEST_F(Deadline, ALateLegIsLostOnItsPathsAlone) {
  for (const size_t size : {100u, 1200u}) {
    const uint64_t lost = net_.a().Drops(Drop::kDeadline);
    Submit(std::string(size, 'x'), 1, milliseconds(20), other_);
    net_.a().plane().worker(other_).RunOnce();
    PassBy(milliseconds(21));
    net_.Settle();
    EXPECT_EQ(net_.b().Received().size(), 1u);
    EXPECT_EQ(net_.a().Drops(Drop::kDeadline), lost + 1);
    const std::vector<Completion> completions = net_.a().Completions();
    ASSERT_EQ(completions.size(), 2u);
    EXPECT_EQ(std::ranges::count_if(completions, [](const auto& c) { return c.taken; }), 1);
    EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u);
  }
  EXPECT_EQ(net_.a().path(1, 0).tx_dropped.Get(), 2u);
  EXPECT_EQ(net_.a().path(1, 0).tx_copies.Get(), 0u);
}

// Of a late leg, the paths of the mask alone lose a copy.
TEST_F(Deadline, ALateLegIsLostOnThePathsOfItsMask) {
  Network net{{.ports = 2, .workers = 2}, {.ports = 2}};
  const WorkerId here = net.a().plane().Info(net.a().port(0)).worker;
  for (const size_t size : {100u, 1200u}) {
    ASSERT_TRUE(net.a().SendAs(std::string(size, 'x'),
                               {.completion = true,
                                .paths = Node::MaskOf(0, 0) | Node::MaskOf(1, 1),
                                .time_left = milliseconds(20)},
                               here));
    net.a().plane().worker(here).RunOnce();
    PassBy(milliseconds(21));
    net.Settle();
    EXPECT_EQ(net.b().Received().size(), 1u);
    EXPECT_EQ(net.a().Completions().size(), 2u);
    EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
  }
  EXPECT_EQ(net.a().path(1, 1).tx_dropped.Get(), 2u);
  EXPECT_EQ(net.a().path(1, 0).tx_dropped.Get(), 0u);
}

// Every payload is in one hand: what control took back, the worker never sees again.
TEST_F(Deadline, WhatASilentWorkerHasNotTakenGoesThroughAnother) {
  for (uint32_t i = 0; i < 40; ++i) {
    Submit(std::to_string(i), i, milliseconds(60'000), home_);
  }
  EXPECT_TRUE(net_.a().plane().TakeBack(home_));
  std::vector<Completion> back = net_.a().Completions();
  ASSERT_EQ(back.size(), 40u);
  std::vector<std::string> expected;
  for (Completion& completion : back) {
    EXPECT_FALSE(completion.taken);
    EXPECT_EQ(completion.reason, Drop::kNoPath);
    ASSERT_TRUE(completion.plaintext);
    expected.push_back(std::to_string(completion.ticket.slot));
    const SendRequest request = {.peer = Node::kPeer, .completion = true};
    net_.a().plane().Submit(other_, {&completion.plaintext, 1}, {&request, 1});
  }
  net_.Settle();
  EXPECT_THAT(net_.b().Received(), testing::ElementsAreArray(expected));
  EXPECT_EQ(net_.sessions().a->sent(), 40u);
  net_.a().Completions();
  EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u);
}

// Control collects no report. The workers then take no more than they can report about, and what waits ends in time.
TEST_F(Deadline, NoReportIsEverLost) {
  constexpr uint32_t kPayloads = 600;
  std::map<uint32_t, size_t> taken, refused;
  const auto collect = [&] {
    for (const Completion& completion : net_.a().Completions()) {
      ++(completion.taken ? taken : refused)[completion.ticket.slot];
    }
  };
  for (uint32_t i = 0; i < kPayloads; ++i) {
    Submit(std::to_string(i), i, milliseconds(60'000), home_);
    net_.a().Turn();
    net_.CollectFrames();
  }
  for (int i = 0; i < 100; ++i) {
    collect();
    net_.Collect();
  }
  EXPECT_EQ(net_.a().Drops(Drop::kControlFull), 0u);
  size_t ended = taken.size();
  for (const auto& [slot, reports] : refused) ended += taken.contains(slot) ? 0 : 1;
  EXPECT_EQ(ended, kPayloads);
  for (const auto& [slot, reports] : taken) EXPECT_EQ(reports, 2u);  // one from each worker
  EXPECT_EQ(net_.a().BuffersInUse(), 0u);
}

}  // namespace
}  // namespace warp::lcore
