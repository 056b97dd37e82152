// The queue of pushes against a model that is slow and plain: whatever comes in whatever order, each push is sent at
// its times, the bounds hold, and networks take turns.
#include "map-server/registry/push_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace warp::map {
namespace {

using namespace std::chrono_literals;
using protocol::KeyId;
using wire::Instant;

KeyId Number(uint8_t number) { return KeyId::FromBytes({number}); }

PushQueue::Limits Limits(size_t pushes, size_t of_key) {
  return {.pushes = pushes, .pushes_per_key = of_key, .burst = 1'000'000, .per_second = 1'000'000};
}

std::vector<PushQueue::Due> All(PushQueue& queue, Instant now) {
  std::vector<PushQueue::Due> all;
  while (const auto due = queue.NextDue(now)) all.push_back(*due);
  return all;
}

TEST(PushQueue, SendsEachPushAtItsTimesAndThenForgetsIt) {
  PushQueue queue(Limits(10, 10));
  Instant now(100s);
  EXPECT_FALSE(queue.Add(Number(1), Number(2), 7).has_value());
  Instant next = now;
  for (int attempt = 0; attempt < kPushAttempts; ++attempt) {
    if (attempt > 0) {
      EXPECT_TRUE(All(queue, next - 1ns).empty());
    }
    const auto due = All(queue, next);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].attempt, attempt);
    EXPECT_EQ(due[0].last, attempt + 1 == kPushAttempts);
    next += kPushRepeat * (1 << attempt);
    if (!due[0].last) {
      EXPECT_EQ(queue.NextTimeout(), next);
    }
  }
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.NextTimeout(), wire::kNever);
}

TEST(PushQueue, NetworksTakeTurnsWhateverTheyHave) {
  PushQueue queue(Limits(100, 100));
  for (uint8_t i = 0; i < 20; ++i) queue.Add(Number(i), Number(200), 1);
  for (uint8_t i = 0; i < 3; ++i) queue.Add(Number(i), Number(201), 2);
  const auto due = All(queue, Instant(1s));
  ASSERT_EQ(due.size(), 23u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(due[i].about, Number(i % 2 == 0 ? 200 : 201)) << i;
}

TEST(PushQueue, TheHeaviestNetworkMakesRoomAndNobodyElse) {
  PushQueue queue(Limits(6, 100));
  for (uint8_t i = 0; i < 5; ++i) queue.Add(Number(i), Number(200), 1);
  queue.Add(Number(1), Number(201), 2);
  EXPECT_EQ(queue.Add(Number(9), Number(202), 3), Number(4)) << "the newest of the heaviest";
  EXPECT_EQ(queue.Add(Number(9), Number(203), 1), Number(9)) << "its own network has most";
  EXPECT_EQ(queue.size(), 6u);
}

// What the queue has to do, written down without any structure.
class Model {
 public:
  using Pair = std::pair<KeyId, KeyId>;
  struct Push {
    int attempt = 0;
    Instant due;
    Network network = 0;
    uint32_t id = 0;
  };
  std::map<Pair, Push> pushes;

  size_t Of(const KeyId& to) const {
    size_t count = 0;
    for (const auto& [pair, push] : pushes) count += pair.first == to;
    return count;
  }
};

TEST(PushQueue, DoesWhatAModelDoes) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    constexpr size_t kOfKey = 6;
    PushQueue queue(Limits(1000, kOfKey));
    Model model;
    Instant now(1s);
    for (int step = 0; step < 3000; ++step) {
      const KeyId to = Number(static_cast<uint8_t>(random() % 12));
      const KeyId about = Number(static_cast<uint8_t>(random() % 12));
      switch (random() % 4) {
        case 0: {
          const Network network = random() % 4;
          const bool there = model.pushes.contains({to, about});
          const auto without = queue.Add(to, about, network);
          if (!there && model.Of(to) >= kOfKey) {
            EXPECT_EQ(without, to);
          } else {
            EXPECT_FALSE(without.has_value());
            Model::Push& push = model.pushes[{to, about}];
            if (!there) push.network = network;
            push.attempt = 0;
            push.due = now;
          }
          break;
        }
        case 1: {
          if (model.pushes.empty()) break;
          auto it = model.pushes.begin();
          std::advance(it, random() % model.pushes.size());
          EXPECT_FALSE(queue.Acknowledge(Number(99), it->second.id)) << "somebody else's";
          if (it->second.id == 0) break;
          EXPECT_EQ(queue.Acknowledge(it->first.first, it->second.id), it->second.attempt != 0)
              << "that of a push which has been made anew counts no more";
          if (it->second.attempt != 0) model.pushes.erase(it);
          break;
        }
        default: {
          now += std::chrono::milliseconds(random() % 400);
          std::set<Model::Pair> sent;
          for (const PushQueue::Due& due : All(queue, now)) {
            const auto it = model.pushes.find({due.to, due.about});
            ASSERT_NE(it, model.pushes.end());
            Model::Push& push = it->second;
            EXPECT_TRUE(sent.insert(it->first).second);
            EXPECT_LE(push.due, now);
            EXPECT_EQ(due.attempt, push.attempt);
            push.id = due.id;
            push.due = now + kPushRepeat * (1 << push.attempt);
            if (++push.attempt == kPushAttempts) {
              EXPECT_TRUE(due.last);
              model.pushes.erase(it);
            }
          }
          for (const auto& [pair, push] : model.pushes) EXPECT_GT(push.due, now) << "forgotten";
        }
      }
      ASSERT_EQ(queue.size(), model.pushes.size());
    }
  }
}

}  // namespace
}  // namespace warp::map
