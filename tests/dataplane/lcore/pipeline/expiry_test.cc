// Keys end at the time that their session names, by the workers alone: control publishes once and is not heard of
// again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "dataplane/os/boot_clock.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using wire::Drop;
using wire::Instant;

// The two ends of one session, of which only one has an end.
SessionPair Ending(Instant a, Instant b) {
  constexpr auto kCipher = wire::Cipher::kChaCha20Poly1305;
  return {.a = MakeSessions(9, kCipher, 2048, a).a, .b = MakeSessions(9, kCipher, 2048, b).b};
}

void Use(Network& net, const SessionPair& sessions) {
  net.a().SetSendSession(sessions.a);
  net.a().AddReceiveSession(sessions.a);
  net.b().AddReceiveSession(sessions.b);
  net.a().Publish();
  net.b().Publish();
}

// Passes time that no table tells of, a little more than is needed, since the counter's frequency is not exact.
void PassBy(Instant end) {
  while (os::Now() < end + milliseconds(1)) {
  }
}

TEST(Expiry, LivingKeysAreUsed) {
  Network net({.ports = 1}, {.ports = 1});
  const Instant end = os::Now() + hours(1);
  Use(net, Ending(end, end));
  net.a().Send("alive");
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("alive"));
  EXPECT_EQ(net.a().Drops(Drop::kSessionExpired) + net.b().Drops(Drop::kSessionExpired), 0u);
}

TEST(Expiry, NothingIsOpenedAfterTheEnd) {
  Network net({.ports = 1}, {.ports = 1});
  const Instant end = os::Now() + milliseconds(2);
  const SessionPair sessions = Ending(wire::kNever, end);
  Use(net, sessions);
  PassBy(end);
  net.a().Send(std::vector<std::string>{"one", "two", "three"});
  net.Settle();
  EXPECT_THAT(net.b().Received(), IsEmpty());
  EXPECT_EQ(net.b().Drops(Drop::kSessionExpired), 3u);
  EXPECT_EQ(net.b().BuffersInUse(), 0u);
  // Nothing of it was claimed.
  EXPECT_EQ(sessions.b->window().Look(0), wire::ReplayWindow::Verdict::kNew);
}

TEST(Expiry, NothingIsSealedAfterTheEnd) {
  Network net({.ports = 1}, {.ports = 1});
  const Instant end = os::Now() + milliseconds(2);
  const SessionPair sessions = Ending(end, wire::kNever);
  Use(net, sessions);
  PassBy(end);
  net.a().Send("lost");
  ASSERT_TRUE(net.a().SendTracked("comes back", 1, 1));
  net.Settle();
  EXPECT_THAT(net.b().Received(), IsEmpty());
  EXPECT_EQ(sessions.a->sent(), 0u);
  EXPECT_EQ(net.a().Drops(Drop::kSessionExpired), 1u);
  std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_FALSE(completions[0].taken);
  EXPECT_EQ(completions[0].reason, Drop::kSessionExpired);
  EXPECT_TRUE(completions[0].plaintext);
  completions.clear();
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

// A fragment's counter was reserved by control, under a session that it names.
TEST(Expiry, ReservedCountersAreNotSealedAfterTheEnd) {
  Network net({.ports = 1}, {.ports = 1});
  const Instant end = os::Now() + milliseconds(2);
  const SessionPair sessions = Ending(end, wire::kNever);
  Use(net, sessions);
  Plaintext packet = net.a().plane().AllocatePlaintext();
  packet.Append(100);
  const SendRequest request = {.peer = Node::kPeer,
                               .completion = true,
                               .counter_reserved = true,
                               .session_index = sessions.a->local_index(),
                               .counter = *sessions.a->ReserveCounters(1)};
  net.a().plane().Submit(0, {&packet, 1}, {&request, 1});
  PassBy(end);
  net.Settle();
  EXPECT_THAT(net.b().Received(), IsEmpty());
  std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].reason, Drop::kSessionExpired);
}

// Keys that ended do not stop others, in the same burst and order.
TEST(Expiry, OtherSessionsOfTheBurstGoOn) {
  Network net({.ports = 1}, {.ports = 1});
  const Instant end = os::Now() + milliseconds(2);
  const SessionPair ending = Ending(wire::kNever, end);
  const auto turn_to = [&](const std::shared_ptr<wire::Session>& session) {
    net.a().SetSendSession(session);
    net.a().Publish();
    net.a().Send(session == ending.a ? "dead" : "alive");
    net.a().Turn();
  };
  Use(net, ending);
  PassBy(end);
  for (int i = 0; i < 3; ++i) {
    turn_to(net.sessions().a);
    turn_to(ending.a);
  }
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre("alive", "alive", "alive"));
  EXPECT_EQ(net.b().Drops(Drop::kSessionExpired), 3u);
}

}  // namespace
}  // namespace warp::lcore
