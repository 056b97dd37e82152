// The size of a path: alone against a hop of some MTU, and between nodes.
#include "control/protocol/path/path_size.h"

#include <gtest/gtest.h>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

constexpr PathSize::Pace kPace{.interval = 200ms, .patience = 60ms};

// A path through a hop that swallows what is larger than `mtu`, with a round trip of 20 ms.
struct Hop {
  PathSize size{1500};
  uint32_t mtu = 1500;
  bool works = true;  // it answers probes without padding
  Instant works_since{};
  Instant now{};
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint32_t probes = 0;

  explicit Hop(uint32_t carries) : mtu(carries) { size.Begin(now); }

  // Payloads of this size are sent all the time; 0: none are.
  void Run(Duration duration, uint32_t payload = 0) {
    for (const Instant end = now + duration; now < end; now += 20ms) {
      if (const auto span = size.Unanswered(now)) {
        size.Conclude(now, works && span->from >= works_since);
      }
      const Challenge challenge{static_cast<uint8_t>(++serial_),
                                static_cast<uint8_t>(serial_ >> 8)};
      if (const auto probe = size.TakeProbe(now, kPace, challenge)) {
        ++probes;
        bool changed = false;
        if (works && *probe <= mtu) {
          EXPECT_TRUE(size.HandleAnswer(now + 20ms, challenge, &changed));
        }
      }
      if (payload == 0) continue;
      packets += 2;
      bytes += 2 * payload;
      size.NoteSent(now, packets, bytes);
    }
  }

 private:
  uint32_t serial_ = 0;
};

TEST(PathSize, UsesNoMoreThanEveryNetworkCarriesBeforeAnAnswer) {
  PathSize size(1500);
  EXPECT_EQ(size.size(), 1280u);
  EXPECT_FALSE(size.proven());
}

TEST(PathSize, IsTheLimitAfterOneAnswer) {
  Hop hop(1500);
  hop.Run(40ms);
  EXPECT_EQ(hop.size.size(), 1500u);
  EXPECT_TRUE(hop.size.proven());
  EXPECT_FALSE(hop.size.black_hole());
  hop.Run(600s);
  EXPECT_EQ(hop.probes, 1u) << "an idle path asks nothing";
}

TEST(PathSize, IsFoundExactlyBelowAndAboveTheFirstStep) {
  for (const uint32_t mtu : {1499u, 1492u, 1400u, 1281u, 1280u, 1279u, 900u, 576u, 300u, 256u}) {
    Hop hop(mtu);
    hop.Run(30s);
    EXPECT_EQ(hop.size.size(), mtu);
    EXPECT_TRUE(hop.size.proven()) << mtu;
    EXPECT_TRUE(hop.size.black_hole()) << mtu;
  }
}

TEST(PathSize, AHopThatBeginsToSwallowIsFoundWithinThreeSecondsOfLargePayloads) {
  for (const uint32_t mtu : {1499u, 1300u, 700u}) {
    Hop hop(1500);
    hop.Run(10s, 1400);
    hop.mtu = mtu;
    hop.Run(2s, 1400);
    EXPECT_LE(hop.size.size(), mtu);
    hop.Run(30s, 1400);
    EXPECT_EQ(hop.size.size(), mtu);
  }
}

TEST(PathSize, SmallPayloadsAskRarely) {
  Hop hop(1500);
  hop.Run(1s, 100);
  const uint32_t before = hop.probes;
  hop.Run(10s, 100);
  EXPECT_LE(hop.probes - before, 11u);
  hop.Run(10s);
  EXPECT_LE(hop.probes - before, 11u);
}

TEST(PathSize, IsNotJudgedWhileThePathLosesEverything) {
  Hop hop(1500);
  hop.Run(1s, 1400);
  hop.works = false;
  hop.Run(60s, 1400);
  EXPECT_EQ(hop.size.size(), 1500u);
  hop.works = true;
  hop.works_since = hop.now;
  hop.Run(1s, 1400);
  EXPECT_EQ(hop.size.size(), 1500u);
  EXPECT_FALSE(hop.size.black_hole());
}

TEST(PathSize, AHintAsksAtOnceAndIsNotBelieved) {
  Hop hop(1500);
  hop.Run(1s);
  const uint32_t before = hop.probes;
  hop.size.Hint(hop.now, 600);
  EXPECT_LE(hop.size.next_timeout(), hop.now);
  hop.Run(10s);
  EXPECT_EQ(hop.size.size(), 1500u);
  EXPECT_EQ(hop.probes, before + 1);

  hop.mtu = 1300;
  hop.size.Hint(hop.now, 1300);
  hop.Run(3s);
  EXPECT_EQ(hop.size.size(), 1300u);
  EXPECT_FALSE(hop.size.black_hole()) << "somebody has said so";
}

// Whoever sends ICMP of any size would otherwise take the name from a hole.
TEST(PathSize, AHoleKeepsItsNameWhateverIsSaidOfOtherSizes) {
  for (const uint32_t said : {300u, 1279u, 1299u, 1301u, 1499u}) {
    Hop hop(1300);
    hop.Run(1s);
    hop.size.Hint(hop.now, said);
    hop.Run(10s);
    EXPECT_EQ(hop.size.size(), 1300u);
    EXPECT_TRUE(hop.size.black_hole()) << said;
  }
}

TEST(PathSize, ForgettingTheHintRaisesNothing) {
  Hop hop(1300);
  hop.size.Hint(hop.now, 1300);
  hop.Run(5s);
  ASSERT_EQ(hop.size.size(), 1300u);
  hop.size.Hint(hop.now, 1500);
  for (int i = 0; i < 500; ++i) {
    hop.Run(400ms, 1200);
    ASSERT_EQ(hop.size.size(), 1300u);
  }
}

TEST(PathSize, GrowsAgainByAnswersWhereTheHopIsGone) {
  Hop hop(1300);
  hop.Run(30s, 1200);
  ASSERT_EQ(hop.size.size(), 1300u);
  hop.mtu = 1500;
  hop.Run(200s, 1200);
  EXPECT_EQ(hop.size.size(), 1500u);
  EXPECT_FALSE(hop.size.black_hole());
}

TEST(PathSize, FollowsThePort) {
  Hop hop(9000);
  hop.Run(1s);
  EXPECT_TRUE(hop.size.SetLimit(1000));
  EXPECT_EQ(hop.size.size(), 1000u);
  EXPECT_FALSE(hop.size.SetLimit(9000)) << "not before an answer";
  hop.Run(1s);
  EXPECT_EQ(hop.size.size(), 9000u);
}

// --- Between nodes. ---

class SizeOfPaths : public testing::Test {
 protected:
  // Both directions of the link of this port swallow IP packets of more than mtu_[port].
  void Begin(int ports) {
    net_.emplace(NetOptions{.ports = {ports, ports}});
    mtu_.assign(static_cast<size_t>(ports), 1500);
    net_->Filter([this](const Seen& seen) {
      return seen.datagram.size() + 28 <= mtu_[static_cast<size_t>(seen.from_port)];
    });
    net_->Introduce(0, 1);
    net_->Run(5s);
  }
  // Large payloads in both directions.
  void Talk(Duration duration) {
    for (const Instant end = net_->now() + duration; net_->now() < end; net_->Run(20ms)) {
      for (const int from : {0, 1}) net_->Send(from, 1 - from, std::string(1400, 'x'));
    }
  }
  std::vector<PathStatus> Paths() { return net_->node(0).Peers()[0].paths; }

  std::optional<VirtualNet> net_;
  std::vector<uint32_t> mtu_;
};

TEST_F(SizeOfPaths, IsProvenWhenThePathIsActive) {
  Begin(2);
  for (const PathStatus& path : Paths()) {
    EXPECT_EQ(path.size, 1500u);
    EXPECT_TRUE(path.size_proven);
    EXPECT_FALSE(path.black_hole);
  }
}

TEST_F(SizeOfPaths, ABlackHoleIsNamedAndThePathStaysInUse) {
  Begin(1);
  Talk(5s);
  mtu_[0] = 1400;
  Talk(3s);
  EXPECT_LE(Paths()[0].size, 1400u);
  Talk(10s);
  EXPECT_EQ(Paths()[0].size, 1400u);
  EXPECT_TRUE(Paths()[0].black_hole);
  EXPECT_TRUE(Paths()[0].carries);
  EXPECT_EQ(Paths()[0].state, PathState::kActive);
}

// The hop is shared, and payloads leave out each path as soon as its size is known: what finds out last carries them
// into the hole until then.
TEST_F(SizeOfPaths, AllThatShareANarrowHopFindOutTogether) {
  Begin(2);
  Talk(5s);
  mtu_ = {1400, 1400};
  Talk(3s);
  ASSERT_EQ(Paths().size(), 4u);
  for (const PathStatus& path : Paths()) EXPECT_LE(path.size, 1400u);
}

// Only one end sends payloads. The other, which would find out with its first one, has a small size by then.
TEST_F(SizeOfPaths, AreFoundInBothDirectionsWhenOneEndSearches) {
  Begin(1);
  mtu_[0] = 1400;
  for (int i = 0; i < 200; ++i) {
    net_->Send(1, 0, std::string(1400, 'x'));
    net_->Run(20ms);
  }
  EXPECT_LE(Paths()[0].size, 1400u);
}

// A kernel may join what leaves together, and a router that is a kernel drops the small with the large.
TEST_F(SizeOfPaths, SmallProbesDoNotLeaveWithPaddedOnes) {
  Begin(1);
  Talk(3s);
  mtu_[0] = 1400;
  net_->Record(true);
  size_t padded = 0;
  int together = 0;
  for (const Instant end = net_->now() + 3s; net_->now() < end; net_->Run(1ms)) {
    if (padded % 2 == 0) net_->Send(0, 1, std::string(1400, 'x'));
    bool large = false;
    for (const Seen& seen : net_->TakeSeen()) {
      if (seen.from_node != 0) continue;
      const bool is_probe_without_padding =
          seen.datagram.size() == wire::kMinSealedSize + kProbeSize;
      together += large && is_probe_without_padding ? 1 : 0;
      const bool is_padded = seen.datagram.size() > 1000;
      large |= is_padded;
      padded += is_padded ? 1 : 0;
    }
  }
  EXPECT_GT(padded, 3u);
  EXPECT_EQ(together, 0);
}

// The path of the hint asks, and then the others for themselves: those of the same port cross the same hop.
TEST_F(SizeOfPaths, AHintIsAskedAndBelievedOnNoPath) {
  Begin(2);
  mtu_[0] = 1300;
  net_->node(0).HintSize(net_->now(), Paths()[0].port, Paths()[0].remote.address, 1300);
  net_->Run(4s);
  for (const PathStatus& path : Paths()) {
    EXPECT_EQ(path.size, path.port == Paths()[0].port ? 1300u : 1500u);
  }
}

}  // namespace
}  // namespace warp::protocol
