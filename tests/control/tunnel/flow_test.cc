// Payloads of several flows keep them on whatever way they leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "control/parity/recovery.h"
#include "control/tunnel/reassembler.h"
#include "dataplane/wire/handshake/introduction.h"
#include "tests/control/tunnel/bond/sender_bond_fixture.h"
#include "tests/control/tunnel/tunnel_sender_fixture.h"

namespace warp::control {
namespace {

using lcore::FakeDataplane;
using std::chrono::milliseconds;
using testing::ElementsAre;
using wire::Drop;
using wire::Flow;

constexpr Flow kFlow{.number = 200};
constexpr Flow kAnswer{.number = 3, .answer = true};

// Payloads over all paths.
class ReplicatedFlowTest : public TunnelSenderTest {
 protected:
  ReplicatedFlowTest() { Know(wire::kFeatureFlows); }

  TunnelSender with_flows_{{.tunnel_index = 6,
                            .tunnel_id = kTunnelId,
                            .deadline = milliseconds(100),
                            .max_in_flight = 60,
                            .flows = true},
                           route_,
                           dataplane_,
                           submitter_,
                           [this](size_t payloads) { done_ += payloads; }};

  // The peer of the session from now on says that it understands this.
  void Know(uint32_t features) {
    Connect();
    wire::Session::Params params{.local_index = 99, .window = 64};
    params.remote = {.features = features, .life = 1};
    route_.session =
        std::make_shared<wire::Session>(params, wire::SymmetricKey(), wire::SymmetricKey());
  }
  std::vector<FakeDataplane::Submitted> Submitted() {
    submitter_.Flush();
    return std::exchange(dataplane_.submitted, {});
  }
  std::vector<Flow> FlowsSent() {
    std::vector<Flow> flows;
    for (const auto& item : Submitted())
      flows.push_back(wire::ReadPayloadHeader(item.packet.bytes())->flow);
    return flows;
  }
};

TEST_F(ReplicatedFlowTest, StandsInTheHeader) {
  with_flows_.Send(now_, BytesOf("one"), kFlow);
  with_flows_.Send(now_, BytesOf("two"), kAnswer);
  with_flows_.Send(now_, BytesOf("three"));
  EXPECT_THAT(FlowsSent(), ElementsAre(kFlow, kAnswer, Flow()));
}

TEST_F(ReplicatedFlowTest, StandsInEachPiece) {
  with_flows_.Send(now_, BytesOf(std::string(5000, 'x')), kAnswer);
  const auto items = Submitted();
  ASSERT_EQ(items.size(), 4u);
  Reassembler reassembler(Reassembler::LimitsFor(wire::kDefaultWindow));
  for (const auto& item : items) {
    const auto result = reassembler.Add(0, 1, item.request.counter, item.packet.bytes());
    EXPECT_FALSE(result.drop.has_value());
    if (!result.payload.has_value()) continue;
    EXPECT_EQ(result.payload->bytes.size(), 5000u);
    EXPECT_EQ(result.payload->flow, kAnswer);
  }
}

TEST_F(ReplicatedFlowTest, IsKeptWhileThePayloadWaits) {
  Disconnect();
  with_flows_.Send(now_, BytesOf("waits"), kFlow);
  Know(wire::kFeatureFlows);
  with_flows_.Pump(now_);
  EXPECT_THAT(FlowsSent(), ElementsAre(kFlow));
}

// Its number is another program's in the peer's next life.
TEST_F(ReplicatedFlowTest, AnAnswerThatWaitedIsNoneInThePeersNextLife) {
  Disconnect();
  with_flows_.Send(now_, BytesOf("to whoever had the number"), kAnswer);
  with_flows_.Send(now_, BytesOf("of a program here"), kFlow);
  with_flows_.EndAnswers();
  with_flows_.Send(now_, BytesOf("to whoever has it now"), kAnswer);
  Know(wire::kFeatureFlows);
  with_flows_.Pump(now_);
  const auto items = Submitted();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(wire::ReadPayloadHeader(items[0].packet.bytes())->flow, kFlow);
  EXPECT_EQ(wire::ReadPayloadHeader(items[1].packet.bytes())->flow, kAnswer);
  EXPECT_EQ(items[1].packet.bytes().size(), wire::kInnerHeaderSize + 21);
  EXPECT_EQ(with_flows_.drops().Get(Drop::kUnknownFlow), 1u);
  EXPECT_EQ(done_, 1u);
}

TEST_F(ReplicatedFlowTest, AnAnswerThatComesBackUnsealedIsNoneEither) {
  with_flows_.Send(now_, BytesOf("x"), kAnswer);
  auto items = Submitted();
  with_flows_.EndAnswers();
  lcore::Completion report{.ticket = items[0].request.ticket, .reason = Drop::kNoPath};
  report.plaintext = std::move(items[0].packet);
  with_flows_.HandleCompletion(now_, std::move(report));
  now_ += milliseconds(5);
  with_flows_.Pump(now_);
  EXPECT_TRUE(Submitted().empty());
  EXPECT_EQ(with_flows_.drops().Get(Drop::kUnknownFlow), 1u);
}

TEST_F(ReplicatedFlowTest, IsKeptByAPayloadThatComesBack) {
  for (const size_t size : {10, 5000}) {
    with_flows_.Send(now_, BytesOf(std::string(size, 'x')), kFlow);
    auto items = Submitted();
    lcore::Completion report{.ticket = items[0].request.ticket, .reason = Drop::kNoPath};
    report.plaintext = std::move(items[0].packet);
    with_flows_.HandleCompletion(now_, std::move(report));
    now_ += milliseconds(5);
    with_flows_.Pump(now_);
    items = Submitted();
    ASSERT_FALSE(items.empty());
    const auto whole = wire::ReadPayloadHeader(items[0].packet.bytes());
    const auto piece = wire::ReadFragmentHeader(items[0].packet.bytes());
    EXPECT_EQ(whole ? whole->flow : piece->flow, kFlow) << size;
    EXPECT_EQ(items.size(), size == 10 ? 1u : 4u);
    for (const auto& item : items)
      with_flows_.HandleCompletion(now_, {.ticket = item.request.ticket, .taken = true});
  }
}

TEST_F(ReplicatedFlowTest, AnOldPeerGetsTheFirstOneAlone) {
  Know(0);
  with_flows_.Send(now_, BytesOf("one"), kFlow);
  with_flows_.Send(now_, BytesOf("two"), {.number = 0, .answer = true});
  with_flows_.Send(now_, BytesOf("three"));
  EXPECT_THAT(FlowsSent(), ElementsAre(Flow()));
  EXPECT_EQ(with_flows_.drops().Get(Drop::kUnknownFlow), 2u);
  EXPECT_EQ(done_, 2u);
}

// Of a tunnel whose payloads bring nothing along, as those of an interface do not.
TEST_F(ReplicatedFlowTest, AMarkStaysOutsideWhereThePacketHasItInside) {
  sender_.Send(now_, BytesOf("packet"), {.dscp = 46});
  const auto items = Submitted();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].request.dscp, 46);
  EXPECT_EQ(items[0].packet.bytes().size(), wire::kInnerHeaderSize + 6);
}

TEST_F(ReplicatedFlowTest, AMarkGoesInsideAndOutside) {
  with_flows_.Send(now_, BytesOf("one"), {.number = 7, .dscp = 46});
  with_flows_.Send(now_, BytesOf(std::string(5000, 'x')), {.dscp = 10});
  const auto items = Submitted();
  ASSERT_EQ(items.size(), 5u);
  EXPECT_EQ(wire::ReadPayloadHeader(items[0].packet.bytes())->flow,
            (Flow{.number = 7, .dscp = 46}));
  EXPECT_EQ(items[0].request.dscp, 46);
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(wire::ReadFragmentHeader(items[i].packet.bytes())->flow, Flow{.dscp = 10});
    EXPECT_EQ(items[i].request.dscp, 10);
    EXPECT_LE(items[i].packet.bytes().size(), route_.max_plaintext);
  }
}

TEST_F(ReplicatedFlowTest, AnOldPeerGetsTheMarkOutsideAlone) {
  Know(0);
  with_flows_.Send(now_, BytesOf("one"), {.dscp = 46});
  const auto items = Submitted();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].request.dscp, 46);
  EXPECT_EQ(wire::ReadPayloadHeader(items[0].packet.bytes())->flow, Flow());
}

TEST_F(ReplicatedFlowTest, WhatEveryPathRefusedGoesAgainWithItsMark) {
  with_flows_.Send(now_, BytesOf("one"), {.dscp = 46});
  auto items = Submitted();
  lcore::Completion report{.ticket = items[0].request.ticket, .reason = Drop::kTxFull};
  report.sealed = FakeDataplane::MakeSealed(items[0].packet.bytes());
  with_flows_.HandleCompletion(now_, std::move(report));
  now_ += milliseconds(5);
  with_flows_.Pump(now_);
  ASSERT_EQ(dataplane_.resubmitted.size(), 1u);
  EXPECT_EQ(dataplane_.resubmitted[0].request.dscp, 46);
}

// Payloads over one path each, which are put in order, sent again, and have parity.
class StripedFlowTest : public SenderBondTest {
 protected:
  StripedFlowTest() { SetRoute({0, 1}, kAllFeatures | wire::kFeatureFlows); }

  // A sender whose payloads bring their flows along.
  void Use(const config::TunnelPolicy& policy) {
    with_flows_.SetPolicy(loop_->now(), policy);
    with_flows_.SetBond(loop_->now(), bond_);
    bond_.RouteChanged();
  }
  void SendOf(const std::string& payload, Flow flow) {
    with_flows_.Send(loop_->now(), BytesOf(payload), flow);
  }
  void Pump() {
    if (with_flows_.NextTimeout() <= loop_->now()) with_flows_.Pump(loop_->now());
  }

  TunnelSender with_flows_{{.tunnel_index = 6,
                            .tunnel_id = 8,
                            .deadline = milliseconds(400),
                            .max_in_flight = 60,
                            .flows = true},
                           route_,
                           dataplane_,
                           submitter_};
};

TEST_F(StripedFlowTest, IsKeptByAPayloadThatIsSentAgain) {
  Use({.mode = config::TunnelMode::kStripe,
       .order = milliseconds(100),
       .resend = milliseconds(500)});
  for (uint8_t number = 0; number < 8; ++number) SendOf("x", {.number = number});
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 8u);
  for (uint8_t number = 0; number < 8; ++number) {
    EXPECT_EQ(left[number].place->flow, Flow{.number = number});
    EXPECT_EQ(left[number].payload, "x");
  }
  Tell(left.back().counter, left.back().paths == 1 ? 0 : 1, {left[5].counter});
  std::vector<Left> again;
  EXPECT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) again.push_back(std::move(one));
    return !again.empty();
  }));
  EXPECT_EQ(again[0].place->sequence, left[5].place->sequence);
  EXPECT_EQ(again[0].place->flow, Flow{.number = 5});
}

TEST_F(StripedFlowTest, AnAnswerOfThePeersLifeBeforeIsNotSentAgain) {
  Use({.mode = config::TunnelMode::kStripe,
       .order = milliseconds(100),
       .resend = milliseconds(500)});
  for (int i = 0; i < 8; ++i) SendOf("x", i == 5 ? kAnswer : kFlow);
  const std::vector<Left> left = Take();
  ASSERT_EQ(left.size(), 8u);
  with_flows_.EndAnswers();
  Tell(left.back().counter, left.back().paths == 1 ? 0 : 1, {left[4].counter, left[5].counter});
  std::vector<Left> again;
  EXPECT_TRUE(TurnUntil(*loop_, [&] {
    for (Left& one : Take()) again.push_back(std::move(one));
    return !again.empty();
  }));
  Settle(*loop_);
  for (Left& one : Take()) again.push_back(std::move(one));
  for (const Left& one : again) EXPECT_EQ(one.place->flow, kFlow);
}

TEST_F(StripedFlowTest, NoParityRestoresAnAnswerOfThePeersLifeBefore) {
  Use({.mode = config::TunnelMode::kStripe,
       .order = milliseconds(100),
       .fec = {.payloads = 4, .parities = 1}});
  for (int i = 0; i < 3; ++i) SendOf("x", kAnswer);
  with_flows_.EndAnswers();
  SendOf("x", kFlow);
  std::vector<Left> left;
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    Pump();
    for (Left& one : Take()) left.push_back(std::move(one));
    return !left.empty() && left.back().parity.has_value();
  }));
  // The block is of the last one alone.
  EXPECT_EQ(left.size(), 5u);
  EXPECT_EQ(left.back().parity->count, 1u);
}

TEST_F(StripedFlowTest, IsRestoredByParity) {
  Use({.mode = config::TunnelMode::kStripe,
       .order = milliseconds(100),
       .fec = {.payloads = 4, .parities = 1}});
  parity::Recovery recovery;
  const std::vector<Flow> flows = {kFlow, kAnswer, Flow(), kAnswer};
  std::vector<std::pair<std::string, Flow>> restored;
  for (size_t block = 0; block < 3; ++block) {
    for (const Flow& flow : flows) SendOf(std::string(flow.number % 7 + 1, 'a'), flow);
    std::vector<Left> left;
    ASSERT_TRUE(TurnUntil(*loop_, [&] {
      Pump();
      for (Left& one : Take()) left.push_back(std::move(one));
      return left.size() >= 5;
    }));
    for (const Left& one : left) {
      if (one.parity.has_value()) {
        EXPECT_TRUE(one.parity->flows);
        recovery.Add(loop_->now(), *one.parity, BytesOf(one.payload));
      } else if (one.place->sequence % 4 != block) {  // that one is lost
        recovery.Note(loop_->now(), *one.place, BytesOf(one.payload));
      }
    }
    for (const auto& one : recovery.Take())
      restored.emplace_back(std::string(one.bytes.begin(), one.bytes.end()), one.header.flow);
  }
  // Nothing is kept before the first parity.
  EXPECT_THAT(restored, ElementsAre(std::pair("aaaa", kAnswer), std::pair("a", Flow())));
}

TEST_F(StripedFlowTest, ParityNeedsAPeerThatKnowsFlows) {
  SetRoute({0, 1}, kAllFeatures);
  Use({.mode = config::TunnelMode::kStripe,
       .order = milliseconds(100),
       .fec = {.payloads = 2, .parities = 1}});
  for (int i = 0; i < 4; ++i) SendOf("x", Flow());
  Settle(*loop_);
  with_flows_.Pump(loop_->now());
  for (const Left& one : Take()) EXPECT_FALSE(one.parity.has_value());
}

}  // namespace
}  // namespace warp::control
