// A bond without links: the test says when each packet leaves, and what the peer tells.
#ifndef WARP_TESTS_CONTROL_BONDING_BARE_BARE_BOND_H_
#define WARP_TESTS_CONTROL_BONDING_BARE_BARE_BOND_H_

#include <gtest/gtest.h>

#include <vector>

#include "control/bonding/bond.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {

class BareBondTest : public testing::Test {
 protected:
  BareBondTest() { SetPaths(0b11); }

  void SetPaths(PathMask mask) {
    std::vector<PathSpec> paths;
    for (wire::PathSlot slot = 0; slot < 4; ++slot) {
      if ((mask & wire::MaskOf(slot)) == 0) continue;
      paths.push_back({.id = slot + 1u,
                       .slot = slot,
                       .port = slot,
                       .remote_port = slot,
                       .tier = tiers_ ? static_cast<uint8_t>(slot + 1) : uint8_t{1},
                       .max_rate = rate_,
                       .round_trip = Millis(20)});
    }
    bond_.SetPaths(now_, paths);
  }
  void SetFlow(uint16_t flow, const config::TunnelPolicy& policy,
               PathMask allowed = wire::kAllPaths) {
    bond_.SetFlow(now_, flow, {.policy = policy, .deadline = Millis(1000), .allowed = allowed});
  }
  Bond::Fate Offer(Grant* grant, uint16_t flow, uint32_t size = 1000) {
    *grant = {.flow = flow,
              .number = number_++,
              .size = size,
              .taken = now_,
              .deadline = now_ + Millis(1000)};
    return bond_.Offer(now_, grant);
  }
  // It leaves in so many pieces. The counter of the first one.
  uint64_t Leave(const Grant& grant, uint32_t pieces = 1) {
    const uint64_t first = counter_;
    counter_ += pieces;
    bond_.NoteSent(now_, grant, session_, first,
                   std::vector<uint32_t>(pieces, grant.size / pieces));
    return first;
  }
  // It leaves, and nothing will be told of it.
  void Pay(const Grant& grant) { bond_.NoteSent(now_, grant, 0, 0, {&grant.size, 1}); }
  // A payload waits in a queue.
  void Wait(uint16_t flow, uint32_t size) {
    bond_.NoteUnsent(
        now_, {.flow = flow, .number = number_++, .size = size, .deadline = now_ + Millis(1e6)});
  }
  // Resends may use a share of what was sent: so much that a few are possible.
  void SaveForResends() {
    SetFlow(9, {.mode = config::TunnelMode::kReplicate});
    Grant grant;
    for (int i = 0; i < 10; ++i) {
      Offer(&grant, 9, 10'000);
      Pay(grant);
    }
    Run(now_ + Millis(500));
  }
  // What leaves until a moment, a look each millisecond.
  std::vector<Grant> Run(Instant until) {
    std::vector<Grant> left;
    for (; now_ < until; now_ += Millis(1)) {
      bond_.HandleTimeout(now_);
      while (const auto grant = bond_.Next(now_)) {
        left.push_back(*grant);
        Pay(*grant);
      }
    }
    return left;
  }
  // All up to `newest` arrived, but `lost`; the newest of the path is that one, and came just before the peer told it,
  // which is now or was some time ago.
  void Tell(wire::PathSlot slot, uint64_t newest, const std::vector<uint64_t>& lost = {},
            Duration ago = {}) {
    protocol::Feedback feedback{
        .time = static_cast<uint32_t>((now_ - ago).time_since_epoch().count() / 1000)};
    feedback.words.assign(newest / 32 + 1, UINT32_MAX);
    for (const uint64_t counter : lost)
      feedback.words[counter / 32] &= ~(uint32_t{1} << counter % 32);
    feedback.paths.push_back(
        {.from = slot, .to = slot, .newest = static_cast<uint32_t>(newest), .packets = ++told_});
    bond_.HandleFeedback(now_, session_, feedback);
  }

  bool tiers_ = false;
  uint64_t rate_ = 0;
  Instant now_ = At(100);
  uint64_t number_ = 0, counter_ = 1, session_ = 1;
  uint32_t told_ = 0;
  std::vector<uint64_t> settled_;
  Bond bond_{[this](uint16_t, uint64_t number) { settled_.push_back(number); }};
};

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_BARE_BARE_BOND_H_
