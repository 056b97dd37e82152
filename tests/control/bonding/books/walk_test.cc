// Whatever happens in whatever order, the sums of a bond are those of what waits in it, nothing that is due sleeps, and
// of each payload that was sent the end is told.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "control/bonding/bond.h"
#include "tests/control/bonding/books/bond_books.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed) {
    for (uint16_t flow = 0; flow < kFlows; ++flow) ChangeFlow(flow);
    ChangePaths();
  }

  // Returns what is wrong after it; empty: nothing.
  std::string Step() {
    switch (Below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        for (int i = Below(6); i >= 0; --i) Offer();
        break;
      case 4:
      case 5:
        Take(Below(8));
        break;
      case 6:
      case 7:
      case 8:
        Tell();
        break;
      case 9:
        now_ += Millis(Below(3) == 0 ? Below(300) : Below(10));
        bond_.HandleTimeout(now_);
        break;
      case 10:
        if (Below(4) == 0) ChangePaths();
        break;
      case 11:
        ChangeFlow(static_cast<uint16_t>(Below(kFlows)));
        break;
      case 12:
        bond_.HoldBack(AnyFlow(), now_ + Millis(Below(20)));
        break;
      default:
        Rare();
    }
    return books_.Wrong() + Stuck();
  }
  // The paths come back, and time passes: nothing waits any more, and the end of all that was sent was told.
  std::string End() {
    rate_ = 0;
    SetPaths(0b111);
    for (uint16_t flow = 0; flow < kFlows; ++flow)
      bond_.SetFlow(now_, flow, {.policy = {.mode = TunnelMode::kStripe}, .deadline = Millis(250)});
    SetPaths(0b111);
    for (int i = 0; i < 4000; ++i) {
      now_ += Millis(5);
      bond_.HandleTimeout(now_);
      while (const auto grant = bond_.Next(now_)) bond_.NoteSent(now_, *grant, 0, 0, {});
    }
    std::string wrong = books_.Wrong();
    if (books_.Waiting() > 0) wrong += std::to_string(books_.Waiting()) + " wait for ever\n";
    if (!under_way_.empty()) wrong += std::to_string(under_way_.size()) + " were never settled\n";
    return wrong;
  }
  uint64_t resent() const { return resent_; }
  uint64_t granted() const { return granted_; }

 private:
  static constexpr uint16_t kFlows = 6;

  int Below(int most) { return static_cast<int>(random_() % static_cast<uint64_t>(most)); }
  uint16_t AnyFlow() {
    const auto tunnel = static_cast<uint16_t>(Below(kFlows));
    return Below(5) == 0 ? static_cast<uint16_t>(tunnel | kAhead) : tunnel;
  }
  PathMask AnyPaths() { return Below(3) == 0 ? wire::kAllPaths : static_cast<PathMask>(Below(8)); }

  void SetPaths(PathMask mask) {
    std::vector<PathSpec> paths;
    for (wire::PathSlot slot = 0; slot < 3; ++slot) {
      if ((mask & wire::MaskOf(slot)) == 0) continue;
      paths.push_back({.id = ids_[slot],
                       .slot = slot,
                       .port = slot,
                       .remote_port = slot,
                       .tier = tiered_ ? static_cast<uint8_t>(1 + slot) : uint8_t{1},
                       .max_rate = rate_,
                       .round_trip = Millis(20 + 10 * slot)});
    }
    bond_.SetPaths(now_, paths);
  }
  void ChangePaths() {
    if (Below(3) == 0) ids_[static_cast<size_t>(Below(3))] = next_id_++;
    tiered_ = Below(4) == 0;
    rate_ = static_cast<uint64_t>(Below(3)) * 100'000;
    SetPaths(static_cast<PathMask>(Below(8)));
  }
  void ChangeFlow(uint16_t flow) {
    constexpr TunnelMode kModes[] = {TunnelMode::kStripe, TunnelMode::kAdaptive,
                                     TunnelMode::kBackup, TunnelMode::kReplicate};
    constexpr uint32_t kWeights[] = {1, 2, 100, 255};
    config::TunnelPolicy policy{.mode = kModes[Below(4)],
                                .resend = Millis(Below(4) == 0 ? 0 : 100 * Below(10))};
    if (Below(3) != 0) policy.mode = TunnelMode::kStripe;
    policy.weight = kWeights[Below(4)];
    policy.skew = Millis(Below(5) == 0 ? 5 : 0);
    bond_.SetFlow(now_, flow,
                  {.policy = policy, .deadline = Millis(50 + Below(500)), .allowed = AnyPaths()});
  }
  void Rare() {
    switch (Below(6)) {
      case 0:
        bond_.Charge(now_, AnyPaths(), static_cast<uint32_t>(Below(100'000)));
        break;
      case 1:
        ++session_;
        counter_ = 1;
        break;
      case 2: {
        std::vector<PathUse> uses;
        bond_.TakeUses(now_, uses);
        for (const PathUse& use : uses) bond_.SetShare(now_, use.slot, use.rate / (1 + Below(3)));
        break;
      }
      case 3: {
        Grant parity = Fresh(static_cast<uint16_t>(Below(kFlows)));
        parity.parity = 1;
        if (bond_.OfferParity(now_, &parity) == Bond::Fate::kGranted) Leave(parity);
        break;
      }
      default:
        break;
    }
  }
  Grant Fresh(uint16_t flow) {
    return {.flow = flow,
            .number = number_++,
            .size = static_cast<uint32_t>(Below(10) == 0 ? 1 + Below(60'000) : 40 + Below(1460)),
            .taken = now_,
            .deadline = now_ + Millis(50 + Below(400)),
            .avoid = Below(8) == 0 ? AnyPaths() : PathMask{0}};
  }
  void Offer() {
    Grant payload = Fresh(AnyFlow());
    if (bond_.Offer(now_, &payload) == Bond::Fate::kGranted) Leave(payload);
  }
  void Take(int most) {
    for (int i = 0; i < most; ++i) {
      const auto grant = bond_.Next(now_);
      if (!grant.has_value()) return;
      Leave(*grant);
    }
  }
  void Leave(const Grant& grant) {
    ++granted_;
    if (Below(6) == 0) return bond_.NoteUnsent(now_, grant);
    if (grant.again) ++resent_;
    const auto pieces = static_cast<uint32_t>(Below(4) == 0 ? 2 : 1);
    const bool told = Below(20) != 0;
    if (told && grant.parity == 0 && (grant.paths & Mask()) != 0) {
      under_way_.insert({grant.flow, grant.number});
    } else if (grant.again) {
      under_way_.erase({grant.flow, grant.number});  // nothing will be told of it
    }
    bond_.NoteSent(now_, grant, told ? session_ : 0, counter_,
                   std::vector<uint32_t>(pieces, grant.size / pieces + 1));
    if (told) counter_ += pieces;
  }
  // The paths on which something that leaves is remembered.
  PathMask Mask() const {
    PathMask mask = 0;
    for (wire::PathSlot slot = 0; slot < 3; ++slot) {
      if (bond_.StatusOf(now_, ids_[slot]).has_value()) mask |= wire::MaskOf(slot);
    }
    return mask;
  }
  // By a receiver of which every second word is a lie.
  void Tell() {
    if (counter_ == 1) return;
    const uint64_t newest = 1 + random_() % (counter_ - 1);
    protocol::Feedback feedback{.time =
                                    static_cast<uint32_t>(now_.time_since_epoch().count() / 1000)};
    const uint64_t first = newest / 32 > 40 ? newest / 32 - 40 : 0;
    feedback.base = first * 32;
    feedback.words.resize(newest / 32 + 1 - first);
    for (uint32_t& word : feedback.words) {
      word = static_cast<uint32_t>(random_());
      if (Below(4) == 0) word = 0;
      if (Below(3) == 0) word = UINT32_MAX;
    }
    for (int i = Below(3); i >= 0; --i) {
      const auto slot = static_cast<uint16_t>(Below(3));
      feedback.paths.push_back({.from = slot,
                                .to = slot,
                                .newest = static_cast<uint32_t>(newest),
                                .age = static_cast<uint32_t>(Below(4) == 0 ? Below(90'000) : 0),
                                .packets = ++told_});
    }
    bond_.HandleFeedback(now_, session_, feedback);
  }
  // Asked twice at one moment, as what moves to a path that was asked before leaves at the second one.
  std::string Stuck() {
    if (Below(4) != 0) return {};
    for (int i = 0; i < 2; ++i) {
      for (int left = 0; left < 10'000; ++left) {
        const auto grant = bond_.Next(now_);
        if (!grant.has_value()) break;
        Leave(*grant);
        if (left == 9999) return "no end of grants\n";
      }
    }
    bond_.HandleTimeout(now_);
    while (const auto grant = bond_.Next(now_)) Leave(*grant);
    std::string wrong;
    if (books_.SomethingIsDue(now_)) wrong += "something is due, and is not granted\n";
    if (bond_.NextTimeout() <= now_) wrong += "wakes for nothing\n";
    return wrong;
  }

  std::mt19937_64 random_;
  Instant now_ = At(100);
  std::set<std::pair<uint16_t, uint64_t>> under_way_;
  Bond bond_{[this](uint16_t flow, uint64_t number) { under_way_.erase(std::pair(flow, number)); }};
  BondBooks books_{bond_};
  wire::PathId ids_[3] = {1, 2, 3};
  wire::PathId next_id_ = 4;
  uint64_t rate_ = 0, number_ = 0, counter_ = 1, session_ = 1, resent_ = 0, granted_ = 0;
  uint32_t told_ = 0;
  bool tiered_ = false;
};

TEST(Walk, TheBooksCloseAfterEachStep) {
  uint64_t resent = 0, granted = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Walk walk(seed);
    for (int step = 0; step < 3000; ++step) {
      const std::string wrong = walk.Step();
      ASSERT_EQ(wrong, "") << "seed " << seed << ", step " << step;
    }
    ASSERT_EQ(walk.End(), "") << "seed " << seed;
    resent += walk.resent();
    granted += walk.granted();
  }
  std::printf("seeds 1 to 12: %lu granted, of which %lu had gone before\n", granted, resent);
  EXPECT_GT(resent, 100u);
}

}  // namespace
}  // namespace warp::bonding
