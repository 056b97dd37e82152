// When the workers are the only bottleneck, further payloads are left in the gate. So a tunnel takes nothing more
// while all slots are busy or a payload waits for one. The first tests drive the sender in virtual time; the others
// drive a whole tunnel, whose gate has a socket.
#include "control/tunnel/tunnel.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/control/gate/udp_application.h"
#include "tests/control/tunnel/tunnel_sender_fixture.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using lcore::FakeDataplane;
using wire::Drop;

class LcoresBehindTest : public TunnelSenderTest {
 protected:
  void Fill() {
    for (int i = 0; i < 60; ++i) Send("x");
    EXPECT_EQ(Sent().size(), 60u);
  }
  // Offers one payload more than may wait.
  void ExpectToTakeThreeMoreOfFour() {
    for (int i = 0; i < 4; ++i) Send("more");
    EXPECT_EQ(sender_.waiting(), 3u);
    EXPECT_EQ(sender_.drops().Get(Drop::kGateFull), 1u);
  }
};

TEST_F(LcoresBehindTest, WhileEverySlotIsBusy) {
  for (int i = 0; i < 59; ++i) Send("x");
  EXPECT_FALSE(sender_.lcores_behind());
  Send("x");
  EXPECT_TRUE(sender_.lcores_behind());
  Sent();
  sender_.HandleCompletion(now_, Report(17, true));
  EXPECT_FALSE(sender_.lcores_behind());
}

// The payload needs three slots, and two are free.
TEST_F(LcoresBehindTest, WhileOneThatIsCutWaitsForSlots) {
  const std::string large(4000, 'x');
  for (int i = 0; i < 19; ++i) Send(large);
  Send("x");
  EXPECT_FALSE(sender_.lcores_behind());
  Send(large);
  EXPECT_EQ(sender_.waiting(), 1u);
  EXPECT_TRUE(sender_.lcores_behind());
  submitter_.Flush();
  ASSERT_EQ(dataplane_.submitted.size(), 58u);
  requests_.push_back(dataplane_.submitted.back().request);
  sender_.HandleCompletion(now_, Report(0, true));
  EXPECT_TRUE(sender_.lcores_behind());  // the payload still waits
  sender_.Pump(now_);
  EXPECT_EQ(sender_.waiting(), 0u);
  Send("y");
  EXPECT_TRUE(sender_.lcores_behind());  // 60 packets are in flight, and a payload waits
}

// One of the payloads was in a worker's ring when the path failed.
TEST_F(LcoresBehindTest, WhileThatDrainsWhichWaitedForAPath) {
  Fill();
  Disconnect();
  for (int i = 0; i < 2; ++i) Send("waits");
  lcore::Completion refused = Report(0, false);
  refused.plaintext = dataplane_.AllocatePlaintext();
  refused.plaintext.Append(wire::kInnerHeaderSize);
  refused.reason = Drop::kNoPath;
  sender_.HandleCompletion(now_, std::move(refused));
  EXPECT_EQ(sender_.waiting(), 3u);
  EXPECT_FALSE(sender_.lcores_behind());
  Connect();
  for (size_t i = 1; i < 3; ++i) {
    Pass(1);
    EXPECT_TRUE(sender_.lcores_behind());
    sender_.HandleCompletion(now_, Report(i, true));
  }
  Pass(1);
  EXPECT_EQ(sender_.waiting(), 0u);
  sender_.HandleCompletion(now_, Report(3, true));
  EXPECT_FALSE(sender_.lcores_behind());
}

TEST_F(LcoresBehindTest, UntilTheDeadlineFreesTheSlots) {
  Fill();
  Pass(99);
  EXPECT_TRUE(sender_.lcores_behind());
  Pass(1);
  EXPECT_FALSE(sender_.lcores_behind());
}

TEST_F(LcoresBehindTest, NotWhereThereIsNoPath) {
  Fill();
  Disconnect();
  EXPECT_FALSE(sender_.lcores_behind());
  ExpectToTakeThreeMoreOfFour();
}

TEST_F(LcoresBehindTest, NotWhileOneThatWasRefusedWaits) {
  Fill();
  lcore::Completion refused = Report(0, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  EXPECT_FALSE(sender_.lcores_behind());
  ExpectToTakeThreeMoreOfFour();
}

// Every slot is busy and nothing waits, but the ports are the bottleneck.
TEST_F(LcoresBehindTest, NotWhileTheWindowIsNarrow) {
  Fill();
  for (size_t i = 1; i < 40; ++i) {  // each is refused by the first of two lcores
    lcore::Completion report = Report(i, false);
    report.reports = 2;
    sender_.HandleCompletion(now_, std::move(report));
  }
  lcore::Completion refused = Report(0, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  Pass(1);
  ASSERT_EQ(dataplane_.resubmitted.size(), 1u);
  ASSERT_EQ(sender_.in_flight(), 60u);
  ASSERT_EQ(sender_.waiting(), 0u);
  EXPECT_FALSE(sender_.lcores_behind());
  ExpectToTakeThreeMoreOfFour();
}

// --- A tunnel and its gate. ---

class TunnelTest : public TunnelSenderTest {
 protected:
  static constexpr size_t kInFlight = 1024;
  static constexpr size_t kQueue = 4;

  void Open(wire::Duration deadline) {
    config_.name = "video";
    config_.id = kTunnelId;
    config_.deadline = deadline;
    config_.queue = kQueue;
    config_.gate.loopback = config::UdpGateConfig{.listen = address_};
    auto tunnel = Tunnel::Open({*loop_, dataplane_, submitter_, gates_}, config_, 5, route_);
    ASSERT_TRUE(tunnel.ok()) << tunnel.status();
    tunnel_ = *std::move(tunnel);
  }
  void Offer(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      offered_.push_back(std::to_string(offered_.size()));
      ASSERT_TRUE(app_.Send(address_, offered_.back()));
    }
  }
  // Turns until the gate has given `count` payloads to the tunnel.
  bool Gives(size_t count) {
    return TurnUntil(*loop_, [&] { return tunnel_->gate_counters().from_app == count; });
  }
  void Fill() {
    while (offered_.size() < kInFlight) {  // the pieces fit every socket buffer
      Offer(64);
      ASSERT_TRUE(Gives(offered_.size()));
    }
  }
  // Offers ten more, of which the tunnel takes none.
  void OfferTenInVain() {
    Offer(10);
    Settle(*loop_);
    ASSERT_EQ(tunnel_->gate_counters().from_app, kInFlight);
  }
  void ExpectTenTakenAsRoomAllows() {
    EXPECT_TRUE(Gives(kInFlight + 10));
    EXPECT_EQ(tunnel_->sender().waiting(), kQueue);
    EXPECT_EQ(tunnel_->sender().drops().Get(Drop::kGateFull), 10 - kQueue);
  }
  uint64_t GateFull() const {
    return tunnel_->sender().drops().Get(Drop::kGateFull) +
           tunnel_->gate_counters().drops.Get(Drop::kGateFull);
  }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  GateFactory gates_{*loop_};
  const wire::Endpoint any_{wire::IpAddress::V4({127, 0, 0, 1}), 0};
  // The application has closed its socket, so this address is free again.
  const wire::Endpoint address_ = UdpApplication(any_).local();
  UdpApplication app_{any_};
  config::TunnelConfig config_;
  std::unique_ptr<Tunnel> tunnel_;
  std::vector<std::string> offered_;
};

TEST_F(TunnelTest, TakesFewerThanAllAndTheFirstOfThem) {
  Open(std::chrono::seconds(10));
  std::vector<std::string> texts;
  for (size_t i = 0; i < kInFlight + 10; ++i) texts.push_back(std::to_string(i));
  const std::vector<wire::Bytes> payloads = [&] {
    std::vector<wire::Bytes> all;
    for (const std::string& text : texts) all.push_back(BytesOf(text));
    return all;
  }();
  const std::span<const wire::Bytes> rest(payloads);
  EXPECT_EQ(tunnel_->OnPayloads(rest.first(1000), {}), 1000u);
  EXPECT_EQ(tunnel_->OnPayloads(rest.subspan(1000), {}), 24u);
  EXPECT_EQ(tunnel_->OnPayloads(rest.subspan(kInFlight), {}), 0u);
  texts.resize(kInFlight);
  EXPECT_EQ(Sent(), texts);
  EXPECT_EQ(GateFull(), 0u);
}

TEST_F(TunnelTest, ItsFlowsLastAsLongAsItSays) {
  config_.flows = 2;
  config_.flow_idle = std::chrono::milliseconds(80);
  Open(std::chrono::seconds(10));
  Offer(1);
  ASSERT_TRUE(Gives(1));
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return tunnel_->gate_status().flows == 0; }));
}

TEST_F(TunnelTest, WhatTheLcoresHaveNoTimeForStaysInTheGate) {
  Open(std::chrono::seconds(10));
  Fill();
  OfferTenInVain();
  std::vector<std::string> sent = Sent();
  for (size_t i = 0; i < 3; ++i) tunnel_->HandleCompletion(Report(i, true));
  ASSERT_TRUE(Gives(kInFlight + 3));
  Settle(*loop_);
  EXPECT_EQ(tunnel_->gate_counters().from_app, kInFlight + 3);
  for (size_t i = 3; i < kInFlight; ++i) tunnel_->HandleCompletion(Report(i, true));
  ASSERT_TRUE(Gives(kInFlight + 10));
  for (std::string& payload : Sent()) sent.push_back(std::move(payload));
  EXPECT_EQ(sent, offered_);
  EXPECT_EQ(GateFull(), 0u);
}

TEST_F(TunnelTest, ItLeavesTheGateWhenTheDeadlineFreesASlot) {
  Open(std::chrono::milliseconds(200));
  Fill();
  Offer(10);
  EXPECT_TRUE(Gives(kInFlight + 10));
  EXPECT_EQ(tunnel_->sender().in_flight(), kInFlight + 10);  // nobody has reported yet
  EXPECT_EQ(GateFull(), 0u);
}

TEST_F(TunnelTest, ItIsTakenWhenTheLastPathGoes) {
  Open(std::chrono::seconds(10));
  Fill();
  OfferTenInVain();
  Disconnect();
  tunnel_->RouteChanged();
  ExpectTenTakenAsRoomAllows();
}

TEST_F(TunnelTest, ItIsTakenWhenTheGateCloses) {
  Open(std::chrono::seconds(10));
  Fill();
  OfferTenInVain();
  tunnel_->CloseGate();
  EXPECT_EQ(tunnel_->gate_counters().from_app, kInFlight + 10);
  EXPECT_EQ(tunnel_->sender().waiting(), kQueue);
  EXPECT_EQ(GateFull(), 10 - kQueue);
}

TEST_F(TunnelTest, ItIsTakenWhenPortsRefuse) {
  Open(std::chrono::seconds(10));
  Fill();
  OfferTenInVain();
  Sent();
  lcore::Completion refused = Report(0, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  tunnel_->HandleCompletion(std::move(refused));
  ExpectTenTakenAsRoomAllows();
}

}  // namespace
}  // namespace warp::control
