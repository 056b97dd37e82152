// Tests of the small parts that the state machines are made of.
#include <gtest/gtest.h>

#include <set>

#include "control/protocol/handshake/cookie.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/session_table.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/path_set.h"
#include "control/protocol/timer_table.h"
#include "control/protocol/token_bucket.h"
#include "dataplane/wire/handshake/handshake_message.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;
using wire::Endpoint;
using wire::IpAddress;

constexpr Instant kStart{1000s};

TEST(TokenBucket, GivesABurstThenItsRate) {
  TokenBucket bucket(5, 10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Take(kStart + 99ms));
  EXPECT_TRUE(bucket.Take(kStart + 100ms));
  EXPECT_FALSE(bucket.Take(kStart + 199ms)) << "fractions are kept";
  EXPECT_TRUE(bucket.Take(kStart + 200ms));
  EXPECT_EQ(bucket.Level(kStart + 450ms), 2u);
  EXPECT_EQ(bucket.Level(kStart + 1h), 5u) << "never more than the burst";
  EXPECT_FALSE(bucket.Take(kStart)) << "time that goes back gives nothing";
}

// --- Timers. ---

enum class Timer : uint8_t { kFirst, kSecond, kThird, kCount };

TEST(TimerTable, GivesEachTimerThatIsDueOnceInTheEnumsOrder) {
  TimerTable<Timer> timers;
  EXPECT_EQ(timers.Next(), kNever);
  EXPECT_EQ(timers.TakeDue(kStart), std::nullopt);
  timers.Set(Timer::kThird, kStart + 1s);
  timers.Set(Timer::kFirst, kStart + 2s);
  timers.Set(Timer::kSecond, kStart + 3s);
  EXPECT_EQ(timers.Next(), kStart + 1s);
  EXPECT_EQ(timers.TakeDue(kStart + 1s - 1ns), std::nullopt);
  EXPECT_EQ(timers.TakeDue(kStart + 2s), Timer::kFirst) << "not the one that was due first";
  EXPECT_EQ(timers.TakeDue(kStart + 2s), Timer::kThird);
  EXPECT_EQ(timers.TakeDue(kStart + 2s), std::nullopt) << "each goes off once";
  EXPECT_EQ(timers.Next(), kStart + 3s);
  EXPECT_FALSE(timers.Runs(Timer::kFirst));
  EXPECT_TRUE(timers.Runs(Timer::kSecond));
  timers.Stop(Timer::kSecond);
  EXPECT_EQ(timers.TakeDue(kStart + 1h), std::nullopt);
  EXPECT_EQ(timers.TakeDue(kNever), std::nullopt) << "a stopped timer is never due";
}

TEST(TimerTable, MovesATimerOneWayOnly) {
  TimerTable<Timer> timers;
  timers.PutOff(Timer::kFirst, kStart);
  EXPECT_FALSE(timers.Runs(Timer::kFirst)) << "what is stopped is not put off";
  timers.Hasten(Timer::kFirst, kStart + 2s);
  EXPECT_EQ(timers.At(Timer::kFirst), kStart + 2s);
  timers.Hasten(Timer::kFirst, kStart + 3s);
  EXPECT_EQ(timers.At(Timer::kFirst), kStart + 2s);
  timers.PutOff(Timer::kFirst, kStart + 1s);
  EXPECT_EQ(timers.At(Timer::kFirst), kStart + 2s);
  timers.PutOff(Timer::kFirst, kStart + 4s);
  EXPECT_EQ(timers.At(Timer::kFirst), kStart + 4s);
  timers.StopAll();
  EXPECT_EQ(timers.Next(), kNever);
}

class SessionTableTest : public testing::Test {
 protected:
  Association* Owner(size_t i) { return reinterpret_cast<Association*>(&owners_[i]); }
  SessionTableTest() { EXPECT_TRUE(wire::InitCrypto().ok()); }
  int64_t owners_[1000] = {};
};

TEST_F(SessionTableTest, IndicesStayTheirOwnersWhileItGrows) {
  SessionTable table(4096);
  std::vector<uint32_t> indices;
  for (size_t i = 0; i < 1000; ++i) indices.push_back(*table.Reserve(Owner(i)));
  EXPECT_EQ(table.taken(), 1000u);
  std::set<uint32_t> slots;
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(table.Find(indices[i]), Owner(i));
    EXPECT_EQ(table.Find(indices[i] ^ 0x80000000), nullptr) << "the high bits count";
    slots.insert(indices[i] & static_cast<uint32_t>(table.slots() - 1));
  }
  EXPECT_EQ(slots.size(), 1000u);
  for (const uint32_t index : indices) table.Release(index);
  EXPECT_EQ(table.taken(), 0u);
  EXPECT_EQ(table.Find(indices[0]), nullptr);
  EXPECT_EQ(table.Find(0), nullptr);
}

TEST_F(SessionTableTest, FullMeansHalfFull) {
  SessionTable table(64);
  for (size_t i = 0; i < 32; ++i) ASSERT_TRUE(table.Reserve(Owner(i)).has_value());
  EXPECT_EQ(table.Reserve(Owner(32)), std::nullopt);
  const uint32_t unknown = 12345;
  table.Release(unknown);
  EXPECT_EQ(table.taken(), 32u);
}

// --- Cookies. ---

class CookieTest : public testing::Test {
 protected:
  CookieTest() {
    EXPECT_TRUE(wire::InitCrypto().ok());
    datagram_ = wire::EncodeInitiation({.sender_index = 7, .noise = std::vector<uint8_t>(160, 1)});
    wire::WriteMacs(wire::Mac1Key(key_), nullptr, datagram_);
  }
  // Returns the initiation again, now with the cookie that the reply contains.
  std::vector<uint8_t> WithCookie(const std::vector<uint8_t>& reply) {
    const auto cookie = wire::OpenCookieReply(reply, wire::DecodeCookieRequest(datagram_)->mac1,
                                              wire::CookieSealKey(key_));
    EXPECT_TRUE(cookie.has_value());
    std::vector<uint8_t> again = datagram_;
    wire::WriteMacs(wire::Mac1Key(key_), &*cookie, again);
    return again;
  }
  const wire::PublicKey key_ = wire::SecretKey::Generate().Public();
  CookieMaker maker_{120s};
  const Arrival here_{0, *Endpoint::Parse("192.0.2.1:1000"), IpAddress::V4({192, 0, 2, 2})};
  std::vector<uint8_t> datagram_;
};

TEST_F(CookieTest, IsGoodForItsSourceAloneAndNotForEver) {
  EXPECT_FALSE(maker_.Verify(kStart, here_, datagram_));
  const std::vector<uint8_t> again =
      WithCookie(maker_.Reply(kStart, here_, datagram_, wire::CookieSealKey(key_)));
  EXPECT_TRUE(maker_.Verify(kStart, here_, again));
  Arrival elsewhere = here_;
  elsewhere.from.port = 1001;
  EXPECT_FALSE(maker_.Verify(kStart, elsewhere, again));
  EXPECT_TRUE(maker_.Verify(kStart + 119s, here_, again));
  EXPECT_TRUE(maker_.Verify(kStart + 130s, here_, again)) << "the secret before";
  EXPECT_FALSE(maker_.Verify(kStart + 260s, here_, again));
}

TEST_F(CookieTest, DoesNotOutliveItsSecretsOnAQuietNode) {
  const std::vector<uint8_t> again =
      WithCookie(maker_.Reply(kStart, here_, datagram_, wire::CookieSealKey(key_)));
  EXPECT_FALSE(maker_.Verify(kStart + 241s, here_, again));
}

TEST_F(CookieTest, JarKeepsOneForEachRouteForAWhile) {
  CookieJar jar(120s);
  const Route route{1, here_.from};
  jar.Store(kStart, route, {1});
  ASSERT_NE(jar.Find(kStart + 119s, route), nullptr);
  EXPECT_EQ(*jar.Find(kStart + 119s, route), wire::Cookie{1});
  EXPECT_EQ(jar.Find(kStart + 120s, route), nullptr);
  EXPECT_EQ(jar.Find(kStart, {2, here_.from}), nullptr);
  for (uint16_t i = 0; i < 2000; ++i) jar.Store(kStart, {i, here_.from}, {2});
  EXPECT_NE(jar.Find(kStart, {1999, here_.from}), nullptr);
}

// --- Endpoints and paths. ---

Endpoint At(int last, uint16_t port = 13116) {
  return {IpAddress::V4({192, 0, 2, static_cast<uint8_t>(last)}), port};
}

EndpointBook::Use Unused(const Endpoint&) { return EndpointBook::Use::kIdle; }

TEST(EndpointBook, SourcesDoNotDisturbEachOther) {
  EndpointBook book;
  const auto idle = [](const Endpoint&) { return false; };
  const std::vector<Endpoint> first = {At(1), At(2), At(1)};
  const std::vector<Endpoint> second = {At(2), At(3)};
  book.Replace(kStart, EndpointSource::kConfig, 0, first, idle);
  book.Replace(kStart, EndpointSource::kMap, 0, second, idle);
  book.Replace(kStart, EndpointSource::kMap, 1, first, idle);
  EXPECT_EQ(book.All().size(), 3u);
  book.Replace(kStart, EndpointSource::kMap, 0, {}, idle);
  EXPECT_EQ(book.All().size(), 2u);
  EXPECT_EQ(book.Count(EndpointSource::kConfig), 2u);
  EXPECT_FALSE(book.Learn(kStart, {0, At(1)}, {}, 0, Unused)) << "known from others";
  EXPECT_TRUE(book.Learn(kStart, {0, At(9)}, {}, 0, Unused));
}

TEST(EndpointBook, SixteenOfEachSourceAndTheActiveOnesStay) {
  EndpointBook book;
  const auto active = [](const Endpoint& endpoint) { return endpoint.port < 4; };
  std::vector<Endpoint> many;
  for (uint16_t i = 1; i <= 40; ++i) many.push_back(At(1, i));
  book.Replace(kStart, EndpointSource::kMap, 0, many, active);
  EXPECT_EQ(book.Count(EndpointSource::kMap), 16u);
  book.Replace(kStart, EndpointSource::kMap, 0, {}, active);
  EXPECT_EQ(book.Count(EndpointSource::kMap), 3u);
  EXPECT_TRUE(book.Expire(kStart + 400s, 300s, [](const Endpoint&) { return false; }));
  EXPECT_TRUE(book.All().empty());
}

// Each remote port has few, of which the newest and those that carry payloads stay.
TEST(EndpointBook, LearnedEndpointsBelongToTheirRemotePort) {
  EndpointBook book;
  const auto use = [](const Endpoint& endpoint) {
    return endpoint.port == 1   ? EndpointBook::Use::kCarries
           : endpoint.port == 2 ? EndpointBook::Use::kActive
                                : EndpointBook::Use::kIdle;
  };
  const auto learned = [&](int last) {
    std::set<uint16_t> ports;
    for (const auto& known : book.All()) {
      if (known.endpoint.address == At(last).address) ports.insert(known.endpoint.port);
    }
    return ports;
  };
  for (uint16_t i = 1; i <= 40; ++i) book.Learn(kStart + 1s * i, {0, At(2, i)}, {}, 7, use);
  EXPECT_EQ(learned(2), (std::set<uint16_t>{1, 2, 39, 40}));
  // The oldest of those that are idle goes: a newer probe from it would have made it the newest.
  book.Learn(kStart + 50s, {0, At(2, 39)}, {}, 7, use);
  book.Learn(kStart + 51s, {0, At(2, 41)}, {}, 7, use);
  EXPECT_EQ(learned(2), (std::set<uint16_t>{1, 2, 39, 41}));
  // Another port's take nothing from it, until all together are too many.
  for (uint16_t port = 8; port < 40; ++port) {
    for (uint16_t i = 1; i <= 4; ++i) book.Learn(kStart + 60s, {0, At(port, i)}, {}, port, use);
    EXPECT_LE(book.Count(EndpointSource::kLearned), 16u);
    EXPECT_TRUE(learned(2).contains(1)) << "it carries payloads";
  }
}

// Another machine of the same link-local address may be on another link.
TEST(EndpointBook, ABoundEndpointIsLearnedOnOtherPorts) {
  EndpointBook book;
  const Endpoint local{*IpAddress::Parse("fe80::1"), 13116};
  book.Replace(kStart, EndpointSource::kConfig, /*instance=*/1, {{local}},
               [](const Endpoint&) { return false; });
  EXPECT_TRUE(book.Learn(kStart, {3, local}, {}, 0, Unused));
  EXPECT_TRUE(book.Learn(kStart, {4, local}, {}, 0, Unused));
  PathSet paths;
  PathId next = 0;
  const std::vector<IpAddress> own = {*IpAddress::Parse("fe80::2")};
  const Ports ports = {{3, {.up = true, .addresses = {}, .link_locals = own, .number = 1}},
                       {4, {.up = true, .addresses = {}, .link_locals = own, .number = 2}},
                       {5, {.up = true, .addresses = {}, .link_locals = own, .number = 3}}};
  paths.Reconcile(kStart, ports, book.All(), &next);
  ASSERT_EQ(paths.paths().size(), 2u);
  EXPECT_EQ(paths.paths()[0].route().port, 3);
  EXPECT_FALSE(paths.paths()[0].learned()) << "the configuration tells of it";
  EXPECT_EQ(paths.paths()[1].route().port, 4);
}

TEST(EndpointBook, LearnedLinkLocalBelongsToItsPort) {
  EndpointBook book;
  const Endpoint local{*IpAddress::Parse("fe80::1"), 13116};
  EXPECT_TRUE(book.Learn(kStart, {3, local}, {}, 0, Unused));
  EXPECT_TRUE(book.Learn(kStart, {4, local}, {}, 0, Unused));
  EXPECT_FALSE(book.Learn(kStart, {4, local}, {}, 0, Unused));
  PathSet paths;
  PathId next = 0;
  const Ports ports = {{3, {true, {*IpAddress::Parse("fe80::2")}}},
                       {4, {true, {*IpAddress::Parse("fe80::3")}}},
                       {5, {true, {*IpAddress::Parse("fe80::4")}}}};
  EXPECT_TRUE(paths.Reconcile(kStart, ports, book.All(), &next));
  ASSERT_EQ(paths.paths().size(), 2u);
  EXPECT_EQ(paths.paths()[0].route().port, 3);
  EXPECT_EQ(paths.paths()[1].route().port, 4);
}

TEST(PathSet, ReconcileIsIdempotentAndKeepsIds) {
  PathSet paths;
  PathId next = 0;
  Ports ports = {{0, {true, {IpAddress::V4({10, 0, 0, 1})}}},
                 {2, {true, {IpAddress::V4({10, 0, 2, 1})}}}};
  std::vector<EndpointBook::Known> known = {{At(1), std::nullopt}, {At(2), std::nullopt}};
  EXPECT_TRUE(paths.Reconcile(kStart, ports, known, &next));
  EXPECT_FALSE(paths.Reconcile(kStart, ports, known, &next));
  ASSERT_EQ(paths.paths().size(), 4u);
  const PathId id = paths.Find({2, At(2)})->id();
  known.erase(known.begin());
  ports[1] = {true, {IpAddress::V4({10, 0, 1, 1})}};
  EXPECT_TRUE(paths.Reconcile(kStart, ports, known, &next));
  EXPECT_EQ(paths.Find({2, At(2)})->id(), id);
  EXPECT_EQ(paths.Find({2, At(1)}), nullptr);
  EXPECT_EQ(paths.Find({1, At(2)})->id(), 4u) << "no id is used twice";
  size_t last = 0;
  for (const Path& path : paths.paths()) {
    EXPECT_GE(path.route().port, last) << "by port";
    last = path.route().port;
  }
}

TEST(PathSet, BudgetIsSharedInTurns) {
  PathSet paths;
  PathId next = 0;
  const Ports ports = {{0, {true, {IpAddress::V4({10, 0, 0, 1})}}}};
  std::vector<EndpointBook::Known> known;
  for (int i = 1; i <= 10; ++i) known.push_back({At(i), std::nullopt});
  paths.Reconcile(kStart, ports, known, &next);
  std::set<Route> reached;
  for (int turn = 0; turn < 5; ++turn) {
    int budget = 2;
    const std::vector<Way> ways = paths.AllWays([&] { return budget-- > 0; });
    EXPECT_EQ(ways.size(), 2u);
    for (const Way& way : ways) reached.insert(way.route);
  }
  EXPECT_EQ(reached.size(), 10u) << "each call goes on where the last one ended";
}

TEST(Path, SpeaksOfItsStatesByName) {
  EXPECT_EQ(PathStateName(PathState::kCandidate), "candidate");
  EXPECT_EQ(PathStateName(PathState::kActive), "active");
  EXPECT_EQ(PathStateName(PathState::kLost), "lost");
}

}  // namespace
}  // namespace warp::protocol
