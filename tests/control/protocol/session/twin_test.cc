// Two nodes with one key are named; one node is not taken for two, whatever links it has and wherever it goes.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "control/protocol/session/twin_watch.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

// --- The watch alone: what was heard, when, in which session, from where. ---

const wire::IpAddress kA = wire::IpAddress::V4({10, 1, 0, 2});
const wire::IpAddress kA2 = wire::IpAddress::V4({10, 2, 0, 2});
const wire::IpAddress kC = wire::IpAddress::V4({10, 3, 0, 2});

struct Heard {
  int at_ms;
  uint64_t order;
  wire::IpAddress from;
};

// How often twins were seen anew.
int Accusations(const std::vector<Heard>& story) {
  TwinWatch watch;
  int count = 0;
  for (const Heard& heard : story) {
    count += watch.Note(Instant(std::chrono::hours(1)) + std::chrono::milliseconds(heard.at_ms),
                        heard.order, heard.from);
  }
  return count;
}

TEST(TwinWatch, NamesTwoWhoEndEachOthersSessions) {
  const std::vector<Heard> story = {{0, 1, kA},    {500, 2, kC},  {600, 1, kA},  {1500, 3, kA},
                                    {1600, 2, kC}, {2400, 3, kA}, {2500, 3, kA}, {2600, 3, kA}};
  EXPECT_EQ(Accusations(story), 1);
  TwinWatch watch;
  for (const Heard& heard : story) {
    watch.Note(Instant(std::chrono::milliseconds(heard.at_ms)), heard.order, heard.from);
  }
  EXPECT_EQ(watch.twins(), (std::vector{kA, kC}));
}

TEST(TwinWatch, SaysSoOnceAndAgainAfterAPause) {
  std::vector<Heard> story;
  uint64_t order = 0;
  const auto quarrel = [&](int from_ms, int to_ms) {
    for (int ms = from_ms; ms < to_ms; ms += 1000) {
      ++order;
      for (int i = 0; i < 15; ++i) story.push_back({ms + 100 * i, order, order % 2 ? kA : kC});
    }
    std::stable_sort(story.begin(), story.end(),
                     [](const Heard& a, const Heard& b) { return a.at_ms < b.at_ms; });
  };
  quarrel(0, 100'000);
  EXPECT_EQ(Accusations(story), 1);
  quarrel(200'000, 220'000);
  EXPECT_EQ(Accusations(story), 2);
}

TEST(TwinWatch, OneNodeThatMovesOrHasManyLinksIsOne) {
  // Three restarts in three places, nothing of an older life heard after them.
  EXPECT_EQ(
      Accusations(
          {{0, 1, kA}, {900, 1, kA}, {1000, 2, kC}, {1900, 2, kC}, {2000, 3, kA}, {4000, 3, kA}}),
      0);
  // It goes to and fro within one session.
  EXPECT_EQ(Accusations({{0, 1, kA}, {500, 1, kC}, {1000, 1, kA}, {1500, 1, kC}, {4000, 1, kA}}),
            0);
  // Two links, one of them 300 ms slower: what was said before a session began arrives after it, over the other link.
  std::vector<Heard> slow;
  for (int session = 1; session <= 6; ++session) {
    const int begin = session * 1000;
    for (int at = begin; at < begin + 1000; at += 100) {
      slow.push_back({at, static_cast<uint64_t>(session), kA});
      slow.push_back({at + 300, static_cast<uint64_t>(session), kA2});
    }
  }
  std::stable_sort(slow.begin(), slow.end(),
                   [](const Heard& a, const Heard& b) { return a.at_ms < b.at_ms; });
  EXPECT_EQ(Accusations(slow), 0);
  // Sessions of a map's kind, which nobody knows.
  EXPECT_EQ(Accusations({{0, 0, kA}, {500, 0, kC}, {600, 0, kA}, {2600, 0, kC}}), 0);
}

// --- Whole nodes. ---

bool Accused(VirtualNet& net, int a, int b) { return !net.Peer(a, b).twins.empty(); }

void ExpectCloneNamed(bool talks, int ports, bool known) {
  VirtualNet net({.ports = {1, ports, ports}});
  net.Clone(2, 1);
  net.AddPeer(0, 1, /*endpoints=*/known);
  net.AddPeer(1, 0);
  if (talks) net.Talk(0, 1);
  net.Run(5s);
  ASSERT_TRUE(net.Connected(0, 1));
  EXPECT_FALSE(Accused(net, 0, 1));
  net.AddPeer(2, 0);
  ASSERT_TRUE(net.RunUntil([&] { return Accused(net, 0, 1); }, talks ? 10s : 60s));
  const PeerStatus status = net.Peer(0, 1);
  ASSERT_EQ(status.twins.size(), 2u);
  EXPECT_EQ(status.twins[0].ToString().substr(0, 5), "10.1.");
  EXPECT_EQ(status.twins[1].ToString().substr(0, 5), "10.2.");
  EXPECT_TRUE(net.Peer(1, 0).twins.empty());  // who has the key cannot tell
}

TEST(Twins, ACloneIsNamed) {
  for (const bool talks : {false, true}) {
    for (const int ports : {1, 2}) {
      for (const bool known : {false, true}) {
        SCOPED_TRACE(::testing::Message() << talks << " " << ports << " " << known);
        ExpectCloneNamed(talks, ports, known);
      }
    }
  }
}

// Rekeys in each second make up for hours of ordinary life.
TEST(Twins, ANodeWithUnevenLinksIsNotAccused) {
  Timers timers;
  timers.rekey_after = 1s;
  timers.rekey_after_responder = 1100ms;
  timers.session_lifetime = 2s;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    VirtualNet net({.ports = {1, 3}, .timers = timers, .seed = seed});
    net.DelayBoth(0, 0, 1, 1, 150ms);
    net.DelayBoth(0, 0, 1, 2, 400ms);
    net.Jitter(30ms);
    net.Loss(0.1);
    net.Introduce(0, 1);
    net.Talk(0, 1);
    for (int i = 0; i < 60; ++i) {
      net.Cut(1, i % 3);
      net.Run(700ms);
      net.Restore(1, i % 3);
      if (i % 7 == 0) net.Restart(1);
      net.Run(300ms);
      ASSERT_FALSE(Accused(net, 0, 1)) << seed << " " << i;
    }
  }
}

TEST(Twins, ANodeThatRoamsIsNotAccused) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    VirtualNet net({.ports = {1, 1}, .seed = seed});
    net.DelayBoth(0, 0, 1, 0, 100ms);
    net.AddPeer(0, 1, /*endpoints=*/false);
    net.AddPeer(1, 0);
    net.Talk(0, 1);
    for (uint8_t i = 0; i < 60; ++i) {
      net.Nat(1, 0, {wire::IpAddress::V4({192, 0, 2, static_cast<uint8_t>(1 + i % 2)}), 4000});
      if (i % 3 == 0) net.Restart(1);
      net.Run(std::chrono::milliseconds(400 + 30 * i));
      ASSERT_FALSE(Accused(net, 0, 1)) << seed << " " << int{i};
    }
  }
}

}  // namespace
}  // namespace warp::protocol
