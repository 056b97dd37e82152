#include "dataplane/wire/session/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <thread>

#include "dataplane/wire/message.h"
#include "dataplane/wire/session/opening_hints.h"
#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

class SessionTest : public testing::Test {
 protected:
  static constexpr auto kCipher = Cipher::kChaCha20Poly1305;

  std::vector<uint8_t> Sealed(Session& by, const std::string& text) {
    return by.Seal(now_, *engine_, {reinterpret_cast<const uint8_t*>(text.data()), text.size()})
        .value();
  }
  // Returns the opened text, or the name of the drop in brackets.
  std::string Opened(Session& by, std::vector<uint8_t> datagram) {
    const auto result = by.Open(now_, *engine_, datagram);
    if (const Drop* drop = std::get_if<Drop>(&result)) {
      return "[" + std::string(DropName(*drop)) + "]";
    }
    const auto& opened = std::get<Session::Opened>(result);
    return {opened.plaintext.begin(), opened.plaintext.end()};
  }

  Instant now_{std::chrono::seconds(100)};
  const SymmetricKey a_{CountingBytes(0)};
  const SymmetricKey b_{CountingBytes(100)};
  const std::unique_ptr<AeadEngine> engine_ = MakeEngine(EngineKind::kAuto).value();
  Session alice_{
      {.local_index = 10, .remote_index = 20, .cipher = kCipher, .initiator = true}, a_, b_};
  Session bob_{
      {.local_index = 20, .remote_index = 10, .cipher = kCipher, .window = kMapWindow}, b_, a_};
};

TEST_F(SessionTest, CarriesMessagesBothWays) {
  EXPECT_EQ(Opened(bob_, Sealed(alice_, "hello")), "hello");
  EXPECT_EQ(Opened(alice_, Sealed(bob_, "and you")), "and you");
  EXPECT_EQ(Opened(bob_, Sealed(alice_, "")), "");
  EXPECT_EQ(alice_.sent(), 2u);
  EXPECT_EQ(bob_.sent(), 1u);
}

TEST_F(SessionTest, ExactBytes) {
  Session session({.remote_index = 0x11223344, .cipher = kCipher}, a_, b_);
  ASSERT_EQ(session.ReserveCounters(5), 0u);
  EXPECT_EQ(ToHex(session.Seal(now_, *engine_, FromHex("01000201 68656c6c6f")).value()),
            "01000000443322110500000000000000"
            "2208940b2d402b52e449a1905205ab8e98bfdb7cf5e0606225");
}

// Its keys are not used from that instant on, whoever has not taken it away yet.
TEST_F(SessionTest, SealsAndOpensNothingFromItsEndOn) {
  const Instant end = now_ + std::chrono::seconds(180);
  Session sender({.local_index = 1, .remote_index = 20, .cipher = kCipher, .expires = end}, a_, b_);
  Session receiver({.local_index = 20, .remote_index = 1, .cipher = kCipher, .expires = end}, b_,
                   a_);
  now_ = end - Duration(1);
  const std::vector<uint8_t> last = Sealed(sender, "last");
  const std::vector<uint8_t> late = Sealed(sender, "late");
  EXPECT_EQ(Opened(receiver, last), "last");
  now_ = end;
  EXPECT_FALSE(sender.Seal(now_, *engine_, {}));
  EXPECT_EQ(sender.sent(), 2u);
  EXPECT_EQ(Opened(receiver, late), "[session_expired]");
}

TEST_F(SessionTest, ACopyIsADuplicate) {
  const auto datagram = Sealed(alice_, "once");
  EXPECT_EQ(Opened(bob_, datagram), "once");
  EXPECT_EQ(Opened(bob_, datagram), "[duplicate]");
  EXPECT_EQ(Opened(bob_, Sealed(alice_, "next")), "next");
}

TEST_F(SessionTest, OnlyAuthenticPacketsChangeTheWindow) {
  const auto datagram = Sealed(alice_, "true");
  auto forged = datagram;
  forged[20] ^= 1;
  EXPECT_EQ(Opened(bob_, forged), "[unauthentic]");
  EXPECT_EQ(Opened(bob_, datagram), "true");
}

TEST_F(SessionTest, EachBadDatagramHasItsName) {
  const auto datagram = Sealed(alice_, "x");
  EXPECT_EQ(Opened(bob_, {}), "[unknown_type]");
  EXPECT_EQ(Opened(bob_, {1, 0, 0, 0}), "[truncated]");
  auto bad = datagram;
  bad[2] = 1;
  EXPECT_EQ(Opened(bob_, bad), "[unknown_type]");
  bad = datagram;
  bad[0] = 2;
  EXPECT_EQ(Opened(bob_, bad), "[unknown_type]");
  bad = datagram;
  bad[4] ^= 1;
  EXPECT_EQ(Opened(bob_, bad), "[unknown_session]");
  bad = datagram;
  bad[12] = 0x10;  // a counter of at least 2^36
  EXPECT_EQ(Opened(bob_, bad), "[bad_counter]");
  // The datagram is reflected to its sender.
  EXPECT_EQ(Opened(alice_, datagram), "[unknown_session]");
}

TEST_F(SessionTest, BehindTheWindowIsTooOld) {
  const auto first = Sealed(alice_, "first");
  ASSERT_TRUE(alice_.ReserveCounters(1000));
  EXPECT_EQ(Opened(bob_, Sealed(alice_, "late")), "late");
  // By now the words of Bob's window of 64 hold other blocks. The word of block 0 holds block 30 or 32.
  ASSERT_TRUE(alice_.ReserveCounters(32));
  EXPECT_EQ(Opened(bob_, Sealed(alice_, "later")), "later");
  EXPECT_EQ(Opened(bob_, first), "[too_old]");
}

TEST_F(SessionTest, EndsAtTheCounterLimit) {
  // Counters are reserved in steps of at most 2^32 - 1, up to the limit of 2^36.
  const uint32_t step = 0xffffffff;
  uint64_t next = 0;
  while (next + step <= kCounterLimit) {
    ASSERT_EQ(alice_.ReserveCounters(step), next);
    next += step;
  }
  ASSERT_EQ(alice_.ReserveCounters(static_cast<uint32_t>(kCounterLimit - next)), next);
  EXPECT_FALSE(alice_.ReserveCounters(1));
  EXPECT_FALSE(alice_.Seal(now_, *engine_, {}));
  EXPECT_EQ(alice_.sent(), kCounterLimit);
}

TEST_F(SessionTest, TheLastCounterCanBeSealed) {
  while (alice_.sent() + 0xffffffff < kCounterLimit)
    ASSERT_TRUE(alice_.ReserveCounters(0xffffffff));
  ASSERT_TRUE(alice_.ReserveCounters(static_cast<uint32_t>(kCounterLimit - 1 - alice_.sent())));
  EXPECT_EQ(Opened(bob_, Sealed(alice_, "last")), "last");
  EXPECT_FALSE(alice_.ReserveCounters(1));
}

TEST_F(SessionTest, AReservationPastTheLimitEndsItForGood) {
  while (alice_.sent() + 0xffffffff < kCounterLimit)
    ASSERT_TRUE(alice_.ReserveCounters(0xffffffff));
  EXPECT_FALSE(alice_.ReserveCounters(0xffffffff));
  EXPECT_FALSE(alice_.ReserveCounters(1));
  EXPECT_EQ(alice_.sent(), kCounterLimit);
}

TEST_F(SessionTest, NoCounterIsHandedOutTwice) {
  std::vector<std::vector<uint64_t>> taken(4);
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&] {
      for (uint32_t i = 0; i < 5000; ++i) {
        const uint32_t count = 1 + i % 3;
        const uint64_t first = alice_.ReserveCounters(count).value();
        for (uint32_t k = 0; k < count; ++k) mine.push_back(first + k);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (const auto& mine : taken) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), alice_.sent());
}

TEST_F(SessionTest, OnlyWideWindowsHaveOpeningHints) {
  EXPECT_NE(alice_.opening_hints(), nullptr);
  EXPECT_EQ(bob_.opening_hints(), nullptr);
}

uint32_t Mark(OpeningHints& hints, std::vector<uint64_t> counters) {
  return hints.MarkOpening(counters);
}

TEST(OpeningHints, SayWhoIsAtIt) {
  OpeningHints hints;
  EXPECT_EQ(Mark(hints, {0}), 1u);
  EXPECT_EQ(Mark(hints, {0}), 0u);
  EXPECT_EQ(Mark(hints, {1}), 1u);
}

TEST(OpeningHints, TakeABurstAtOnce) {
  OpeningHints hints;
  EXPECT_EQ(Mark(hints, {31, 32, 33, 30}), 0b1111u);  // two blocks, one of which occurs twice
  // A counter that is marked already belongs to somebody else.
  EXPECT_EQ(Mark(hints, {30, 29, 33, 34, 34}), 0b01010u);
  EXPECT_EQ(Mark(hints, {kCounterLimit - 1}), 1u);
  EXPECT_EQ(Mark(hints, {kCounterLimit - 1}), 0u);
  EXPECT_EQ(Mark(hints, {}), 0u);
}

TEST(OpeningHints, ForgetRatherThanBlock) {
  OpeningHints hints;
  EXPECT_EQ(Mark(hints, {7}), 1u);
  EXPECT_EQ(Mark(hints, {7 + 8192}), 1u);  // falls into the same place
  EXPECT_EQ(Mark(hints, {7}), 1u);         // the first mark is forgotten
}

TEST(OpeningHints, OneOfSeveralThreadsGoesAhead) {
  OpeningHints hints;
  std::atomic<uint32_t> marked{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (uint64_t counter = 0; counter < 4096; counter += 4) {
        marked += static_cast<uint32_t>(
            std::popcount(Mark(hints, {counter, counter + 1, counter + 2, counter + 3})));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(marked, 4096u);
}

}  // namespace
}  // namespace warp::wire
