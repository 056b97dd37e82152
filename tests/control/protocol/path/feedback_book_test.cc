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
    book_.NoteProbe({1, 1}, /*asks=*/true);
  }
  void Come(const wire::Session& session, uint64_t counter, PathId path) {
    traffic_[path].received += 1;
    traffic_[path].received_bytes += 1000;
    newest_[path] = {session.local_index(), counter, now_};
    book_.NotePayload(now_, timers_, session.local_index(), counter);
  }
  FeedbackBook::Batch Take(wire::Session& session) {
    arrivals_.Count(now_, paths_);
    return book_.Take(now_, timers_, session, arrivals_, paths_);
  }
  void Pass(Duration time) { now_ += time; }

 private:
  struct Newest {
    uint32_t session;
    uint64_t counter;
    Instant when;
  };
  Instant now_{1000s};
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

}  // namespace
}  // namespace warp::protocol
