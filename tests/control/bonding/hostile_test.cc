// Feedback that lies. Whatever a receiver says, payloads go on, no path is sent more than its configured rate, memory
// stays bounded, and what cannot be true is counted.
#include <gtest/gtest.h>

#include <string>

#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

constexpr uint64_t kRate = 1'000'000;  // bytes a second, configured for each path

struct Lie {
  std::string name;
  std::function<void(protocol::Feedback*, std::mt19937_64&)> tell;
  bool counted;  // as impossible
};

std::vector<Lie> Lies() {
  using protocol::Feedback;
  using protocol::PathFeedback;
  using Random = std::mt19937_64;
  return {
      {"counters that were never sent",
       [](Feedback* f, Random&) {
         for (PathFeedback& path : f->paths) path.newest += 1'000'000;
       },
       true},
      {"a base beyond all that was sent",
       [](Feedback* f, Random&) { f->base += uint64_t{1} << 30; }, true},
      {"the highest base there is", [](Feedback* f, Random&) { f->base = ~uint64_t{31}; }, true},
      {"times that jump",
       [](Feedback* f, Random& random) { f->time = static_cast<uint32_t>(random()); }, true},
      {"ages beyond all time",
       [](Feedback* f, Random&) {
         for (PathFeedback& path : f->paths) path.age = UINT32_MAX;
       },
       true},
      {"no age at all, and time that stands",
       [](Feedback* f, Random&) {
         f->time = 77;
         for (PathFeedback& path : f->paths) path.age = 0;
       },
       false},
      {"ever more bytes",
       [](Feedback* f, Random& random) {
         for (PathFeedback& path : f->paths) path.bytes = static_cast<uint32_t>(random());
       },
       true},
      {"all arrived",
       [](Feedback* f, Random&) {
         for (uint32_t& word : f->words) word = UINT32_MAX;
       },
       false},
      {"nothing arrived",
       [](Feedback* f, Random&) {
         for (uint32_t& word : f->words) word = 0;
       },
       false},
      {"no words", [](Feedback* f, Random&) { f->words.clear(); }, false},
      {"no paths", [](Feedback* f, Random&) { f->paths.clear(); }, false},
      {"a path twice", [](Feedback* f, Random&) { f->paths.push_back(f->paths.front()); }, false},
      {"unknown ports",
       [](Feedback* f, Random&) {
         for (PathFeedback& path : f->paths) path.from = path.to = 999;
       },
       false},
      {"anything",
       [](Feedback* f, Random& random) {
         f->time = static_cast<uint32_t>(random());
         f->base = (random() >> (random() % 64)) & ~uint64_t{31};
         for (PathFeedback& path : f->paths) {
           path.newest = static_cast<uint32_t>(random() >> (random() % 64));
           path.age = static_cast<uint32_t>(random() >> (random() % 64));
           path.packets = static_cast<uint32_t>(random());
           path.bytes = static_cast<uint32_t>(random());
         }
         for (uint32_t& word : f->words) word = static_cast<uint32_t>(random());
       },
       true},
  };
}

TEST(Hostile, LyingFeedback) {
  for (const Lie& lie : Lies()) {
    SCOPED_TRACE(lie.name);
    World world(9);
    for (int i = 0; i < 2; ++i) {
      world.AddLink({.rates = {Mbit(100)}, .delay = Millis(10 + 10 * i)}, 1, kRate);
    }
    std::mt19937_64 random(4);
    world.lie = [&](protocol::Feedback* feedback) { lie.tell(feedback, random); };
    const uint16_t flow =
        world.AddFlow({.policy = {.mode = config::TunnelMode::kStripe, .resend = Millis(150)}});
    world.Count(At(1), At(8));
    world.Stream(flow, 1'200'000, false, {}, At(8));
    world.Run();
    for (size_t i = 0; i < world.links(); ++i) {
      EXPECT_LE(static_cast<double>(world.link(i).sent_bytes()),
                8.27 * kRate);  // what waited goes on for a moment
    }
    EXPECT_GE(world.result(flow).arrived, world.result(flow).offered / 2);
    EXPECT_LE(world.ExtraShare(flow), 0.15);
    EXPECT_TRUE(!lie.counted || world.bond().impossible() > 0);
    std::printf("%-40s arrived %lu of %lu, extra %.1f %%, impossible %lu, unsettled %lu\n",
                lie.name.c_str(), world.result(flow).arrived, world.result(flow).offered,
                100 * world.ExtraShare(flow), world.bond().impossible(), world.unsettled());
  }
}

// The receiver names one packet after the other, each just as late as may be, by a clock that hardly goes.
TEST(Hostile, AClockThatHardlyGoesTakesNoMemory) {
  Capacity capacity(0, Millis(20));
  for (int i = 0; i < 100'000; ++i) {
    capacity.Handle({.now = At(100) + Millis(9000 + 0.1 * i),
                     .sent = At(100) + Millis(0.1 * i),
                     .arrived = std::chrono::microseconds(i),
                     .age = {},
                     .bytes = 1000u * static_cast<uint64_t>(i),
                     .idle = {}});
  }
  EXPECT_GT(capacity.samples(), 0u);
  EXPECT_LE(capacity.samples(), 2000u);
}

}  // namespace
}  // namespace warp::bonding
