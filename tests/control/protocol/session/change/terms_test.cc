// Timers and the replay window change while nodes run: what was armed by longer timers follows at once, sessions of
// before go on until others have taken their place, and nothing is lost.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

constexpr size_t kWindow = 1024;  // of the nodes of VirtualNet

Timers Slow() {
  Timers timers;
  timers.rekey_after = 1h;
  timers.rekey_after_responder = 70min;
  timers.session_lifetime = 90min;
  return timers;
}

Timers Quick() {
  Timers timers;
  timers.rekey_after = 2s;
  timers.rekey_after_responder = 3s;
  timers.session_lifetime = 6s;
  return timers;
}

class Terms : public testing::Test {
 protected:
  // Both nodes know each other, and have a session.
  VirtualNet& Begin(const Timers& timers, std::vector<int> ports = {2, 2}) {
    net_ = std::make_unique<VirtualNet>(NetOptions{.ports = std::move(ports), .timers = timers});
    net_->Introduce(0, 1);
    net_->Run(2s);
    EXPECT_TRUE(net_->Connected(0, 1) && net_->Connected(1, 0));
    return *net_;
  }
  void Set(int n, const Timers& timers, size_t window = kWindow) {
    net_->node(n).SetTerms(net_->now(), timers, window);
  }
  void Set(const Timers& timers, size_t window = kWindow) {
    for (const int n : {0, 1}) Set(n, timers, window);
  }
  // A payload in each direction, and then some time.
  void Talk(Duration time) {
    sent_.push_back(std::to_string(sent_.size()));
    ASSERT_TRUE(net_->Send(0, 1, sent_.back()));
    ASSERT_TRUE(net_->Send(1, 0, sent_.back()));
    net_->Run(time);
  }
  void ExpectNothingLost() {
    net_->Run(1s);
    for (const int n : {0, 1}) {
      std::vector<std::string> received = net_->TakeReceived(n);
      std::multiset<std::string> all(received.begin(), received.end());
      EXPECT_EQ(all, std::multiset<std::string>(sent_.begin(), sent_.end())) << "at node " << n;
    }
  }
  size_t WindowOf(int n) { return net_->Peer(n, 1 - n).session->window().size(); }
  // The time that the session of node n has from its beginning to its end.
  Duration LifetimeOf(int n) {
    const PeerStatus peer = net_->Peer(n, 1 - n);
    return peer.session->expires() - peer.established;
  }

  std::unique_ptr<VirtualNet> net_;
  std::vector<std::string> sent_;
};

TEST_F(Terms, AnotherWindowComesWithASessionAndGoesWithOne) {
  VirtualNet& net = Begin({});
  const auto before = net.Peer(0, 1).session;
  Set(0, {}, 4096);
  ASSERT_TRUE(net.RunUntil([&] { return WindowOf(0) == 4096; }, 1s));
  EXPECT_NE(net.Peer(0, 1).session, before);
  EXPECT_EQ(WindowOf(1), kWindow) << "each end has its own";
  EXPECT_FALSE(net.Forwarding(0, 1).receive.empty());
  net.Run(5s);
  const uint64_t made = net.node(0).initiations() + net.node(1).initiations();
  net.Run(60s);
  EXPECT_EQ(net.node(0).initiations() + net.node(1).initiations(), made) << "one is enough";
  Set(0, {});
  ASSERT_TRUE(net.RunUntil([&] { return WindowOf(0) == kWindow; }, 1s));
}

TEST_F(Terms, TheSameTermsDoNothing) {
  VirtualNet& net = Begin({});
  const uint64_t made = net.node(0).initiations();
  for (int i = 0; i < 100; ++i) Set({});
  EXPECT_NE(net.node(0).NextTimeout(), Instant{});
  net.Run(10s);
  EXPECT_EQ(net.node(0).initiations(), made);
}

TEST_F(Terms, AWindowThatIsRoundedUpIsTheWindowThatWasAskedFor) {
  VirtualNet& net = Begin({});
  Set({}, 1000);
  net.Run(5s);
  const uint64_t made = net.node(0).initiations() + net.node(1).initiations();
  net.Run(60s);
  EXPECT_EQ(net.node(0).initiations() + net.node(1).initiations(), made);
}

TEST_F(Terms, ARekeyThatWasAnHourAwayComesNow) {
  VirtualNet& net = Begin(Slow());
  net.Run(30s);
  const std::weak_ptr<wire::Session> before = net.Peer(0, 1).session;
  Set(Quick());
  ASSERT_TRUE(net.RunUntil([&] { return net.Peer(0, 1).session != before.lock(); }, 500ms));
  EXPECT_FALSE(before.expired()) << "what is on the way still arrives";
  net.Run(1s);
  EXPECT_EQ(LifetimeOf(0), 6s);
  // A shorter lifetime counts from the change.
  net.Run(5500ms);
  EXPECT_TRUE(before.expired());
  const auto next = net.Peer(0, 1).session;
  EXPECT_TRUE(net.RunUntil([&] { return net.Peer(0, 1).session != next; }, 3s));
}

TEST_F(Terms, RekeyAfterAloneNeedsNoOtherSessionThanTheOneThatIsDue) {
  VirtualNet& net = Begin({});
  net.Run(30s);
  const auto before = net.Peer(0, 1).session;
  Timers sooner;
  sooner.rekey_after = 60s;
  Set(sooner);
  net.Run(25s);
  EXPECT_EQ(net.Peer(0, 1).session, before);
  net.Run(10s);
  EXPECT_NE(net.Peer(0, 1).session, before);
}

// The keys of before die as they were made to, so that what comes after them has to be there.
TEST_F(Terms, ALongerLifetimeLeavesNoGap) {
  VirtualNet& net = Begin(Quick());
  Set(Slow());
  for (int i = 0; i < 400; ++i) Talk(50ms);
  ExpectNothingLost();
  EXPECT_EQ(LifetimeOf(0), 90min);
  EXPECT_EQ(LifetimeOf(1), 90min);
  EXPECT_TRUE(net.Connected(0, 1));
}

// Only one end is told; the other one has sessions of its own lifetime.
TEST_F(Terms, OneEndAlone) {
  Begin(Slow());
  Set(1, Quick());
  for (int i = 0; i < 400; ++i) Talk(50ms);
  Set(1, Slow());
  for (int i = 0; i < 400; ++i) Talk(50ms);
  ExpectNothingLost();
  EXPECT_EQ(LifetimeOf(0), 90min);
  EXPECT_EQ(LifetimeOf(1), 90min);
}

// Nobody answers, so that the session of before has to end by itself.
TEST_F(Terms, ALifetimeThatIsShortenedTwiceEndsWhenTheFirstOneSaid) {
  VirtualNet& net = Begin(Slow());
  net.Filter([](const Seen& seen) { return seen.type() == 1; });
  Timers shorter = Quick();
  shorter.session_lifetime = 10s;
  Set(0, shorter);
  net.Run(8s);
  ASSERT_NE(net.Peer(0, 1).session, nullptr);
  shorter.session_lifetime = 9s;
  Set(0, shorter);
  net.Run(1s);
  EXPECT_NE(net.Peer(0, 1).session, nullptr);
  net.Run(2s);
  EXPECT_EQ(net.Peer(0, 1).session, nullptr);
}

TEST_F(Terms, ALifetimeThatIsTakenBackEndsNothing) {
  VirtualNet& net = Begin(Slow());
  const auto before = net.Peer(0, 1).session;
  // Nobody answers meanwhile, so that no other session takes the place of the one that there is.
  net.Filter([](const Seen& seen) { return seen.type() == 1; });
  Set(Quick());
  net.Run(3s);
  Set(Slow());
  for (int i = 0; i < 400; ++i) Talk(50ms);
  EXPECT_EQ(net.Peer(0, 1).session, before);
  ExpectNothingLost();
}

TEST_F(Terms, TheSessionOfAHandshakeThatIsUnderWayIsByTheNewTerms) {
  VirtualNet& net = Begin(Slow());
  net.DelayBoth(0, 0, 1, 0, 300ms);
  net.DelayBoth(0, 1, 1, 1, 300ms);
  net.DelayBoth(0, 0, 1, 1, 300ms);
  net.DelayBoth(0, 1, 1, 0, 300ms);
  for (const Duration into : {100ms, 400ms, 700ms, 1000ms, 1300ms}) {
    Set({}, 8192);
    net.Run(into);
    Set(Slow(), 4096);
    for (int i = 0; i < 100; ++i) Talk(50ms);
    EXPECT_EQ(WindowOf(0), 4096u) << into.count();
    EXPECT_EQ(WindowOf(1), 4096u) << into.count();
    EXPECT_EQ(LifetimeOf(0), 90min);
  }
  ExpectNothingLost();
}

TEST_F(Terms, RapidChangesLoseNothingAndEndInOneSession) {
  VirtualNet& net = Begin({});
  net.Jitter(20ms);
  for (int i = 0; i < 300; ++i) {
    Set(i % 2, i % 3 == 0 ? Quick() : Slow(), i % 2 == 0 ? 1024 : 4096);
    Talk(33ms);
    EXPECT_LE(net.node(0).sessions().taken(), 24u);
  }
  Set({}, 2048);
  for (int i = 0; i < 100; ++i) Talk(33ms);
  ExpectNothingLost();
  EXPECT_EQ(WindowOf(0), 2048u);
  EXPECT_EQ(WindowOf(1), 2048u);
  const uint64_t made = net.node(0).initiations() + net.node(1).initiations();
  EXPECT_LT(made, 120u) << "a change costs a handshake at most, and not each one does";
  net.Run(60s);
  EXPECT_EQ(net.node(0).initiations() + net.node(1).initiations(), made);
}

TEST_F(Terms, AnyTimersAfterAnyOthersLoseNothing) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::mt19937_64 random(seed);
    const auto between = [&](int64_t shortest, int64_t longest) {
      return Duration(std::chrono::milliseconds(
          std::uniform_int_distribution<int64_t>(shortest, longest)(random)));
    };
    VirtualNet& net = Begin({});
    net.Jitter(10ms);
    sent_.clear();
    for (int change = 0; change < 40; ++change) {
      Timers timers;
      timers.rekey_after = between(800, change % 2 == 0 ? 3'000 : 3'000'000);
      timers.rekey_after_responder = timers.rekey_after + between(100, 1'000);
      timers.session_lifetime = timers.rekey_after_responder + between(1'000, 100'000);
      timers.session_silence = between(500, 60'000);
      timers.handshake_retry = between(50, 1'000);
      timers.handshake_retry_max = timers.handshake_retry + between(50, 60'000);
      timers.probe_interval = between(10, change % 3 == 0 ? 100 : 10'000);
      timers.path_lost_after = timers.probe_interval + between(500, 40'000);
      Set(change % 2, timers, size_t{1024} << (change % 4));
      for (int i = 0; i < 30; ++i) Talk(40ms);
    }
    ExpectNothingLost();
    EXPECT_EQ(net.CarryingPaths(0, 1), 4u) << seed;
  }
}

// The shortest and the longest that a file may say, by turns, at one end before the other. The shortest are shorter
// than handshakes may be, so that there is no session at times; what was there first has one again soon.
TEST_F(Terms, FromOneLimitToTheOtherAndBack) {
  Timers shortest, longest;
#define WARP_LIMITS(name, standard, least, most, why) \
  shortest.name = std::chrono::milliseconds(least);   \
  longest.name = std::chrono::milliseconds(most);
  WARP_TIMERS(WARP_LIMITS)
#undef WARP_LIMITS
  shortest.rekey_after_responder += 1ms;
  shortest.handshake_retry_max += 1ms;
  longest.rekey_after -= 2ms;
  longest.rekey_after_responder -= 1ms;
  longest.path_lost_after = 60s;
  VirtualNet& net = Begin({});
  for (int change = 0; change < 40; ++change) {
    for (const int n : {change % 2, 1 - change % 2}) {
      Set(n, change % 4 < 2 ? shortest : longest, change % 3 == 0 ? 64 : 4096);
      for (int i = 0; i < 10; ++i) {
        net.Send(0, 1, "perhaps");
        net.Send(1, 0, "perhaps");
        net.Run(20ms);
      }
    }
    for (const int n : {0, 1}) EXPECT_LE(net.node(n).sessions().taken(), 24u) << change;
  }
  Set({});
  const auto settled = [&] {
    return net.Connected(0, 1) && net.Connected(1, 0) && LifetimeOf(0) == 180s &&
           LifetimeOf(1) == 180s;
  };
  ASSERT_TRUE(net.RunUntil(settled, 10s));
  net.Run(10s);
  for (const int n : {0, 1}) net.TakeReceived(n);
  for (int i = 0; i < 100; ++i) Talk(50ms);
  ExpectNothingLost();
  EXPECT_EQ(net.CarryingPaths(0, 1), 4u);
  EXPECT_EQ(LifetimeOf(0), 180s);
  const uint64_t made = net.node(0).initiations() + net.node(1).initiations();
  net.Run(60s);
  EXPECT_EQ(net.node(0).initiations() + net.node(1).initiations(), made);
}

// --- Timers that are armed. ---

TEST_F(Terms, ShorterSilenceCountsFromTheProbeThatNobodyAnswered) {
  Timers timers;
  timers.session_silence = 60s;
  VirtualNet& net = Begin(timers);
  for (const int port : {0, 1}) net.Cut(0, port);
  net.Run(10s);
  ASSERT_TRUE(net.Connected(0, 1));
  const uint64_t made = net.node(0).initiations();
  timers.session_silence = 1s;
  Set(0, timers);
  net.Run(100ms);
  EXPECT_FALSE(net.Connected(0, 1));
  EXPECT_GT(net.node(0).initiations(), made);
}

TEST_F(Terms, LongerSilenceBringsNobodyBackWhoIsSilentAlready) {
  Timers timers;
  timers.session_silence = 1s;
  VirtualNet& net = Begin(timers);
  for (const int port : {0, 1}) net.Cut(0, port);
  net.Run(5s);
  ASSERT_FALSE(net.Connected(0, 1));
  timers.session_silence = 60s;
  Set(0, timers);
  net.Run(1s);
  EXPECT_FALSE(net.Connected(0, 1));
  for (const int port : {0, 1}) net.Restore(0, port);
  EXPECT_TRUE(net.RunUntil([&] { return net.Connected(0, 1); }, 5s));
}

TEST_F(Terms, AHandshakeThatHasMinutesToWaitGoesOutSoon) {
  Timers timers;
  timers.handshake_attempt = 10h;
  timers.handshake_retry = 60s;
  timers.handshake_retry_max = 600s;
  net_ = std::make_unique<VirtualNet>(NetOptions{.timers = timers});
  net_->AddPeer(0, 1);
  net_->AddPeer(1, 0, /*endpoints=*/false);
  net_->Cut(0, 0);
  net_->Run(20min);
  net_->Restore(0, 0);
  net_->Run(2s);
  ASSERT_FALSE(net_->Connected(0, 1));
  timers.handshake_retry = 250ms;
  timers.handshake_retry_max = 1s;
  Set(timers);
  EXPECT_TRUE(net_->RunUntil([&] { return net_->Connected(0, 1); }, 1s));
}

TEST_F(Terms, APeerThatSaidCloseIsGreetedSooner) {
  Timers timers;
  timers.handshake_retry = 60s;
  timers.handshake_retry_max = 600s;
  net_ = std::make_unique<VirtualNet>(NetOptions{.timers = timers});
  net_->AddPeer(0, 1);
  net_->AddPeer(1, 0, /*endpoints=*/false);
  net_->Run(2s);
  net_->node(1).Shutdown(net_->now());
  net_->Run(1s);
  net_->Restart(1);
  net_->Run(60s);
  ASSERT_FALSE(net_->Connected(0, 1));
  timers.handshake_retry = 250ms;
  timers.handshake_retry_max = 1s;
  Set(0, timers);
  EXPECT_TRUE(net_->RunUntil([&] { return net_->Connected(0, 1); }, 2s));
}

TEST_F(Terms, ProbesThatWereSecondsAwayComeByTheNewInterval) {
  Timers timers;
  timers.probe_interval = 10s;
  timers.path_lost_after = 60s;
  VirtualNet& net = Begin(timers, {1, 1});
  net.Talk(0, 1);
  net.Run(15s);
  const auto probes = [&](Duration time) {
    net.Record(true);
    net.TakeSeen();
    net.Run(time);
    size_t count = 0;
    for (const Seen& seen : net.TakeSeen()) count += seen.from_node == 0 && IsProbe(seen);
    return count;
  };
  EXPECT_LE(probes(5s), 3u);
  timers.probe_interval = 100ms;
  Set(0, timers);
  EXPECT_GE(probes(1s), 7u);
  timers.probe_interval = 10s;
  Set(0, timers);
  net.Run(1s);
  EXPECT_LE(probes(5s), 3u);
}

TEST_F(Terms, APathThatMayBeLostForAMinuteIsLostNow) {
  Timers timers;
  timers.path_lost_after = 60s;
  VirtualNet& net = Begin(timers);
  net.Talk(0, 1);
  net.Run(3s);
  net.Cut(0, 0);
  net.Run(5s);
  ASSERT_EQ(net.ActivePaths(0, 1), 4u);
  timers.path_lost_after = 1s;
  Set(0, timers);
  net.Run(50ms);
  EXPECT_EQ(net.ActivePaths(0, 1), 2u);
}

TEST_F(Terms, ALostPathIsLookedAtSoonerAndComesBack) {
  Timers timers;
  timers.probe_interval = 10s;
  timers.path_lost_after = 20s;
  VirtualNet& net = Begin(timers);
  net.PortDown(0, 0);
  net.Cut(0, 0);
  net.PortUp(0, 0);
  net.Run(30s);
  ASSERT_EQ(net.ActivePaths(0, 1), 2u);
  net.Restore(0, 0);
  timers.probe_interval = 200ms;
  Set(0, timers);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(0, 1) == 4; }, 300ms));
}

// One call does not do the work of all peers at once.
TEST_F(Terms, ManyPeersFollowInManyTurns) {
  net_ = std::make_unique<VirtualNet>(NetOptions{.ports = std::vector<int>(100, 1)});
  for (int n = 1; n < 100; ++n) net_->Introduce(0, n);
  net_->Run(10s);
  const uint64_t made = net_->node(0).initiations();
  Set(0, {}, 4096);
  net_->node(0).HandleTimeout(net_->now());
  EXPECT_LE(net_->node(0).initiations(), made + 1);
  net_->Run(5s);
  for (int n = 1; n < 100; ++n) EXPECT_EQ(net_->Peer(0, n).session->window().size(), 4096u) << n;
}

}  // namespace
}  // namespace warp::protocol
