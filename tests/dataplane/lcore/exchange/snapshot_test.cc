// Tables change while packets are under way. A retired table must live exactly as long as a thread may hold it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/add_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using wire::Drop;

// No worker holds the port, which therefore closes.
void Remove(Node& node, size_t port) {
  ASSERT_TRUE(node.plane().RemovePort(node.port(port)).ok());
  ASSERT_TRUE(node.plane().AwaitPorts(std::chrono::minutes(1)));
}

TEST(Snapshots, SessionOutlivesThePacketsThatPointToIt) {
  Network net({.ports = 1}, {.ports = 1});
  net.a().Send("last words");
  net.Settle();
  std::weak_ptr<wire::Session> session = net.sessions().b;
  net.sessions().b.reset();
  net.b().SetSendSession(nullptr);
  net.b().ForgetReceiveSessions();
  net.b().Publish();
  // The worker has let go of the table, but the opened packet has not.
  net.b().Turn();
  EXPECT_FALSE(session.expired());
  std::vector<OpenedPacket> opened(4);
  ASSERT_EQ(net.b().plane().ReceiveOpened(opened), 1u);
  EXPECT_FALSE(session.expired());  // control may still read it
  EXPECT_EQ(opened[0].session, session.lock().get());
  opened.clear();
  opened.resize(4);
  net.b().Turn();
  EXPECT_EQ(net.b().plane().ReceiveOpened(opened), 0u);
  EXPECT_TRUE(session.expired());
  EXPECT_EQ(net.b().plane().retired(), 0u);
}

TEST(Snapshots, NotFreedWhileAWorkerMayReadThem) {
  Network net({.ports = 2, .workers = 2}, {.ports = 1});
  net.a().Turn();
  std::weak_ptr<wire::Session> session = net.sessions().a;
  net.sessions().a.reset();
  net.a().SetSendSession(nullptr);
  net.a().ForgetReceiveSessions();
  net.a().Publish();
  net.a().Received();
  net.a().plane().worker(0).RunOnce();
  net.a().Received();
  EXPECT_FALSE(session.expired());  // worker 1 has not turned
  net.a().plane().worker(1).RunOnce();
  net.a().Received();
  EXPECT_TRUE(session.expired());
}

// A worker that stands still keeps the one table that it holds, and not all that were published since.
TEST(Snapshots, AreBoundedWhileAWorkerStandsStill) {
  Network net({.ports = 2, .workers = 2}, {.ports = 1});
  net.a().Turn();
  std::weak_ptr<wire::Session> held = net.sessions().a;
  net.sessions().a.reset();
  net.a().SetSendSession(nullptr);
  net.a().ForgetReceiveSessions();
  for (int i = 0; i < 1000; ++i) {
    net.a().Publish();
    net.a().plane().worker(0).RunOnce();
    net.a().Received();
    EXPECT_LE(net.a().plane().retired(), 2 * kManyTables + 2);
  }
  EXPECT_FALSE(held.expired());  // of the table that worker 1 has from its last turn
  net.a().plane().worker(1).RunOnce();
  net.a().Received();
  EXPECT_TRUE(held.expired());
  EXPECT_EQ(net.a().plane().retired(), 0u);
}

TEST(Snapshots, ASessionNamedAgainSurvives) {
  Network net({.ports = 1}, {.ports = 1});
  for (int i = 0; i < 50; ++i) {
    net.a().Publish();
    net.b().Publish();
    net.a().Send("still");
    net.Settle();
    EXPECT_THAT(net.b().Received(), ElementsAre("still"));
    net.a().Received();
  }
  EXPECT_LE(net.a().plane().retired(), 1u);
}

// Make before break: payloads that are under way when the session changes arrive, since both sessions receive.
TEST(Snapshots, NewSendSession) {
  Network net({.ports = 2, .workers = 2}, {.ports = 2});
  const SessionPair next = MakeSessions(2);
  net.a().Send("old");
  net.Collect();
  net.b().AddReceiveSession(next.b);
  net.b().Publish();
  net.a().SetSendSession(next.a);
  net.a().Publish();
  net.a().Send("new");
  net.Settle();
  EXPECT_THAT(net.b().Received(), testing::UnorderedElementsAre("old", "new"));
  EXPECT_EQ(next.a->sent(), 1u);
}

// The home worker counted on a number of copies which the other worker's newer table does not have. The other worker
// corrects the payload's references.
class Difference : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(, Difference, testing::Values(100, 1200));

TEST_P(Difference, BetweenHomesTableAndTheSenders) {
  for (const bool sole : {false, true}) {
    for (const bool tracked : {false, true}) {
      for (size_t before = 1; before <= 3; ++before) {
        for (size_t after = 0; after <= 3; ++after) {
          Network net({.ports = 2, .workers = 2}, {.ports = 3});
          const WorkerId home = net.a().plane().Info(net.a().port(0)).worker;
          const auto paths_of_port_1 = [&](size_t count) {
            net.a().SetActive(
                [=](size_t local, size_t remote) { return local == 0 ? !sole : remote < count; });
            net.a().Publish();
          };
          const std::string payload(GetParam(), 'd');
          paths_of_port_1(before);
          if (tracked) {
            net.a().SendTracked(payload, 1, 1, home);
          } else {
            net.a().Send(payload, home);
          }
          net.a().plane().worker(home).RunOnce();
          paths_of_port_1(after);
          net.Collect();
          EXPECT_EQ(net.in_flight().size(), after + (sole ? 0 : 3));
          net.Settle();
          EXPECT_EQ(net.b().Received().size(), after > 0 || !sole ? 1u : 0u);
          std::vector<Completion> completions = net.a().Completions();
          EXPECT_EQ(completions.size(), tracked ? (sole ? 1u : 2u) : 0u);
          if (tracked && sole && after == 0) {
            EXPECT_EQ(completions[0].reason, Drop::kNoPath);
            EXPECT_TRUE(completions[0].sealed);
          }
          completions.clear();
          EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
        }
      }
    }
  }
}

TEST(Ports, AreRemovedAndAddedUnderTraffic) {
  Network net({.ports = 2}, {.ports = 1});
  EXPECT_EQ(net.a().plane().RemovePort(net.a().port(1)).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(net.a().plane().RemovePort(3).code(), absl::StatusCode::kNotFound);
  net.a().SetPresent(1, false);
  net.a().Publish();
  net.a().Turn();
  // A frame for the port that goes away must not leave through its successor.
  Remove(net.a(), 1);
  net.a().Send("one port");
  net.Collect();
  EXPECT_EQ(net.in_flight().size(), 1u);
  const absl::StatusOr<PortId> again = AddPort(
      net.a().plane(),
      {.name = "again", .device = VirtualDevice{"net_warp_lab0,wire=" + net.a().wire(1)}}, -1);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, net.a().port(1));  // the slot is used again
  net.a().SetPresent(1, true);
  net.a().Publish();
  net.a().Send("two ports");
  net.Settle();
  EXPECT_EQ(net.b().Received().size(), 2u);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

// Control makes the peers anew some at a time. Until its turn comes, a peer has the frames of the port that is gone.
TEST(Ports, APeerOfAPredecessorSendsNothingThroughThePort) {
  Network net({.ports = 2}, {.ports = 1});
  const auto peers = net.a().MakeSnapshot()->peers;
  const auto publish = [&] {
    auto snapshot = net.a().MakeSnapshot();
    snapshot->peers = peers;
    net.a().plane().Publish(std::move(snapshot));
  };
  const auto copies = [&net] {
    net.a().Send("payload");
    net.Collect();
    const size_t count = net.in_flight().size();
    net.Settle();
    net.b().Received();
    return count;
  };
  publish();
  publish();
  EXPECT_EQ(copies(), 2u);
  const wire::MacAddress mac = net.a().mac(1);
  net.a().SetPresent(1, false);
  publish();
  net.a().Turn();
  Remove(net.a(), 1);
  ASSERT_TRUE(
      AddPort(net.a().plane(),
              {.name = "other", .device = VirtualDevice{"net_warp_lab0,wire=" + net.a().wire(1)}},
              -1)
          .ok());
  ASSERT_NE(net.a().mac(1), mac);
  net.a().SetPresent(1, true);
  publish();
  EXPECT_EQ(copies(), 1u);
  net.a().Publish();
  EXPECT_EQ(copies(), 2u);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

TEST(Ports, FramesForAPredecessorAreDropped) {
  Network net({.ports = 2}, {.ports = 1});
  Frame frame = net.a().plane().AllocateFrame();
  const FrameBytes bytes = MakeFrame(net.a(), 1, net.b(), 0, FrameBytes(40, 1));
  std::copy(bytes.begin(), bytes.end(), frame.Append(bytes.size()).begin());
  // No worker turns, so the frame stays in the ring.
  net.a().plane().Transmit(net.a().port(1), std::move(frame));
  net.a().SetPresent(1, false);
  net.a().Publish();
  Remove(net.a(), 1);
  ASSERT_TRUE(
      AddPort(net.a().plane(), {.name = "again", .device = VirtualDevice{"net_warp_lab0"}}, -1)
          .ok());
  net.a().SetPresent(1, true);
  net.a().Publish();
  net.a().Turn();
  EXPECT_EQ(net.a().Drops(Drop::kNoPath), 1u);
  EXPECT_EQ(net.a().plane().Counters(net.a().port(1)).tx_packets, 0u);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

TEST(Ports, MoreThanThereIsRoomFor) {
  Network net({.ports = 4}, {.ports = 1});
  const absl::Status status =
      net.a()
          .plane()
          .AddPort({.name = "fifth", .device = VirtualDevice{"net_warp_lab0"}}, -1)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  // No worker owns CPU 5.
  EXPECT_EQ(net.a().plane().AddPort({}, 5).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace warp::lcore
