// A node whose port goes down says so, and the peer's paths to that port are lost before anything is missed there.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dataplane/wire/handshake/introduction.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

constexpr char kReason[] = "port down at the peer";

// Of one port. Payloads are larger here.
bool IsPortsDown(const Seen& seen) { return IsSealedOf(seen, 5); }

class PortsDownTest : public testing::Test {
 protected:
  // Two ports each, and node 1 knows to which of node 0's each of its paths leads.
  void Meet(uint32_t features = IdentityOptions{}.features) {
    net.SetFeatures(1, features);
    net.Introduce(0, 1);
    net.Run(2s);
    ASSERT_EQ(net.ActivePaths(1, 0), 4u);
  }
  // Node 0 says this to node 1, from its first port.
  void Say(const std::vector<uint16_t>& ports) {
    const auto session = net.Peer(0, 1).session;
    net.Inject(1, 0, net.EndpointOf(0, 0),
               *session->Seal(net.now(), net.node(0).identity().engine(),
                              EncodeControlMessage(PortsDown{.ports = ports})));
  }
  size_t Lost() {
    const std::vector<PathStatus> paths = net.Peer(1, 0).paths;
    return static_cast<size_t>(std::count_if(paths.begin(), paths.end(), [](const PathStatus& p) {
      return p.state == PathState::kLost && p.reason == kReason;
    }));
  }
  VirtualNet net{{.ports = {2, 2}}};
};

TEST_F(PortsDownTest, ThePeerKnowsAtOnce) {
  Meet();
  net.PortDown(0, 1);
  net.Run(5ms);  // a way between two ports
  for (const int port : {0, 1}) {
    EXPECT_EQ(net.Path(1, port, 0, 1).state, PathState::kLost) << port;
    EXPECT_EQ(net.Path(1, port, 0, 1).reason, kReason) << port;
    EXPECT_EQ(net.Path(1, port, 0, 0).state, PathState::kActive) << port;
  }
  EXPECT_EQ(net.CarryingPaths(1, 0), 2u) << "no copies go where nothing arrives";
  net.Run(10s);
  net.PortUp(0, 1);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(1, 0) == 4; }, 50ms));
}

TEST_F(PortsDownTest, APortThatGoesFromTheConfigurationIsDown) {
  Meet();
  net.node(0).RemovePort(net.now(), 1);
  net.Run(5ms);
  EXPECT_EQ(Lost(), 2u);
}

// It goes over every path that is left, so that a black hole on one of them keeps nothing back.
TEST_F(PortsDownTest, OneOfItsCopiesIsEnough) {
  Meet();
  net.CutWay(0, 0, 1, 0);
  net.PortDown(0, 1);
  net.Run(5ms);
  EXPECT_EQ(Lost(), 2u);
}

TEST_F(PortsDownTest, WhereItIsLostThePathsAreMissedAsEver) {
  Meet();
  net.Filter([](const Seen& seen) { return !IsPortsDown(seen); });
  net.Talk(0, 1);
  net.Run(1s);
  net.PortDown(0, 1);
  net.Run(5ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
  net.Run(5s);
  EXPECT_EQ(net.ActivePaths(1, 0), 2u);
  EXPECT_EQ(Lost(), 0u);
}

TEST_F(PortsDownTest, IsForThoseWhoUnderstandIt) {
  Meet(IdentityOptions{}.features & ~uint32_t{wire::kFeaturePortsDown});
  net.Record(true);
  net.PortDown(0, 1);
  net.Run(100ms);
  const std::vector<Seen> seen = net.TakeSeen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(), IsPortsDown), 0);
  EXPECT_EQ(net.Drops(1, wire::Drop::kUnknownKind), 0u);
}

// The last port has nobody left to tell by, and a cap that is reached has its own last word.
TEST_F(PortsDownTest, IsSaidByTheOtherPorts) {
  Meet();
  net.PortDown(0, 1);
  net.Run(1s);
  net.Record(true);
  net.PortDown(0, 0);
  net.Run(1s);
  const std::vector<Seen> seen = net.TakeSeen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(), IsPortsDown), 0);
}

TEST_F(PortsDownTest, ACapHasItsOwnLastWord) {
  Meet();
  net.Record(true);
  net.UsePort(0, 1, PortUse::kNone);
  net.Run(1s);
  const std::vector<Seen> seen = net.TakeSeen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(), IsPortsDown), 0);
}

TEST_F(PortsDownTest, AnAnswerThatWasUnderWayBringsNothingBack) {
  Meet();
  net.Talk(0, 1);
  for (const int port : {0, 1}) net.Delay(0, 1, 1, port, 190ms);
  net.Run(5s);
  Say({1});
  // No probe gets there any more, so that each answer from there is one to a probe of before.
  net.Filter([this](const Seen& seen) {
    return !(seen.from_node == 1 && seen.to == net.EndpointOf(0, 1));
  });
  for (int i = 0; i < 400; ++i) {
    net.Run(1ms);
    ASSERT_EQ(Lost(), 2u) << i;
  }
  net.Filter({});
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(1, 0) == 4; }, 2s));
}

// It was lost because the peer said so, once. The next time nobody says anything, and until it is known whether the
// other paths are lost for the same reason it carries on.
TEST_F(PortsDownTest, APathThatIsBackIsLostAsAnyOther) {
  Meet();
  net.Talk(0, 1);
  net.Run(1s);
  Say({1});
  ASSERT_TRUE(net.RunUntil([&] { return net.ActivePaths(1, 0) == 4; }, 300ms));
  net.Cut(0, 1);
  ASSERT_TRUE(net.RunUntil([&] { return net.ActivePaths(1, 0) < 4; }, 3s));
  EXPECT_EQ(net.CarryingPaths(1, 0), 4u);
}

// --- Lies, and what comes late. ---

TEST_F(PortsDownTest, OneThatLeavesNoPathIsNotBelieved) {
  Meet();
  Say({0, 1});
  net.Run(1ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
  Say({0});
  net.Run(1ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 2u);
  Say({1});
  net.Run(1ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 2u);
}

TEST_F(PortsDownTest, PortsThatNobodyHasChangeNothing) {
  Meet();
  const uint64_t version = net.node(1).version();
  for (int i = 0; i < 1000; ++i) Say({7, 0xffff});
  net.Run(1ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
  EXPECT_EQ(net.node(1).version(), version);
}

TEST_F(PortsDownTest, APortThatIsUpIsBackWithinARoundTripOfTheNextProbe) {
  Meet();
  net.Talk(0, 1);
  net.Run(1s);
  Say({1});  // overtaken by the port's return, or a lie
  net.Run(1ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 2u);
  net.TakeReceived(0);
  net.TakeReceived(1);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(1, 0) == 4; }, 300ms));
}

// Each change costs a look at all paths and another forwarding table.
TEST_F(PortsDownTest, AStormOfThemChangesLittle) {
  Meet();
  net.Talk(0, 1);
  net.Run(1s);
  const uint64_t version = net.node(1).version();
  for (int i = 0; i < 10'000; ++i) {
    Say({static_cast<uint16_t>(i % 2)});
    if (i % 10 == 0) net.Run(1ms);
  }
  EXPECT_LT(net.node(1).version() - version, 100u);
  net.Run(1s);
  EXPECT_TRUE(net.Connected(1, 0));
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
}

// Somebody has held it back until the next session is in use, while the one before still opens what comes.
TEST_F(PortsDownTest, OneOfASessionBeforeIsWorthNothing) {
  Meet();
  const auto old = net.Peer(0, 1).session;
  ASSERT_TRUE(net.RunUntil([&] { return net.Peer(0, 1).session != old; }, 300s));
  ASSERT_TRUE(net.RunUntil(
      [&] { return net.Peer(1, 0).session->remote_index() != old->local_index(); }, 10s));
  const uint64_t version = net.node(1).version();
  const uint64_t unknown = net.Drops(1, wire::Drop::kUnknownSession);
  net.Inject(1, 0, net.EndpointOf(0, 0),
             *old->Seal(net.now(), net.node(0).identity().engine(),
                        EncodeControlMessage(PortsDown{.ports = {1}})));
  net.Run(1ms);
  EXPECT_EQ(net.Drops(1, wire::Drop::kUnknownSession), unknown) << "it was opened";
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
  EXPECT_EQ(net.node(1).version(), version);
}

// It goes over each path at once, and one of them takes longer than the port's return.
TEST(PortsDown, ACopyThatComesLateIsNoNews) {
  VirtualNet net({.ports = {3, 3}});
  for (const int port : {0, 1, 2}) net.DelayBoth(0, 2, 1, port, 300ms);
  net.Introduce(0, 1);
  net.Talk(0, 1);
  net.Run(5s);
  ASSERT_EQ(net.ActivePaths(1, 0), 9u);
  net.PortDown(0, 0);
  net.Run(30ms);
  ASSERT_EQ(net.Path(1, 0, 0, 0).state, PathState::kLost);
  net.PortUp(0, 0);
  const auto is_back = [&] { return net.Path(1, 0, 0, 0).state == PathState::kActive; };
  ASSERT_TRUE(net.RunUntil(is_back, 100ms));
  for (int i = 0; i < 1000; ++i) {
    net.Run(1ms);
    ASSERT_TRUE(is_back()) << i;
  }
}

// Somebody on one link lets it through when he likes.
TEST_F(PortsDownTest, OneThatWasHeldBackIsNoNews) {
  Meet();
  const auto held = *net.Peer(0, 1).session->Seal(net.now(), net.node(0).identity().engine(),
                                                  EncodeControlMessage(PortsDown{.ports = {1}}));
  net.Talk(0, 1);
  net.Run(5s);
  const uint64_t version = net.node(1).version();
  net.Inject(1, 0, net.EndpointOf(0, 0), held);
  net.Run(1ms);
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
  EXPECT_EQ(net.node(1).version(), version);
}

// Idle paths are probed seldom, and one that is lost is not.
TEST_F(PortsDownTest, AnIdlePathIsBackSoonToo) {
  Meet();
  net.Run(10min);
  // Whenever its next probe would be.
  for (int i = 0; i < 20; ++i) {
    net.Run(1min + i * 137ms);
    Say({1});
    net.Run(1ms);
    ASSERT_EQ(net.ActivePaths(1, 0), 2u) << i;
    ASSERT_TRUE(net.RunUntil([&] { return net.ActivePaths(1, 0) == 4; }, 1s)) << i;
  }
}

}  // namespace
}  // namespace warp::protocol
