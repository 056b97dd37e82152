// Payloads that a bond spreads.
#include <gmock/gmock.h>

#include <algorithm>

#include "dataplane/wire/frame/frame.h"
#include "tests/control/tunnel/bond/sender_bond_fixture.h"

namespace warp::control {
namespace {

using config::TunnelMode;
using config::TunnelPolicy;
using std::chrono::milliseconds;
using wire::Drop;

TunnelPolicy Stripe() {
  return {.mode = TunnelMode::kStripe, .order = milliseconds(100), .resend = milliseconds(500)};
}

TEST_F(SenderBondTest, StripesOverOnePathEachInOrder) {
  Use(Stripe());
  Send("one");
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].paths == 1 || left[0].paths == 2);
  ASSERT_TRUE(left[0].place.has_value());
  EXPECT_EQ(left[0].place->sequence, 0u);
  EXPECT_EQ(left[0].place->hold, milliseconds(104));  // in steps of 8
  EXPECT_TRUE(left[0].place->resend);
  EXPECT_EQ(route_.session->sent(), 1u);
}

TEST_F(SenderBondTest, WaitsForThePaceOfThePathsAndThenGoes) {
  Use(Stripe());
  for (int i = 0; i < 60; ++i) Send(std::string(1000, static_cast<char>('a' + i % 26)));
  const size_t at_once = Take().size();
  EXPECT_LT(at_once, 30u);
  EXPECT_EQ(sender_.waiting(), 60 - at_once);
  std::vector<Left> later;
  TurnUntil(*loop_, [&] {
    for (Left& one : Take()) later.push_back(std::move(one));
    return sender_.waiting() == 0;
  });
  EXPECT_EQ(later.size() + at_once, 60u);
  for (const Left& one : later) EXPECT_EQ(one.payload[0], 'a' + one.place->sequence % 26);
}

TEST_F(SenderBondTest, SendsAgainWhatWasLostUnderAnotherCounterAndTheSameSequence) {
  SetRoute({0},
           kAllFeatures);  // all by one path, so that each that comes proves those before it lost
  Use(Stripe());
  for (const char* payload : {"one", "two", "three"}) Send(payload);
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 3u);
  Settle(*loop_);
  Tell(left[2].counter, 0, {left[0].counter});
  std::vector<Left> again;
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) again.push_back(std::move(one));
    return !again.empty();
  }));
  EXPECT_EQ(again[0].payload, left[0].payload);
  EXPECT_EQ(again[0].place->sequence, left[0].place->sequence);
  EXPECT_GT(again[0].counter, left[2].counter);
  EXPECT_EQ(done_, 0u);  // the ports have not told anything
}

TEST_F(SenderBondTest, TheCountersOfResendsAreNobodysSlots) {
  Use(Stripe());
  for (int i = 0; i < 8; ++i) Send("x");
  const std::vector<Left> left = Take();
  const size_t in_flight = sender_.in_flight();
  Tell(left.back().counter, left.back().paths == 1 ? 0 : 1, {0, 1, 2, 3, 4, 5, 6});
  Settle(*loop_);
  Take();
  EXPECT_EQ(sender_.in_flight(), in_flight);
}

TEST_F(SenderBondTest, APeerThatTellsNothingGetsAllOverAllPaths) {
  SetRoute({0, 1}, 0);
  Use(Stripe());
  Send("one");
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].paths, 3u);
  EXPECT_FALSE(left[0].place.has_value());
  EXPECT_TRUE(bond_.plain());
}

TEST_F(SenderBondTest, OnlyAllowedPathsCarry) {
  sender_.SetAllowed([](const RoutePath& path) { return path.port == 1; });
  Use(Stripe());
  sender_.RouteChanged();
  for (int i = 0; i < 10; ++i) Send("x");
  for (const Left& left : Take()) EXPECT_EQ(left.paths, 2u);
}

TEST_F(SenderBondTest, AllowedPathsMayChangeWhilePayloadsWait) {
  const auto only = [](wire::PortId port) {
    return [port](const RoutePath& path) { return path.port == port; };
  };
  sender_.SetAllowed(only(1));
  Use(Stripe());
  for (int i = 0; i < 45; ++i) Send(std::string(1000, 'x'));
  for (const Left& left : Take()) EXPECT_EQ(left.paths, 2u);
  ASSERT_GT(sender_.waiting(), 5u);
  sender_.SetAllowed(only(0));
  sender_.RouteChanged();
  std::vector<Left> later;
  EXPECT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) later.push_back(std::move(one));
    return sender_.waiting() == 0;
  }));
  for (const Left& left : later) EXPECT_EQ(left.paths, 1u);
  sender_.SetAllowed(nullptr);
  sender_.RouteChanged();
  sender_.SetPolicy(loop_->now(), {.mode = TunnelMode::kReplicate});
  Send("x");
  const std::vector<Left> last = Take();
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].paths, 3u);
}

TEST_F(SenderBondTest, AShorterDeadlineHoldsForWhatWaits) {
  route_.homes.clear();
  Send("waits");
  const wire::Instant end = loop_->now() + milliseconds(400);
  sender_.SetDeadline(loop_->now(), milliseconds(50));
  Send("comes");
  EXPECT_EQ(sender_.NextTimeout(), end - milliseconds(350));
  sender_.Pump(end - milliseconds(350));
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 2u);
}

TEST_F(SenderBondTest, OnlyAllowedPathsCarryWithoutABondToo) {
  sender_.SetAllowed([](const RoutePath& path) { return path.port == 1; });
  sender_.RouteChanged();
  Send("x");
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].paths, 2u);
}

TEST_F(SenderBondTest, ANarrowPathThatIsNotAllowedMakesNothingSmaller) {
  for (RoutePath& path : route_.paths) path.max_plaintext = path.port == 1 ? 1400 : 1200;
  route_.max_plaintext = 1400;
  route_.max_fragment = 1200;
  sender_.RouteChanged();
  EXPECT_EQ(sender_.room_in_one_piece(), 1200 - wire::kParityHeaderSize);
  sender_.SetAllowed([](const RoutePath& path) { return path.port == 1; });
  sender_.RouteChanged();
  EXPECT_EQ(sender_.room_in_one_piece(), 1400 - wire::kParityHeaderSize);
  sender_.SetAllowed([](const RoutePath&) { return false; });
  sender_.RouteChanged();
  EXPECT_EQ(sender_.room_in_one_piece(), 0u);
}

TEST_F(SenderBondTest, ReplicateThroughTheBondGoesAtOnceOverAll) {
  TunnelPolicy policy = Stripe();
  Use(policy);
  policy.mode = TunnelMode::kReplicate;
  sender_.SetPolicy(loop_->now(), policy);
  for (int i = 0; i < 50; ++i) Send(std::string(1000, 'x'));
  const std::vector<Left> left = Take();
  EXPECT_EQ(left.size(), 50u);
  for (const Left& one : left) EXPECT_EQ(one.paths, 3u);
}

// What was sequenced once stays so, and is waited for as long as before for a while: else later payloads would
// overtake those that the peer holds.
TEST_F(SenderBondTest, AChangeOfTheModeKeepsTheOrder) {
  Use(Stripe());
  Send("one");
  TunnelPolicy policy;
  sender_.SetPolicy(loop_->now(), policy);
  Send("two");
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 2u);
  ASSERT_TRUE(left[1].place.has_value());
  EXPECT_EQ(left[1].place->sequence, 1u);
  EXPECT_EQ(left[1].place->hold, milliseconds(104));
}

// Four bytes of each payload are not spent for ever on an order that nobody asks for any more.
TEST_F(SenderBondTest, PlacesEndWhenNothingOfBeforeIsLeft) {
  wire::Instant now = loop_->now();
  const auto send = [&](const char* payload) {
    sender_.Send(now, {reinterpret_cast<const uint8_t*>(payload), 1});
    const std::vector<Left> left = Take();
    EXPECT_EQ(left.size(), 1u);
    return left.empty() ? std::nullopt : left[0].place;
  };
  EXPECT_FALSE(send("a").has_value());
  sender_.SetPolicy(now, Stripe());
  ASSERT_TRUE(send("b").has_value());
  const uint32_t first = 0;
  sender_.SetPolicy(now, TunnelPolicy());
  now += std::chrono::seconds(64);
  auto place = send("c");
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->sequence, first + 1);
  EXPECT_EQ(place->hold, milliseconds(0));  // the peer releases all that it holds
  now += std::chrono::seconds(2);
  EXPECT_FALSE(send("d").has_value());
  EXPECT_FALSE(send("e").has_value());
  // An order again: the peer finds no gap where there was none.
  sender_.SetPolicy(now, Stripe());
  place = send("f");
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->sequence, first + 2);
  EXPECT_GT(place->hold, milliseconds(0));
  // A policy that asks again in time changes nothing.
  sender_.SetPolicy(now, TunnelPolicy());
  now += std::chrono::seconds(60);
  sender_.SetPolicy(now, Stripe());
  now += std::chrono::seconds(60);
  place = send("g");
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->sequence, first + 3);
}

// The copy that a slower path brings comes after later payloads of a faster one: the peer must not take those for a
// proof that it was lost.
TEST_F(SenderBondTest, WhatIsSentOverSeveralPathsMayStillCome) {
  sender_.SetPolicy(loop_->now(), {.order = milliseconds(100)});
  Send("over both");
  SetRoute({1}, kAllFeatures);
  Send("over one");
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 2u);
  ASSERT_TRUE(left[0].place && left[1].place);
  EXPECT_TRUE(left[0].place->resend);
  EXPECT_FALSE(left[1].place->resend);
  // So may what was sent while payloads were sent again.
  sender_.SetPolicy(loop_->now(), {.order = milliseconds(100), .resend = milliseconds(100)});
  sender_.SetPolicy(loop_->now(), {.order = milliseconds(100)});
  Send("over one");
  const std::vector<Left> after = Take();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_TRUE(after[0].place && after[0].place->resend);
}

TEST_F(SenderBondTest, PayloadsThatWaitedBeforeTheBondAreNotForgotten) {
  route_.homes.clear();
  Send("early");
  EXPECT_EQ(sender_.waiting(), 1u);
  route_.homes = {0, 1};
  Use(Stripe());
  std::vector<Left> left;
  EXPECT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) left.push_back(std::move(one));
    return !left.empty();
  }));
  EXPECT_EQ(left[0].payload, "early");
}

// Of handshakes that crossed, one session may be in use, the other one for a moment, and the first one again.
TEST_F(SenderBondTest, ASessionThatIsInUseAgainTeachesAsBefore) {
  SetRoute({0}, kAllFeatures);
  Use(Stripe());
  const std::shared_ptr<wire::Session> first = route_.session;
  Send("one");
  SetRoute({0}, kAllFeatures);
  const auto other_index = wire::Session::Params{
      .local_index = 100, .window = 64, .remote = {.features = kAllFeatures, .life = 1}};
  route_.session =
      std::make_shared<wire::Session>(other_index, wire::SymmetricKey(), wire::SymmetricKey());
  Send("two");
  route_.session = first;
  for (const char* payload : {"three", "four", "five"}) Send(payload);
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 5u);
  Settle(*loop_);
  Tell(left[4].counter, 0, {left[2].counter});
  std::vector<Left> again;
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) again.push_back(std::move(one));
    return std::any_of(again.begin(), again.end(),
                       [](const Left& one) { return one.payload == "three"; });
  }));
}

// Each piece is a frame of its own: what `rate` of a port bounds is all of them.
TEST_F(SenderBondTest, APayloadCostsWhatItsPiecesDo) {
  SetRoute({0}, kAllFeatures);
  Use(Stripe());
  Send(std::string(4000, 'x'));
  submitter_.Flush();
  ASSERT_EQ(dataplane_.submitted.size(), 3u);
  uint64_t bytes = 0;
  for (const lcore::FakeDataplane::Submitted& item : dataplane_.submitted)
    bytes += item.packet.bytes().size() + wire::kFrameHeaderSizeV4 + wire::kMinSealedSize;
  EXPECT_EQ(bond_.bond().StatusOf(5).bytes, bytes);
}

TEST_F(SenderBondTest, FramesOfEachPathHaveItsHeaders) {
  SetRoute({0, 1}, kAllFeatures);
  route_.paths[1].remote.address = *wire::IpAddress::Parse("2001:db8::1");
  sender_.SetAllowed([](const RoutePath& path) { return path.port == 1; });
  Use(Stripe());
  Send(std::string(100, 'x'));
  ASSERT_EQ(Take().size(), 1u);
  EXPECT_EQ(bond_.bond().StatusOf(5).bytes,
            100 + wire::kSequencedHeaderSize + wire::kFrameHeaderSizeV6 + wire::kMinSealedSize);
}

TEST_F(SenderBondTest, WhatFindsNoBufferCostsNothing) {
  Use(Stripe());
  dataplane_.buffers = 0;
  for (int i = 0; i < 5; ++i) Send(std::string(1000, 'x'));
  Settle(*loop_);
  EXPECT_EQ(bond_.bond().StatusOf(5).bytes, 0u);
  EXPECT_EQ(sender_.waiting(), 5u);
  dataplane_.buffers = 1000;
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return sender_.waiting() == 0; }));
  EXPECT_EQ(Take().size(), 5u);
}

TEST_F(SenderBondTest, APeerThatTellsNothingIsPacedAllTheSame) {
  SetRoute({0}, 0);
  TunnelPolicy policy = Stripe();
  policy.mode = TunnelMode::kBackup;
  Use(policy);
  for (int i = 0; i < 60; ++i) Send(std::string(1000, 'x'));
  EXPECT_LT(Take().size(), 30u);
  EXPECT_GT(bond_.bond().StatusOf(5).bytes, 0u);
}

// --- What goes ahead. ---

// It has no place, so that the peer holds it back behind nothing, and misses nothing where it is lost.
TEST_F(SenderBondTest, WhatOthersWaitForGoesAheadOfWhatWaits) {
  SetRoute({0}, kAllFeatures);
  Use(Stripe());
  for (int i = 0; i < 50; ++i) Send(std::string(1000, 'x'));
  const size_t at_once = Take().size();
  ASSERT_GT(sender_.waiting(), 10u);
  for (const char* payload : {"one", "two"}) SendAhead(payload);
  Send("last");
  std::vector<Left> later;
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) later.push_back(std::move(one));
    return sender_.waiting() == 0;
  }));
  ASSERT_EQ(at_once + later.size(), 53u);
  uint32_t sequence = static_cast<uint32_t>(at_once);
  std::vector<size_t> ahead;
  for (size_t i = 0; i < later.size(); ++i) {
    if (later[i].place.has_value()) {
      EXPECT_EQ(later[i].place->sequence, sequence++);
      continue;
    }
    ahead.push_back(i);
    EXPECT_EQ(later[i].payload, ahead.size() == 1 ? "one" : "two");
  }
  ASSERT_EQ(ahead.size(), 2u);
  EXPECT_LE(ahead[1], 6u);
  EXPECT_EQ(later.back().payload, "last");
}

TEST_F(SenderBondTest, WhatIsReplicatedGoesInOrder) {
  TunnelPolicy policy = Stripe();
  policy.mode = TunnelMode::kReplicate;
  Use(policy);
  SendAhead("one");
  Send("two");
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 2u);
  ASSERT_TRUE(left[0].place && left[1].place);
  EXPECT_EQ(left[0].place->sequence + 1, left[1].place->sequence);
}

// What finds no buffer keeps its turn ahead, and what the workers give back as well.
TEST_F(SenderBondTest, WhatGoesAheadAndComesBackGoesAheadAgain) {
  SetRoute({0}, kAllFeatures);
  Use(Stripe());
  dataplane_.buffers = 0;
  for (int i = 0; i < 30; ++i) Send(std::string(1000, 'x'));
  SendAhead("one");
  Settle(*loop_);
  EXPECT_EQ(sender_.waiting(), 31u);
  dataplane_.buffers = 1000;
  std::vector<Left> left;
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) left.push_back(std::move(one));
    return sender_.waiting() == 0;
  }));
  ASSERT_EQ(left.size(), 31u);
  const auto one =
      std::find_if(left.begin(), left.end(), [](const Left& of) { return of.payload == "one"; });
  ASSERT_NE(one, left.end());
  EXPECT_LE(one - left.begin(), 6);
  EXPECT_FALSE(one->place.has_value());
}

// --- Rates. ---

TEST_F(SenderBondTest, TheLeastOfBothRatesBoundsAPath) {
  up_ = {2'000'000, 1'000'000, 0, 0};
  SetRoute({0, 1, 2, 3}, kAllFeatures);
  for (const size_t i : {0, 1, 2}) route_.paths[i].told_rate = 1'500'000;
  Use(Stripe());
  const auto bound = [this](wire::PathSlot slot) {
    return bond_.bond().StatusOf(loop_->now(), 10u + slot).value_or(bonding::PathStatus()).bound;
  };
  EXPECT_EQ(bound(0), 1'500'000u);
  EXPECT_EQ(bound(1), 1'000'000u);
  EXPECT_EQ(bound(2), 1'500'000u);
  EXPECT_EQ(bound(3), 0u);
  // The peer takes it back.
  for (RoutePath& path : route_.paths) path.told_rate = 0;
  bond_.RouteChanged();
  EXPECT_EQ(bound(0), 2'000'000u);
  EXPECT_EQ(bound(2), 0u);
}

TEST_F(SenderBondTest, PathsToOnePortOfThePeerShareWhatItLetsComeIn) {
  up_ = {0, 500'000, 0, 0};
  SetRoute({0, 1, 2, 3}, kAllFeatures);
  for (const size_t i : {0, 1, 2}) {
    route_.paths[i].remote_port = 7;
    route_.paths[i].told_rate = 6'000'000;
  }
  Use(Stripe());
  const auto bound = [this](wire::PathSlot slot) {
    return bond_.bond().StatusOf(loop_->now(), 10u + slot).value_or(bonding::PathStatus()).bound;
  };
  // What the slow one leaves over is for the others.
  EXPECT_EQ(bound(1), 500'000u);
  EXPECT_EQ(bound(0), 2'750'000u);
  EXPECT_EQ(bound(2), 2'750'000u);
  EXPECT_EQ(bound(3), 0u);
}

// --- Other tunnels. ---

// The workers have as much of one tunnel as they may, and report nothing: what others send leaves all the same.
TEST_F(SenderBondTest, ATunnelThatIsFullHoldsUpNoOther) {
  up_ = {100'000'000};
  SetRoute({0}, kAllFeatures);
  sender_.SetDeadline(loop_->now(), std::chrono::minutes(1));
  Use(Stripe());
  TunnelSender other({.tunnel_index = 6, .tunnel_id = 8, .deadline = std::chrono::minutes(1)},
                     route_, dataplane_, submitter_);
  other.SetPolicy(loop_->now(), Stripe());
  other.SetBond(loop_->now(), bond_);
  bond_.RouteChanged();
  for (int i = 0; i < 80; ++i) Send("flood");
  std::vector<std::string> left;
  const auto take = [&] {
    for (const Left& one : Take()) left.push_back(one.payload);
    return left.size();
  };
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return take() >= 60; }));
  Settle(*loop_);
  EXPECT_EQ(take(), 60u);
  for (int i = 0; i < 10; ++i) {
    const std::string voice = "voice";
    other.Send(loop_->now(), wire::Bytes(reinterpret_cast<const uint8_t*>(voice.data()), 5));
  }
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return take() >= 70; }));
  EXPECT_EQ(std::count(left.begin(), left.end(), "voice"), 10);
}

// A resend takes no slot, and waits for none.
TEST_F(SenderBondTest, AFullTunnelSendsAgainWhatWasLost) {
  up_ = {100'000'000};
  SetRoute({0}, kAllFeatures);
  sender_.SetDeadline(loop_->now(), std::chrono::minutes(1));
  TunnelPolicy policy = Stripe();
  policy.resend = std::chrono::seconds(60);
  Use(policy);
  for (int i = 0; i < 80; ++i) Send(i == 3 ? "lost" : std::string(1000, 'x'));
  std::vector<Left> left;
  const auto take = [&] {
    for (Left& one : Take()) left.push_back(std::move(one));
    return left.size();
  };
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return take() >= 60; }));
  Settle(*loop_);
  ASSERT_EQ(take(), 60u);
  Tell(left.back().counter, 0, {left[3].counter});
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return take() > 60; }));
  EXPECT_EQ(left.back().payload, "lost");
}

TEST_F(SenderBondTest, WhatTheQueueCannotTakeIsDroppedByName) {
  Use(Stripe());
  for (int i = 0; i < 3000 && sender_.drops().Get(Drop::kQueueDelay) == 0; ++i) {
    Send(std::string(1300, 'x'));
    Take();
  }
  EXPECT_EQ(sender_.drops().Get(Drop::kQueueDelay), 1u);
  EXPECT_EQ(sender_.drops().Get(Drop::kGateFull), 0u);
}

}  // namespace
}  // namespace warp::control
