// Two workers hold copies of one payload at the same moment. The second worker waits a turn for the first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/dataplane/add_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::Drop;

class Defer : public testing::Test {
 protected:
  Defer() {
    net_.a().SetActive([](size_t, size_t remote) { return remote == 0; });
    net_.a().Publish();
  }
  // Lets the next payload reach b's first worker while another worker is opening its counter.
  void Arrive() {
    const uint64_t counter = net_.sessions().a->sent();
    net_.a().Send("payload");
    net_.Collect();
    net_.sessions().b->opening_hints()->MarkOpening({{counter}});
    net_.Deliver(net_.in_flight().front());
    net_.in_flight().clear();
  }
  Worker& worker() { return net_.b().plane().worker(0); }

  Network net_{{.ports = 1}, {.ports = 3, .workers = 2}};
};

TEST_F(Defer, OpensAfterATurnWhateverTheHintSays) {
  Arrive();
  EXPECT_GT(worker().RunOnce(), 0u);
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  // A deferred packet counts as work, so that the worker does not sleep on it.
  EXPECT_GT(worker().RunOnce(), 0u);
  EXPECT_THAT(net_.b().Received(), ElementsAre("payload"));
  EXPECT_EQ(worker().RunOnce(), 0u);
  EXPECT_EQ(net_.b().path(0, 0).rx_first.Get(), 1u);
  EXPECT_EQ(net_.b().BuffersInUse(), 0u);
}

TEST_F(Defer, FindsItClaimedMeanwhile) {
  const uint64_t counter = net_.sessions().a->sent();
  Arrive();
  worker().RunOnce();
  net_.sessions().b->window().Claim(counter);
  worker().RunOnce();
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  EXPECT_EQ(net_.b().Drops(Drop::kDuplicate), 1u);
  EXPECT_EQ(net_.b().Drops(Drop::kOpenedTwice), 0u);
  EXPECT_EQ(net_.b().path(0, 0).rx_duplicate.Get(), 1u);
  EXPECT_EQ(net_.b().BuffersInUse(), 0u);
}

TEST_F(Defer, SurvivesANewTable) {
  Arrive();
  worker().RunOnce();
  net_.b().Publish();
  worker().RunOnce();
  EXPECT_THAT(net_.b().Received(), ElementsAre("payload"));
}

TEST_F(Defer, EndsWithItsSession) {
  Arrive();
  worker().RunOnce();
  net_.b().ForgetReceiveSessions();
  net_.b().Publish();
  worker().RunOnce();
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  EXPECT_EQ(net_.b().Drops(Drop::kUnknownSession), 1u);
  EXPECT_EQ(net_.b().BuffersInUse(), 0u);
}

TEST_F(Defer, EndsWithItsPort) {
  Arrive();
  worker().RunOnce();
  net_.b().SetPresent(0, false);
  net_.b().Publish();
  worker().RunOnce();
  EXPECT_EQ(net_.b().Drops(Drop::kUnknownSession), 1u);
  EXPECT_EQ(net_.b().BuffersInUse(), 0u);
}

// Meanwhile control may put another port into the slot. Another worker may poll that port and write its counters.
TEST_F(Defer, EndsWhereAnotherWorkerHasTheSlot) {
  Arrive();
  worker().RunOnce();
  DpdkDataplane& plane = net_.b().plane();
  std::unique_ptr<Snapshot> later = net_.b().MakeSnapshot();
  later->ports[net_.b().port(1)].present = false;
  for (const size_t i : {0, 1}) net_.b().SetPresent(i, false);
  net_.b().Publish();
  // Worker 0 lets go of the table without another turn.
  plane.worker(1).RunOnce();
  worker().Stop();
  worker().Run();
  for (const size_t i : {0, 1}) ASSERT_TRUE(plane.RemovePort(net_.b().port(i)).ok());
  ASSERT_TRUE(plane.AwaitPorts(std::chrono::minutes(1)));
  const absl::StatusOr<PortId> again = AddPort(
      plane, {.name = "again", .device = VirtualDevice{"net_warp_lab0,wire=" + net_.b().wire(0)}},
      -1);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(*again, net_.b().port(0));
  ASSERT_EQ(plane.Info(*again).worker, 1);  // worker 0 still has the third port
  plane.Publish(std::move(later));
  worker().RunOnce();
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  EXPECT_EQ(net_.b().Drops(Drop::kUnknownSession), 1u);
  EXPECT_EQ(net_.b().BuffersInUse(), 0u);
}

// More packets arrive than can wait. Those beyond a burst are opened at once.
TEST_F(Defer, KeepsABurstAndNoMore) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 80; ++i) payloads.push_back(std::to_string(i));
  const uint64_t first = net_.sessions().a->sent();
  net_.a().Send(payloads);
  net_.Collect();
  for (uint64_t counter = first; counter < first + payloads.size(); ++counter) {
    net_.sessions().b->opening_hints()->MarkOpening({{counter}});
  }
  for (const FrameBytes& frame : net_.in_flight()) net_.Deliver(frame);
  net_.in_flight().clear();
  std::vector<std::string> received;
  while (net_.b().plane().worker(0).RunOnce() + net_.b().plane().worker(1).RunOnce() > 0) {
    for (std::string& payload : net_.b().Received()) received.push_back(std::move(payload));
  }
  EXPECT_THAT(received, testing::UnorderedElementsAreArray(payloads));
  EXPECT_EQ(net_.b().BuffersInUse(), 0u);
}

}  // namespace
}  // namespace warp::lcore
