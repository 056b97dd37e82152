// What the book of feedback makes of what the dataplane says, without a network.
#include "control/protocol/path/feedback_book.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "control/protocol/path/endpoint_book.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;

// Two paths, of ports 0 and 1 of the peer. The test says what comes on them.
class Books {
 public:
  Books() {
    const std::vector<EndpointBook::Known> known = {
        {.endpoint = {wire::IpAddress::V4({192, 0, 2, 1}), 13116}, .port = std::nullopt},
        {.endpoint = {wire::IpAddress::V4({192, 0, 2, 2}), 13116}, .port = std::nullopt}};
    PathId next = 0;
    paths_.Reconcile(now_, {{0, {true, {wire::IpAddress::V4({10, 0, 0, 1})}}}}, known, &next);
    for (uint16_t port = 0; port < 2; ++port) paths_.paths()[port].NoteProbe(port);
    book_.NoteProbe(now_, {1, 1}, /*asks=*/true, /*in_use=*/true);
  }
  void Come(const wire::Session& session, uint64_t counter, PathId path) {
    traffic_[path].received += 1;
    traffic_[path].received_bytes += 1000;
    newest_[path] = {session.local_index(), counter, now_};
    const uint64_t order =
        orders_.try_emplace(session.local_index(), orders_.size() + 1).first->second;
    book_.NotePayload(now_, timers_, session.local_index(), {order, counter});
  }
  // A payload of the session arrives.
  void Deliver(wire::Session& session, uint64_t counter, PathId path) {
    session.window().Claim(counter);
    Come(session, counter, path);
  }
  FeedbackBook::Batch Take(wire::Session& session, wire::Session* before = nullptr) {
    arrivals_.Count(now_, paths_);
    EXPECT_EQ(book_.session(), session.local_index());
    return book_.Take(now_, timers_, &session, before, arrivals_, paths_);
  }
  void Pass(Duration time) { now_ += time; }

 private:
  struct Newest {
    uint32_t session;
    uint64_t counter;
    Instant when;
  };
  Instant now_{1000s};
  std::map<uint32_t, uint64_t> orders_;
  Timers timers_;
  PathSet paths_;
  std::map<PathId, PathTraffic> traffic_;
  std::map<PathId, Newest> newest_;
  ArrivalBook arrivals_{[this](PathId path) { return traffic_[path]; }};
  FeedbackBook book_{[this](PathId path) -> std::optional<NewestArrival> {
    const auto newest = newest_.find(path);
    if (newest == newest_.end()) return std::nullopt;
    return NewestArrival{.counter = static_cast<uint32_t>(newest->second.counter),
                         .session = static_cast<uint8_t>(newest->second.session),
                         .age = now_ - newest->second.when};
  }};
};

wire::Session SessionOf(uint32_t index) {
  return {{.local_index = index}, wire::SymmetricKey(), wire::SymmetricKey()};
}

// The dataplane tells sessions apart by eight bits. A path that died in a session with the same ones says nothing in
// this one: its counter is of the other, and would lead away from all that come now.
TEST(FeedbackBook, APathOfASessionWithTheSameLowBitsSaysNothing) {
  wire::Session before = SessionOf(0x7105);
  wire::Session now = SessionOf(0x0305);
  Books books;
  books.Come(before, 5'000'000, 0);
  books.Come(before, 5'000'001, 1);
  books.Pass(10ms);
  EXPECT_EQ(books.Take(before).messages.at(0).paths.size(), 2u);
  books.Pass(1s);
  for (uint64_t counter = 0; counter < 10; ++counter) {
    books.Come(now, counter, 0);
    books.Pass(50ms);
    const FeedbackBook::Batch batch = books.Take(now);
    ASSERT_EQ(batch.messages.size(), 1u) << counter;
    ASSERT_EQ(batch.messages[0].paths.size(), 1u) << counter;
    EXPECT_EQ(batch.messages[0].paths[0].from, 0);
    EXPECT_EQ(batch.messages[0].base, 0u);
  }
  books.Come(now, 10, 1);
  books.Pass(50ms);
  EXPECT_EQ(books.Take(now).messages.at(0).paths.size(), 2u);
}

// What was under way at a change of keys is told of, though the dataplane knows the newest of the next session alone.
TEST(FeedbackBook, SaysForATimeWhatCameOfTheSessionBefore) {
  wire::Session before = SessionOf(1), now = SessionOf(2);
  Books books;
  for (const uint64_t counter : {0, 1, 2, 4}) books.Deliver(before, counter, 0);
  books.Pass(20ms);
  EXPECT_TRUE(books.Take(before).before.empty());
  for (const uint64_t counter : {5, 7, 8}) books.Deliver(before, counter, 0);
  int times = 0;
  for (uint64_t counter = 0; counter < 40; ++counter) {
    books.Deliver(now, counter, 0);
    if (counter == 1) books.Deliver(before, 9, 1);  // a slower path brings it
    books.Pass(20ms);
    const FeedbackBook::Batch batch = books.Take(now, &before);
    ASSERT_FALSE(batch.messages.empty());
    if (batch.before.empty()) continue;
    ++times;
    ASSERT_EQ(batch.before.size(), 1u);
    EXPECT_TRUE(batch.before[0].paths.empty());
    EXPECT_EQ(batch.before[0].base, 0u);
    EXPECT_EQ(batch.before[0].words, std::vector<uint32_t>{counter > 0 ? 0x3b7u : 0x1b7u});
  }
  EXPECT_GE(times, 10);
  EXPECT_LE(times, 26);
}

// Of handshakes that crossed, the two ends may use one each: what counts is in which one payloads come.
TEST(FeedbackBook, FollowsASessionThatIsInUseAgain) {
  wire::Session older = SessionOf(1), newer = SessionOf(2);
  Books books;
  books.Deliver(older, 0, 0);
  books.Pass(20ms);
  EXPECT_FALSE(books.Take(older).messages.empty());
  books.Deliver(newer, 0, 0);
  books.Pass(20ms);
  EXPECT_FALSE(books.Take(newer).messages.empty());
  books.Pass(1s);
  for (uint64_t counter = 1; counter < 5; ++counter) {
    books.Deliver(older, counter, 0);
    books.Pass(50ms);
    const FeedbackBook::Batch batch = books.Take(older);
    ASSERT_EQ(batch.messages.size(), 1u);
    EXPECT_EQ(batch.messages[0].paths.at(0).newest, counter);
  }
}

}  // namespace
}  // namespace warp::protocol
