// The stage clock: which packets it counts, and in which turns it reads the time-stamp counter.
#include "dataplane/lcore/pipeline/turn/stage_clock.h"

#include <gtest/gtest.h>

#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

TEST(StageClock, MeasuresOneTurnOfMany) {
  StageClock clock;
  for (uint32_t turn = 0; turn < 3 * kStageSampling; ++turn) {
    clock.BeginTurn();
    clock.Lap(Stage::kSeal, 2);
    clock.EndTurn(/*work=*/1);
  }
  // The first turn only counts down. So the second turn is measured, and the third up to its last lap.
  EXPECT_EQ(clock.Packets(Stage::kSeal), 2u * 2);
  EXPECT_GT(clock.Cycles(Stage::kSeal), 0u);
  EXPECT_EQ(clock.Packets(Stage::kRx), 0u);
}

TEST(StageClock, IdleTurnsDoNotCount) {
  StageClock clock;
  clock.SampleEvery(1);
  for (int turn = 0; turn < 10; ++turn) {
    clock.BeginTurn();
    clock.Lap(Stage::kRx, 0);
    clock.EndTurn(/*work=*/0);
  }
  EXPECT_EQ(clock.Busy(UINT64_MAX), 0.0);
  clock.BeginTurn();
  clock.Lap(Stage::kRx, 0);  // a lap without packets charges its time to no stage
  clock.Lap(Stage::kTake, 5);
  clock.EndTurn(/*work=*/5);
  EXPECT_EQ(clock.Packets(Stage::kTake), 5u);
  EXPECT_EQ(clock.Cycles(Stage::kRx), 0u);
}

TEST(StageClock, BusyIsAShareAndFades) {
  StageClock clock;
  clock.SampleEvery(1);
  for (int turn = 0; turn < 100; ++turn) {
    clock.BeginTurn();
    clock.Lap(Stage::kSeal, 1);
    clock.EndTurn(/*work=*/1);
  }
  const double busy = clock.Busy(0);
  EXPECT_GT(busy, 0.0);
  EXPECT_LE(busy, 1.0);
  EXPECT_LT(clock.Busy(UINT64_MAX), busy / 1000);
}

// Every stage that a packet passes counts it, and no other stage does.
TEST(StageClock, FollowsThePackets) {
  Network net({.ports = 1}, {.ports = 2});
  for (Node* node : {&net.a(), &net.b()}) node->plane().worker(0).stages().SampleEvery(1);
  for (int i = 0; i < 40; ++i) net.a().Send("payload");
  net.Settle();
  EXPECT_EQ(net.b().Received().size(), 40u);

  const WorkerStatus a = net.a().plane().Status(0), b = net.b().plane().Status(0);
  const auto packets = [](const WorkerStatus& status, Stage stage) {
    return status.stages[static_cast<size_t>(stage)].packets;
  };
  for (const Stage stage :
       {Stage::kTake, Stage::kSeal, Stage::kReplicate, Stage::kTx, Stage::kComplete}) {
    EXPECT_EQ(packets(a, stage), 40u) << kStageNames[static_cast<size_t>(stage)];
    EXPECT_EQ(packets(b, stage), 0u) << kStageNames[static_cast<size_t>(stage)];
  }
  EXPECT_EQ(packets(b, Stage::kRx), 80u);
  EXPECT_EQ(packets(b, Stage::kParse), 80u);
  // Copies of one payload in one burst are looked at twice.
  EXPECT_GE(packets(b, Stage::kLook), 80u);
  for (const Stage stage : {Stage::kOpen, Stage::kClaim, Stage::kDeliver}) {
    EXPECT_EQ(packets(b, stage), 40u) << kStageNames[static_cast<size_t>(stage)];
  }
  EXPECT_EQ(a.cpu, -1);
}

}  // namespace
}  // namespace warp::lcore
