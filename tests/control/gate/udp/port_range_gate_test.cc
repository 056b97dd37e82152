#include "control/gate/udp/port_range_gate.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "tests/control/gate/udp/joined_gates.h"

namespace warp::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::Drop;

class PortRangeGateTest : public testing::Test {
 protected:
  static constexpr size_t kPorts = 4;

  static wire::Endpoint At(uint16_t port) { return {wire::IpAddress::V4({127, 0, 0, 1}), port}; }

  // The ports of a range have to be free, and which ones are, only trying tells.
  void SetUp() override {
    for (uint16_t first = 21000; first < 60000 && b_ == nullptr; first += 8) {
      auto a = PortRangeGate::Open(*loop_, {.listen = At(first)}, kPorts, to_b_);
      auto b = PortRangeGate::Open(*loop_, {.listen = At(first + 4), .deliver = At(first + 1000)},
                                   kPorts, to_a_);
      if (!a.ok() || !b.ok()) continue;
      first_ = first;
      a_ = *std::move(a);
      b_ = *std::move(b);
    }
    ASSERT_NE(b_, nullptr);
    to_b_.other = b_.get();
    to_a_.other = a_.get();
  }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  Wire to_b_, to_a_;
  std::unique_ptr<PortRangeGate> a_, b_;
  uint16_t first_ = 0;
};

TEST_F(PortRangeGateTest, WhatComesInAtAPortGoesOutAtTheOneOfItsPlace) {
  UdpApplication rtp(At(0)), rtcp(At(0));
  UdpApplication media(At(first_ + 1002)), reports(At(first_ + 1003));
  ASSERT_TRUE(rtp.Send(At(first_ + 2), "media"));
  ASSERT_TRUE(rtcp.Send(At(first_ + 3), "report"));
  EXPECT_THAT(Receive(*loop_, media, 1), ElementsAre("media"));
  EXPECT_EQ(media.from, At(first_ + 6));
  EXPECT_THAT(Receive(*loop_, reports, 1), ElementsAre("report"));
  EXPECT_EQ(reports.from, At(first_ + 7));
  // And back.
  ASSERT_TRUE(reports.Send(reports.from, "received"));
  EXPECT_THAT(Receive(*loop_, rtcp, 1), ElementsAre("received"));
  EXPECT_EQ(rtcp.from, At(first_ + 3));
  EXPECT_TRUE(rtp.Receive().empty());
  EXPECT_THAT(to_b_.flows, ElementsAre(wire::Flow{.number = 2}, wire::Flow{.number = 3}));
  EXPECT_EQ(a_->counters().from_app, 2u);
  EXPECT_EQ(b_->counters().to_app, 2u);
  EXPECT_EQ(a_->status().flows, 2u);
}

TEST_F(PortRangeGateTest, ANumberBeyondTheRangeIsCounted) {
  b_->Deliver(PayloadOf("x", {.number = kPorts}));
  b_->Deliver(PayloadOf("x", {.number = 255, .answer = true}));
  EXPECT_EQ(b_->counters().drops.Get(Drop::kUnknownFlow), 2u);
}

TEST_F(PortRangeGateTest, AnOldPeerGetsTheFirstPortAlone) {
  a_->SetPeer({.has_flows = false});
  UdpApplication app(At(0)), first(At(first_ + 1000));
  ASSERT_TRUE(app.Send(At(first_ + 1), "would come out at the wrong port"));
  ASSERT_TRUE(app.Send(At(first_), "first"));
  EXPECT_THAT(Receive(*loop_, first, 1), ElementsAre("first"));
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return a_->counters().drops.Get(Drop::kNoFlow) == 1; }));
  EXPECT_EQ(a_->counters().from_app, 1u);
}

TEST_F(PortRangeGateTest, SaysWhichPortIsInUse) {
  const absl::Status status =
      PortRangeGate::Open(*loop_, {.listen = At(first_ - 1)}, 2, to_b_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(At(first_).ToString()));
}

}  // namespace
}  // namespace warp::control
