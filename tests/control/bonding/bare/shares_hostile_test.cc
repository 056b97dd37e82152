// Bonds of several peers that leave by one port with a rate, some of them at the worst moments.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "control/bonding/bond.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

class SharedPortTest : public testing::Test {
 protected:
  static constexpr uint32_t kSize = 1480;

  void Begin(size_t peers, uint64_t rate) {
    rate_ = rate;
    for (size_t i = 0; i < peers; ++i) {
      bonds_.push_back(std::make_unique<Bond>([](uint16_t, uint64_t) {}));
      SetPath(i, rate);
      bonds_[i]->SetFlow(
          {}, 1, {.policy = {.mode = config::TunnelMode::kStripe}, .deadline = Millis(250)});
    }
    sent_.resize(peers);
    wishes_.resize(peers);
    owed_.resize(peers);
    Divide();
  }
  void SetPath(size_t peer, uint64_t rate) {
    const PathSpec path{.id = 1,
                        .slot = 0,
                        .port = 1,
                        .remote_port = 1,
                        .max_rate = rate,
                        .round_trip = Millis(20)};
    bonds_[peer]->SetPaths(now_, {&path, 1});
  }
  // As Traffic does it.
  void Divide() {
    std::vector<PathUse> uses;
    std::vector<Bond*> users;
    for (auto& bond : bonds_) {
      bond->TakeUses(now_, uses);
      users.resize(uses.size(), bond.get());
    }
    const std::vector<Rate> shares = DivideRate(uses);
    for (size_t i = 0; i < users.size(); ++i) users[i]->SetShare(now_, 0, shares[i]);
  }
  void Pay(size_t peer, const Grant& grant) {
    bonds_[peer]->NoteSent(now_, grant, 0, 0, {&grant.size, 1});
    sent_[peer] += grant.size;
  }
  Bond::Fate Offer(size_t peer) {
    Grant grant{.flow = 1,
                .number = number_++,
                .size = kSize,
                .taken = now_,
                .deadline = now_ + Millis(250)};
    const Bond::Fate fate = bonds_[peer]->Offer(now_, &grant);
    if (fate == Bond::Fate::kGranted) Pay(peer, grant);
    return fate;
  }
  // Each peer's applications send by its wish, in bytes a second.
  void Run(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) {
      now_ += Millis(1);
      for (size_t i = 0; i < bonds_.size(); ++i) {
        for (owed_[i] += wishes_[i] / 1000; owed_[i] >= kSize; owed_[i] -= kSize) Offer(i);
        bonds_[i]->HandleTimeout(now_);
        while (const auto grant = bonds_[i]->Next(now_)) Pay(i, *grant);
      }
      if (++ticks_ % 50 == 0) Divide();
    }
  }

  Instant now_ = At(100);
  uint64_t rate_ = 0, number_ = 0, ticks_ = 0;
  std::vector<std::unique_ptr<Bond>> bonds_;
  std::vector<uint64_t> sent_;  // bytes
  std::vector<double> wishes_, owed_;
};

// One peer has filled the port for long. What another one sends would come too late at its idle share, and is refused:
// that asks for a share, too.
TEST_F(SharedPortTest, WhoBeginsOnAPortThatAnotherFillsHasItsPartSoon) {
  Begin(2, 125'000);
  wishes_[0] = 1e6;
  Run(Millis(5000));
  wishes_[1] = 100'000;
  sent_[1] = 0;
  Run(Millis(1000));
  EXPECT_GE(static_cast<double>(sent_[1]), 0.4 * 125'000) << "bytes, of 62,500";
}

TEST_F(SharedPortTest, OneOfManyBeginsAsSoon) {
  Begin(50, 1'250'000);
  wishes_[0] = 1e7;
  Run(Millis(3000));
  wishes_[49] = 400'000;
  sent_[49] = 0;
  Run(Millis(1000));
  EXPECT_GE(static_cast<double>(sent_[49]), 0.7 * 400'000);
}

// What an idle path has sent at its idle share is no debt of seconds.
TEST_F(SharedPortTest, WhatAnIdlePathSentIsNoDebtOfSeconds) {
  Begin(50, 1'250'000);
  wishes_[0] = 1e7;
  Run(Millis(3000));
  for (int i = 0; i < 5; ++i) {
    Offer(7);
    Run(Millis(2));
    Offer(7);  // it would wait for more than a second, and asks for a share
    Run(Millis(60));
    sent_[7] = 0;
    Offer(7);
    Run(Millis(60));
    EXPECT_GE(sent_[7], kSize) << i;
    Run(Millis(2000));
  }
}

// Peers that come and go so that shares are always those of a moment ago: what they exceed does not add up.
TEST_F(SharedPortTest, NobodyGetsMoreByComingAndGoing) {
  for (const int period : {7, 30, 60, 110, 600}) {
    SCOPED_TRACE(period);
    bonds_.clear();
    sent_.clear();
    wishes_.clear();
    owed_.clear();
    Begin(20, 1'250'000);
    std::mt19937 random(1);
    uint64_t all = 0;
    for (int time = 0; time < 6000; time += period) {
      for (double& wish : wishes_) wish = random() % 4 == 0 ? 5e6 : 0;
      Run(Millis(period));
    }
    for (const uint64_t sent : sent_) all += sent;
    EXPECT_LE(static_cast<double>(all), 1.08 * 6 * 1'250'000);
    EXPECT_GE(static_cast<double>(all), 0.7 * 6 * 1'250'000);
  }
}

TEST_F(SharedPortTest, APortThatLosesItsRateLeavesNoShareBehind) {
  Begin(2, 125'000);
  wishes_ = {1e6, 1e6};
  Run(Millis(1000));
  SetPath(0, 0);
  sent_[0] = 0;
  Run(Millis(1000));
  EXPECT_GE(sent_[0], 110'000u) << "it has nobody to share with";
}

}  // namespace
}  // namespace warp::bonding
