// Tests of the worker plan and of worker health.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/daemon/worker_plan.h"
#include "control/link/worker_health.h"
#include "tests/control/fake_dataplane.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using wire::Instant;

config::NodeConfig WithPorts(std::vector<std::optional<int>> cpus) {
  config::NodeConfig config;
  for (std::optional<int> cpu : cpus) config.ports.emplace_back().cpu = cpu;
  return config;
}

TEST(WorkerPlan, OneWorkerForEachPortWhereCpusSuffice) {
  EXPECT_THAT(PlanWorkers(WithPorts({{}, {}, {}}), 8).worker_cpus, ElementsAre(-1, -1, -1));
}

TEST(WorkerPlan, PortsShareAWorkerWhereTheyDoNot) {
  EXPECT_THAT(PlanWorkers(WithPorts({{}, {}, {}}), 3).worker_cpus, ElementsAre(-1, -1));
  EXPECT_FALSE(PlanWorkers(WithPorts({{}, {}, {}}), 3).inline_worker);
}

TEST(WorkerPlan, TheControlThreadDoesItAllWhereThereAreNoCpusForBoth) {
  for (const unsigned cpus : {1u, 2u}) {
    const WorkerPlan plan = PlanWorkers(WithPorts({{}, {}, {}}), cpus);
    EXPECT_THAT(plan.worker_cpus, ElementsAre(-1));
    EXPECT_TRUE(plan.inline_worker);
  }
  EXPECT_FALSE(PlanWorkers(WithPorts({1, {}}), 2).inline_worker);
}

TEST(WorkerPlan, OrWhereItIsTold) {
  config::NodeConfig config = WithPorts({{}, {}});
  config.node.workers = 0;
  EXPECT_TRUE(PlanWorkers(config, 64).inline_worker);
  EXPECT_THAT(PlanWorkers(config, 64).worker_cpus, ElementsAre(-1));
}

TEST(WorkerPlan, ACpuThatPortsNameHasOneWorker) {
  EXPECT_THAT(PlanWorkers(WithPorts({3, 3, 5, {}}), 8).worker_cpus, ElementsAre(3, 5, -1));
}

// Ports that come later must not find that there is one worker for all of them.
TEST(WorkerPlan, APatternCountsAsAllPortsThatItMayMake) {
  config::NodeConfig config = WithPorts({{}, {}});
  config.node.max_ports = 4;
  config.ports[1].device = wire::KernelDevice{.interface = "wwan*"};
  EXPECT_THAT(PlanWorkers(config, 8).worker_cpus, ElementsAre(-1, -1, -1, -1));
  EXPECT_THAT(PlanWorkers(config, 3).worker_cpus, ElementsAre(-1, -1));
  config.ports[1].cpu = 5;
  EXPECT_THAT(PlanWorkers(config, 8).worker_cpus, ElementsAre(5, -1));
}

TEST(WorkerPlan, TheConfigurationMaySayHowMany) {
  config::NodeConfig config = WithPorts({{}, {}, {}});
  config.node.workers = 2;
  EXPECT_THAT(PlanWorkers(config, 2).worker_cpus, ElementsAre(-1, -1));
  EXPECT_FALSE(PlanWorkers(config, 2).inline_worker);
}

class WorkerHealthTest : public testing::Test {
 protected:
  // Passes `ms` of time. Workers 0 and 1 are alive; what worker 2 does is up to the test.
  bool Pass(int ms) {
    bool changed = false;
    for (; ms > 0; ms -= 100) {
      now_ += milliseconds(100);
      ++dataplane_.heartbeats[0];
      ++dataplane_.heartbeats[1];
      changed |= health_.Check(now_);
    }
    return changed;
  }
  Instant now_{milliseconds(5000)};
  lcore::FakeDataplane dataplane_;
  WorkerHealth health_{dataplane_};
};

TEST_F(WorkerHealthTest, AWorkerThatStandsStillIsLostAfterASecondAndComesBackAtOnce) {
  EXPECT_FALSE(Pass(1000));
  EXPECT_TRUE(Pass(200));
  EXPECT_FALSE(health_.alive(2));
  EXPECT_TRUE(health_.alive(0));
  ++dataplane_.heartbeats[2];
  EXPECT_TRUE(Pass(100));
  EXPECT_TRUE(health_.alive(2));
}

// Passes time as control does: in as many steps as it is told to look.
TEST_F(WorkerHealthTest, PayloadsThatWaitShowASilentWorkerWithin50Ms) {
  Pass(100);
  dataplane_.behind = {true, false, true};
  const Instant submitted = now_;
  now_ = std::min(health_.NextCheck(), WorkerHealth::NextCheckAfterSubmit(now_));
  while (!health_.silent(2)) {
    ++dataplane_.heartbeats[0];
    EXPECT_FALSE(health_.Check(now_));  // it is not lost
    ASSERT_LE(now_, submitted + milliseconds(50));
    now_ = health_.NextCheck();
  }
  EXPECT_FALSE(health_.silent(0));
  EXPECT_FALSE(health_.silent(1));  // nothing waits for it
  EXPECT_TRUE(health_.alive(2));

  // Its tunnels have left it, and nothing waits any more.
  dataplane_.behind = {};
  Pass(300);
  EXPECT_TRUE(health_.silent(2));
  ++dataplane_.heartbeats[2];
  Pass(100);
  EXPECT_FALSE(health_.silent(2));
}

TEST_F(WorkerHealthTest, NoWorkerIsSilentForTheTimeWeWereAway) {
  dataplane_.behind = {true, true, true};
  Pass(100);
  for (int i = 0; i < 10; ++i) {
    now_ += milliseconds(60);
    health_.Check(now_);
    EXPECT_FALSE(health_.silent(0) || health_.silent(1) || health_.silent(2));
  }
}

TEST_F(WorkerHealthTest, ASleeperIsHealthy) {
  dataplane_.asleep[2] = true;
  EXPECT_FALSE(Pass(5000));
}

TEST_F(WorkerHealthTest, NobodyIsBlamedForTheTimeWeWereAway) {
  Pass(100);
  now_ += milliseconds(3000);
  EXPECT_FALSE(Pass(100));
  EXPECT_TRUE(health_.alive(0));
}

}  // namespace
}  // namespace warp::control
