#include "control/tunnel/pace/ring_shares.h"

#include <gtest/gtest.h>

#include "tests/control/tunnel/tunnel_sender_fixture.h"

namespace warp::control {
namespace {

using namespace std::chrono_literals;  // NOLINT: for 10ms
using wire::Instant;

TEST(RingShares, OneSenderHasTheRingAlone) {
  RingShares shares;
  Instant now{1s};
  for (int i = 0; i < 10'000; ++i, now += 1ms) shares.NoteSubmitted(now, 7);
  EXPECT_GT(shares.share(), size_t{1} << 16);
}

TEST(RingShares, ASecondSenderCountsFromItsFirstPacketUntilASecondAfterItsLast) {
  RingShares shares;
  Instant now{1s};
  shares.NoteSubmitted(now, 0);
  shares.NoteSubmitted(now, 3);
  EXPECT_EQ(shares.share(), RingShares::kShared / 2);
  for (int i = 0; i < 50; ++i, now += 20ms) shares.NoteSubmitted(now, 0);
  EXPECT_EQ(shares.share(), RingShares::kShared / 2);
  // One that speaks twice in a second is never alone.
  for (int i = 0; i < 1000; ++i, now += 10ms) {
    shares.NoteSubmitted(now, 0);
    if (i % 50 == 0) shares.NoteSubmitted(now, 3);
    ASSERT_EQ(shares.share(), RingShares::kShared / 2) << i;
  }
  for (int i = 0; i < 210; ++i, now += 10ms) shares.NoteSubmitted(now, 0);
  EXPECT_GT(shares.share(), size_t{1} << 16);
}

TEST(RingShares, ManySendersHaveABurstEach) {
  RingShares shares;
  for (uint16_t tunnel = 0; tunnel < 100; ++tunnel) shares.NoteSubmitted(Instant(1s), tunnel);
  EXPECT_EQ(shares.share(), RingShares::kLeast);
}

// A flood beside a tunnel that sends now and then: what the worker has not moved yet stays below the share, and the
// gate of the flood is told to hold back.
TEST_F(TunnelSenderTest, AFloodLeavesTheRingToATunnelThatSendsNowAndThen) {
  TunnelSender flood({.tunnel_index = 6,
                      .tunnel_id = kTunnelId,
                      .deadline = 100ms,
                      .max_waiting = 2000,
                      .max_in_flight = 1024},
                     route_, dataplane_, submitter_);
  const auto send = [&](int payloads) {
    for (int i = 0; i < payloads; ++i) flood.Send(now_, BytesOf("x"));
  };
  send(1000);
  EXPECT_EQ(flood.in_flight(), 1000u) << "alone";
  EXPECT_EQ(Sent().size(), 1000u);
  Send("light");
  EXPECT_EQ(Sent().size(), 1u);
  for (size_t i = 0; i < 950; ++i) flood.HandleCompletion(now_, Report(i, true));
  send(500);
  flood.Pump(now_);
  EXPECT_EQ(flood.in_flight(), RingShares::kShared / 2);
  EXPECT_TRUE(flood.lcores_behind());
  // All that waits goes in the end.
  while (!flood.idle()) {
    Sent();
    for (size_t i = 0; i < requests_.size(); ++i) flood.HandleCompletion(now_, Report(i, true));
    flood.Pump(now_);
  }
  EXPECT_EQ(flood.sent(), 1500u);
}

// A payload of more packets than a share has still goes, once nothing is in its way.
TEST_F(TunnelSenderTest, APayloadOfManyPacketsGoesBesideOthers) {
  TunnelSender large({.tunnel_index = 6, .tunnel_id = kTunnelId, .deadline = 100ms}, route_,
                     dataplane_, submitter_);
  route_.max_plaintext = 400;
  Send("light");
  large.Send(now_, BytesOf(std::string(60'000, 'x')));
  EXPECT_GT(large.in_flight(), RingShares::kShared / 2);
}

}  // namespace
}  // namespace warp::control
