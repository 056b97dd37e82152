#include "control/gate/udp/udp_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/control/gate/udp_application.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Tunnel : public GateSink {
 public:
  size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) override {
    EXPECT_EQ(flow, wire::Flow());
    EXPECT_GT(payloads.size(), 0u);
    EXPECT_LE(payloads.size(), Gate::kBurst);
    const size_t taken = std::min(payloads.size(), room);
    for (const wire::Bytes& payload : payloads.first(taken))
      received.emplace_back(payload.begin(), payload.end());
    room -= taken;
    return taken;
  }
  size_t room = SIZE_MAX;
  std::vector<std::string> received;
};

Delivery Payload(const std::string& text) {
  std::vector<uint8_t> owner(text.begin(), text.end());
  const wire::Bytes bytes(owner);
  return Delivery(bytes, std::move(owner));
}

std::string Numbered(size_t number, size_t size) {
  std::string text = std::to_string(number) + ":";
  text.resize(size, static_cast<char>('a' + number % 26));
  return text;
}

class UdpGateTest : public ::testing::TestWithParam<const char*> {
 protected:
  UdpGateTest() : any_{*wire::IpAddress::Parse(GetParam()), 0}, app_(any_) {}

  void Open(std::optional<wire::Endpoint> deliver = std::nullopt, size_t buffer = 4 << 20) {
    auto gate = UdpGate::Open(
        *loop_, {.listen = any_, .deliver = deliver, .receive_buffer = buffer}, tunnel_);
    ASSERT_TRUE(gate.ok()) << gate.status();
    gate_ = *std::move(gate);
  }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }
  uint64_t Drops(wire::Drop drop) const { return gate_->counters().drops.Get(drop); }
  std::vector<std::string> AppReceives(UdpApplication& app, size_t count) {
    std::vector<std::string> all;
    Turn([&] {
      for (std::string& payload : app.Receive()) all.push_back(std::move(payload));
      return all.size() >= count;
    });
    return all;
  }

  const wire::Endpoint any_;
  std::unique_ptr<Loop> loop_ = MakeLoop();
  Tunnel tunnel_;
  UdpApplication app_;
  std::unique_ptr<UdpGate> gate_;
};

INSTANTIATE_TEST_SUITE_P(Families, UdpGateTest, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return *family.param == ':' ? "V6" : "V4"; });

TEST_P(UdpGateTest, AnswersWhoeverSentLast) {
  Open();
  UdpApplication other(any_);
  EXPECT_FALSE(gate_->receiver().has_value());
  ASSERT_TRUE(app_.Send(gate_->local(), "hello"));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 1; }));
  EXPECT_THAT(tunnel_.received, ElementsAre("hello"));
  EXPECT_EQ(gate_->receiver(), app_.local());

  gate_->Deliver(Payload("answer"));
  gate_->Flush();
  EXPECT_THAT(AppReceives(app_, 1), ElementsAre("answer"));
  // An unchanged application expects its answers from the address that it sends to.
  EXPECT_EQ(app_.from, gate_->local());

  ASSERT_TRUE(other.Send(gate_->local(), "me too"));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 2; }));
  gate_->Deliver(Payload("second"));
  gate_->Flush();
  EXPECT_THAT(AppReceives(other, 1), ElementsAre("second"));
  EXPECT_TRUE(app_.Receive().empty());
  EXPECT_EQ(gate_->counters().from_app, 2u);
  EXPECT_EQ(gate_->counters().to_app, 2u);
}

TEST_P(UdpGateTest, SaysOnceThatAnotherSenderTakesTheAnswersOver) {
  std::vector<std::string> said;
  auto gate = UdpGate::Open(
      *loop_, {.listen = any_, .say = [&](const std::string& text) { said.push_back(text); }},
      tunnel_);
  ASSERT_TRUE(gate.ok()) << gate.status();
  gate_ = *std::move(gate);
  UdpApplication other(any_);
  for (size_t i = 0; i < 3; ++i) {
    for (UdpApplication* app : {&app_, &other}) {
      ASSERT_TRUE(app->Send(gate_->local(), "hello"));
      const size_t before = tunnel_.received.size();
      ASSERT_TRUE(Turn([&] { return tunnel_.received.size() > before; }));
    }
  }
  EXPECT_EQ(gate_->counters().takeovers, 5u);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_THAT(said[0], HasSubstr(other.local().ToString()));
  EXPECT_THAT(said[0], HasSubstr(app_.local().ToString()));
}

TEST_P(UdpGateTest, WithOneFlowThereIsNoOtherOne) {
  Open(app_.local());
  gate_->Deliver(Delivery(Payload("of another"), {.number = 1}));
  gate_->Deliver(Delivery(Payload("the first"), {.number = 0, .answer = true}));
  gate_->Flush();
  EXPECT_THAT(AppReceives(app_, 1), ElementsAre("the first"));
  EXPECT_EQ(Drops(wire::Drop::kUnknownFlow), 1u);
}

TEST_P(UdpGateTest, DeliversToTheConfiguredAddress) {
  UdpApplication receiver(any_);
  Open(receiver.local());
  ASSERT_TRUE(app_.Send(gate_->local(), "hello"));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 1; }));
  gate_->Deliver(Payload("there"));
  gate_->Flush();
  EXPECT_THAT(AppReceives(receiver, 1), ElementsAre("there"));
  EXPECT_TRUE(app_.Receive().empty());
}

TEST_P(UdpGateTest, NobodyYet) {
  Open();
  gate_->Deliver(Payload("lost"));
  gate_->Flush();
  EXPECT_EQ(Drops(wire::Drop::kNoReceiver), 1u);
  EXPECT_EQ(gate_->counters().to_app, 0u);
}

TEST_P(UdpGateTest, TakesSegmentedSendsApart) {
  Open();
  std::string all;
  std::vector<std::string> expected;
  for (size_t i = 0; i < 40; ++i) expected.push_back(Numbered(i, 1400));
  expected.push_back("short end");
  for (const std::string& payload : expected) all += payload;
  ASSERT_TRUE(app_.SendSegmented(gate_->local(), all, 1400));
  ASSERT_TRUE(app_.Send(gate_->local(), "single"));
  expected.push_back("single");
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == expected.size(); }));
  EXPECT_EQ(tunnel_.received, expected);
}

TEST_P(UdpGateTest, DeliversRunsOfAnySizesInOrder) {
  Open(app_.local());
  std::vector<std::string> expected;
  // Runs of equal sizes that end with a shorter payload, single payloads, growing ones, empty ones, more than one flush
  // holds, and large ones.
  for (const size_t size :
       {1000, 1000, 1000, 500, 500, 1, 2, 3, 0, 0, 7, 0, 40000, 40000, 30000, 20000})
    expected.push_back(Numbered(expected.size(), size));
  for (size_t i = 0; i < 300; ++i) expected.push_back(Numbered(i, 1200));
  for (const std::string& payload : expected) gate_->Deliver(Payload(payload));
  gate_->Flush();
  EXPECT_EQ(AppReceives(app_, expected.size()), expected);
  EXPECT_EQ(gate_->counters().to_app, expected.size());
}

TEST_P(UdpGateTest, ReceiverWithGroGetsRuns) {
  const int on = 1;
  ASSERT_EQ(setsockopt(app_.fd(), SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
  Open(app_.local());
  std::string all;
  for (size_t i = 0; i < 46; ++i) {
    all += Numbered(i, 1400);
    gate_->Deliver(Payload(Numbered(i, 1400)));
  }
  gate_->Flush();
  // One call of send for all payloads, and one of receive.
  EXPECT_THAT(AppReceives(app_, 1), ElementsAre(all));
}

TEST_P(UdpGateTest, EmptyAndLargestPayloads) {
  Open();
  const size_t largest = any_.address.is_v4() ? 65507 : 65527;
  ASSERT_TRUE(app_.Send(gate_->local(), ""));
  ASSERT_TRUE(app_.Send(gate_->local(), std::string(largest, 'x')));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 2; }));
  EXPECT_EQ(tunnel_.received[0], "");
  EXPECT_EQ(tunnel_.received[1].size(), largest);

  gate_->Deliver(Payload(std::string(largest, 'y')));
  gate_->Deliver(Payload(std::string(largest + 1, 'z')));
  gate_->Deliver(Payload(""));
  gate_->Flush();
  const std::vector<std::string> received = AppReceives(app_, 2);
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0].size(), largest);
  EXPECT_EQ(received[1], "");
  EXPECT_EQ(Drops(wire::Drop::kTooLarge), 1u);
}

TEST_P(UdpGateTest, WaitsForRoomAndLosesNothing) {
  Open();
  std::vector<std::string> expected;
  for (size_t i = 0; i < 500; ++i) {
    expected.push_back(Numbered(i, 100 + i % 7));
    ASSERT_TRUE(app_.Send(gate_->local(), expected.back()));
  }
  // Room comes in portions of 7 payloads, so that many portions end in the middle of a receive.
  for (size_t total = 0; total < expected.size(); total += 7) {
    tunnel_.room = 7;
    gate_->Resume();
    for (int i = 0; i < 3; ++i) loop_->RunOnce(64);
    ASSERT_EQ(tunnel_.received.size(), std::min(total + 7, expected.size()));
    if (total == 70) {  // another payload arrives while the gate holds back
      expected.push_back("late");
      ASSERT_TRUE(app_.Send(gate_->local(), expected.back()));
    }
  }
  EXPECT_EQ(tunnel_.received, expected);
  EXPECT_EQ(gate_->counters().from_app, expected.size());
}

TEST_P(UdpGateTest, HoldsSegmentsOfOneReceive) {
  Open();
  tunnel_.room = 5;
  std::string all;
  for (size_t i = 0; i < 20; ++i) all += Numbered(i, 1000);
  ASSERT_TRUE(app_.SendSegmented(gate_->local(), all, 1000));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 5; }));
  tunnel_.room = SIZE_MAX;
  gate_->Resume();
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 20; }));
  EXPECT_EQ(tunnel_.received[19], Numbered(19, 1000));
}

TEST_P(UdpGateTest, FloodIsBoundedByTheSocketsBuffer) {
  Open(std::nullopt, 64 << 10);
  for (size_t i = 0; i < 5000; ++i) ASSERT_TRUE(app_.Send(gate_->local(), Numbered(i, 1000)));
  Settle(*loop_);
  EXPECT_GT(tunnel_.received.size(), 10u);
  EXPECT_LT(tunnel_.received.size(), 500u);
  tunnel_.received.clear();
  ASSERT_TRUE(app_.Send(gate_->local(), "after"));
  ASSERT_TRUE(Turn([&] { return !tunnel_.received.empty(); }));
  EXPECT_THAT(tunnel_.received, ElementsAre("after"));
}

TEST_P(UdpGateTest, WhatItsBufferHadNoRoomForIsGateFullOnce) {
  Open(std::nullopt, 64 << 10);
  for (const size_t sent : {2000, 4000}) {
    for (size_t i = 0; i < 2000; ++i) ASSERT_TRUE(app_.Send(gate_->local(), Numbered(i, 1000)));
    // The drops are counted before the gate receives anything.
    EXPECT_GT(Drops(wire::Drop::kGateFull), sent / 2 - 500);
    Settle(*loop_);
    EXPECT_EQ(tunnel_.received.size() + Drops(wire::Drop::kGateFull), sent);
    EXPECT_EQ(gate_->counters().from_app, tunnel_.received.size());
  }
}

TEST_P(UdpGateTest, OtherCallbacksHaveTheirTurnDuringAFlood) {
  Open();
  size_t most = 0;
  for (size_t i = 0; i < 2000; ++i) ASSERT_TRUE(app_.Send(gate_->local(), "x"));
  while (tunnel_.received.size() < 2000) {
    const size_t before = tunnel_.received.size();
    loop_->RunOnce(64);
    most = std::max(most, tunnel_.received.size() - before);
    loop_->Wait(std::chrono::milliseconds(10));
  }
  EXPECT_LE(most, 512u);
}

TEST_P(UdpGateTest, DeadReceiverIsCountedAndMayReturn) {
  auto receiver = std::make_unique<UdpApplication>(any_);
  const wire::Endpoint address = receiver->local();
  Open(address);
  receiver.reset();
  for (int i = 0; i < 10; ++i) {
    gate_->Deliver(Payload("nobody"));
    gate_->Deliver(Payload("is here at all"));  // another size, hence another run
    gate_->Flush();
    Settle(*loop_);
  }
  EXPECT_EQ(Drops(wire::Drop::kNoReceiver), 20u);

  // The application still sends payloads into the gate.
  ASSERT_TRUE(app_.Send(gate_->local(), "in"));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 1; }));

  // The socket has an error pending from the payload just refused. Once the application has started again, this error
  // must not cost a payload.
  gate_->Deliver(Payload("nobody"));
  gate_->Flush();
  UdpApplication again(address);
  gate_->Deliver(Payload("back"));
  gate_->Flush();
  EXPECT_THAT(AppReceives(again, 1), ElementsAre("back"));
}

TEST_P(UdpGateTest, RefusesUnfitAddresses) {
  const auto status = [&](const UdpGateOptions& options) {
    return UdpGate::Open(*loop_, options, tunnel_).status();
  };
  Open();
  const absl::Status in_use = status({.listen = gate_->local()});
  EXPECT_EQ(in_use.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(in_use.message()), HasSubstr(gate_->local().ToString()));
  const wire::Endpoint here = app_.local();
  const wire::Endpoint far = *wire::Endpoint::Parse("192.0.2.1:9000");
  const wire::Endpoint other =
      *wire::Endpoint::Parse(any_.address.is_v4() ? "[::1]:9000" : "127.0.0.1:9000");
  EXPECT_EQ(status({.listen = far}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status({.listen = any_, .deliver = far}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status({.listen = any_, .deliver = other}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status({.listen = here, .deliver = here}).code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(UdpGateTest, ClosingFreesTheAddressAtOnce) {
  Open();
  const wire::Endpoint address = gate_->local();
  ASSERT_TRUE(app_.Send(address, "x"));
  ASSERT_TRUE(Turn([&] { return tunnel_.received.size() == 1; }));
  gate_.reset();
  EXPECT_TRUE(UdpGate::Open(*loop_, {.listen = address}, tunnel_).ok());
}

TEST(UdpGateForeignTest, OnlyLoopbackAddressesMaySend) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(NetworkNamespace::Run("ip addr add 192.0.2.7/32 dev lo"));
    auto loop = MakeLoop();
    Tunnel tunnel;
    auto gate = UdpGate::Open(*loop, {.listen = {*wire::IpAddress::Parse("127.0.0.1"), 0}}, tunnel);
    ASSERT_TRUE(gate.ok()) << gate.status();
    UdpApplication foreign({*wire::IpAddress::Parse("192.0.2.7"), 0});
    UdpApplication local({*wire::IpAddress::Parse("127.0.0.1"), 0});
    ASSERT_TRUE(foreign.SendSegmented((*gate)->local(), std::string(2500, 'f'), 1000));
    ASSERT_TRUE(local.Send((*gate)->local(), "good"));
    ASSERT_TRUE(foreign.Send((*gate)->local(), "bad"));
    ASSERT_TRUE(TurnUntil(
        *loop, [&] { return (*gate)->counters().drops.Get(wire::Drop::kForeignSender) == 4; }));
    EXPECT_THAT(tunnel.received, ElementsAre("good"));
    EXPECT_EQ((*gate)->receiver(), local.local());
  });
}

TEST(DeliveryTest, FreesItsOwnerOnce) {
  auto owner = std::make_shared<std::string>("payload");
  {
    const wire::Bytes bytes(reinterpret_cast<const uint8_t*>(owner->data()), owner->size());
    Delivery first(bytes, owner);
    EXPECT_EQ(owner.use_count(), 2);
    Delivery second(std::move(first));
    EXPECT_EQ(owner.use_count(), 2);
    Delivery third(bytes, owner);
    third = std::move(second);
    EXPECT_EQ(owner.use_count(), 2);
    EXPECT_EQ(third.bytes().size(), 7u);
  }
  EXPECT_EQ(owner.use_count(), 1);
}

}  // namespace
}  // namespace warp::control
