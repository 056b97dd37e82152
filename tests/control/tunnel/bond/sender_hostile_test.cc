// A sender whose policy, route, session, workers and peer change at any moment, and a receiver of what left. Whatever
// happens, the peer delivers only what was sent, and each of it once; and the gate is told of each payload once.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>
#include <string>

#include "control/parity/recovery.h"
#include "control/tunnel/orderer.h"
#include "control/tunnel/reassembler.h"
#include "tests/control/tunnel/bond/sender_bond_fixture.h"

namespace warp::control {
namespace {

using config::TunnelMode;
using std::chrono::milliseconds;
using wire::Bytes;

class Receiver {
 public:
  void Receive(wire::Instant now, uint32_t session, uint64_t counter, Bytes plaintext) {
    if (const auto header = wire::ReadSequencedHeader(plaintext)) {
      Place(now, *header, plaintext.subspan(wire::kSequencedHeaderSize));
    } else if (wire::ReadPayloadHeader(plaintext)) {
      Deliver(plaintext.subspan(wire::kInnerHeaderSize));
    } else if (const auto parity = wire::ReadParityHeader(plaintext)) {
      recovery_.Add(now, *parity, plaintext.subspan(wire::kParityHeaderSize));
    } else {
      auto result = reassembler_.Add(now.time_since_epoch().count(), session, counter, plaintext);
      if (!result.payload) return;
      if (result.payload->place) {
        Place(now, *result.payload->place, result.payload->bytes);
      } else {
        Deliver(result.payload->bytes);
      }
    }
    for (parity::Recovery::Payload& one : recovery_.Take()) {
      ++restored_;
      Order(now, one.header, one.bytes);
    }
  }
  void Turn(wire::Instant now) {
    orderer_.HandleTimeout(now);
    recovery_.Expire(now);
  }
  const std::vector<std::string>& delivered() const { return delivered_; }
  uint64_t restored() const { return restored_; }
  uint64_t conflicts() { return recovery_.TakeEnded().conflict; }

 private:
  void Place(wire::Instant now, const wire::SequencedHeader& header, Bytes bytes) {
    recovery_.Note(now, header, bytes);
    Order(now, header, bytes);
  }
  void Order(wire::Instant now, const wire::SequencedHeader& header, Bytes bytes) {
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    const Bytes view(copy);
    orderer_.Add(now, {.number = 1, .expires = now + std::chrono::hours(1)}, {}, header,
                 Delivery(view, std::move(copy)));
  }
  void Deliver(Bytes bytes) { delivered_.emplace_back(bytes.begin(), bytes.end()); }

  std::vector<std::string> delivered_;
  uint64_t restored_ = 0;
  Orderer orderer_{[this](Delivery&& payload) { Deliver(payload.bytes()); }};
  parity::Recovery recovery_;
  Reassembler reassembler_{Reassembler::LimitsFor(4096)};
};

class SenderHostileTest : public SenderBondTest {
 protected:
  uint64_t Any(uint64_t below) { return random_() % below; }
  bool OneIn(uint64_t many) { return Any(many) == 0; }

  // Each begins with its own number, but those without bytes.
  void SendAny() {
    constexpr size_t kSizes[] = {0, 8, 60, 1000, 1391, 1392, 1393, 1396, 1397, 1404, 5000, 65536};
    std::string payload(kSizes[Any(std::size(kSizes) - (OneIn(50) ? 0 : 2))], 'x');
    for (size_t i = 8; i < payload.size(); ++i) payload[i] = static_cast<char>(random_());
    if (!payload.empty()) payload.replace(0, 8, std::to_string(10'000'000 + sent_.size()));
    sent_.insert(payload);
    ++sends_;
    Send(payload);
  }
  void AnyPolicy() {
    constexpr config::Fec kFecs[] = {{},
                                     {.payloads = 1, .parities = 1},
                                     {.payloads = 2, .parities = 1},
                                     {.payloads = 10, .parities = 4},
                                     {.payloads = 32, .parities = 8},
                                     {.automatic = true, .most = 1}};
    sender_.SetDeadline(loop_->now(), milliseconds(OneIn(4) ? 1 : 400));
    sender_.SetPolicy(loop_->now(), {.mode = static_cast<TunnelMode>(Any(4)),
                                     .copies = static_cast<uint32_t>(Any(3)),
                                     .order = milliseconds(OneIn(3) ? 0 : 20),
                                     .resend = milliseconds(OneIn(2) ? 0 : 150),
                                     .fec = kFecs[Any(std::size(kFecs))]});
  }
  void AnyRoute() {
    std::vector<wire::PathSlot> slots;
    for (wire::PathSlot slot = 0; slot < 3; ++slot) {
      if (!OneIn(4)) slots.push_back(slot);
    }
    SetRoute(slots,
             OneIn(3) ? static_cast<uint32_t>(Any(8)) | wire::kFeatureSequenced : kAllFeatures);
    wire::Session::Params params;
    params.local_index = ++index_;
    params.window = 64;
    params.remote = {.features = route_.session->remote_features(), .life = 1};
    route_.session =
        std::make_shared<wire::Session>(params, wire::SymmetricKey(), wire::SymmetricKey());
    if (slots.empty()) route_.homes.clear();
    for (RoutePath& path : route_.paths) {
      if (OneIn(3)) path.max_plaintext = route_.max_fragment = 700;
    }
    bond_.RouteChanged();
    sender_.RouteChanged();
  }
  // A worker takes, seals or refuses each packet; the links lose some, and reorder them.
  void Work() {
    submitter_.Flush();
    std::vector<lcore::FakeDataplane::Submitted> items;
    items.swap(dataplane_.submitted);
    for (auto& item : items) {
      lcore::Completion report{.ticket = item.request.ticket};
      const uint64_t counter =
          item.request.counter_reserved ? item.request.counter : (uint64_t{1} << 40) + ++plain_;
      const std::vector<uint8_t> bytes(item.packet.bytes().begin(), item.packet.bytes().end());
      if (OneIn(10)) {
        report.reason = OneIn(2) ? wire::Drop::kNoPath : wire::Drop::kTxFull;
        report.plaintext = std::move(item.packet);
      } else if (OneIn(10)) {
        report.reason = wire::Drop::kTxFull;
        report.sealed = lcore::FakeDataplane::MakeSealed(bytes);
      } else {
        report.taken = true;
        if (!OneIn(5)) flying_.push_back({item.request.session_index, counter, bytes});
      }
      item.packet.Reset();
      if (item.request.completion && !OneIn(50))
        sender_.HandleCompletion(loop_->now(), std::move(report));
    }
    for (auto& item : std::exchange(dataplane_.resubmitted, {}))
      sender_.HandleCompletion(loop_->now(), {.ticket = item.request.ticket, .taken = true});
    while (flying_.size() > (OneIn(20) ? 0 : 40)) {
      const auto next =
          flying_.begin() + static_cast<ptrdiff_t>(Any(std::min<size_t>(flying_.size(), 8)));
      receiver_.Receive(loop_->now(), next->session, next->counter, next->bytes);
      flying_.erase(next);
    }
  }
  void AnyFeedback() {
    protocol::Feedback feedback{.number = ++number_,
                                .time = static_cast<uint32_t>(loop_->now().time_since_epoch() /
                                                              std::chrono::microseconds(1))};
    feedback.base = 32 * Any(8);
    for (int i = 0; i < 16; ++i) feedback.words.push_back(static_cast<uint32_t>(random_()));
    for (uint16_t path = 0; path < 3; ++path)
      feedback.paths.push_back({.from = path,
                                .to = path,
                                .newest = static_cast<uint32_t>(Any(600)),
                                .packets = number_,
                                .bytes = number_ * 1000u});
    bond_.HandleFeedback(loop_->now(), route_.session.get(), feedback);
  }
  void Turn() {
    loop_->RunOnce(64);
    loop_->Wait(milliseconds(OneIn(4) ? 1 : 0));
    sender_.Pump(loop_->now());
    Work();
    receiver_.Turn(loop_->now());
  }

  struct Flying {
    uint32_t session;
    uint64_t counter;
    std::vector<uint8_t> bytes;
  };
  std::mt19937_64 random_;
  std::multiset<std::string> sent_;
  std::deque<Flying> flying_;
  Receiver receiver_;
  uint64_t sends_ = 0, plain_ = 0;
  uint32_t index_ = 1000;
};

TEST_F(SenderHostileTest, WhateverChangesNothingIsMadeUpAndNothingComesTwice) {
  Use({.mode = TunnelMode::kStripe});
  // How much arrives follows from the machine's clock as well.
  const auto enough = [&] {
    return receiver_.delivered().size() > 200 && receiver_.restored() > 0;
  };
  for (int step = 0; step < 6000 || (step < 100'000 && !enough()); ++step) {
    const uint64_t what = Any(1000);
    if (what < 120) {
      SendAny();
    } else if (what < 965) {
      Turn();
    } else if (what < 975) {
      AnyFeedback();
    } else if (what < 987) {
      AnyPolicy();
    } else if (what < 990) {
      AnyRoute();
    } else if (what < 995) {
      dataplane_.buffers = OneIn(4) ? Any(3) : 100000;
    } else {
      const uint64_t paths = Any(4);
      sender_.SetAllowed(!OneIn(4) ? PeerBond::Allowed()
                                   : [paths](const RoutePath& path) { return path.slot == paths; });
      sender_.RouteChanged();
    }
    ASSERT_LE(sender_.parity().waiting(), parity::ParityMaker::kMostWaiting);
  }
  EXPECT_TRUE(TurnUntil(*loop_, [&] {
    Turn();
    return sender_.idle() && done_ >= sends_;
  }));
  EXPECT_EQ(done_, sends_);
  std::set<std::string> delivered;
  for (const std::string& payload : receiver_.delivered()) {
    ASSERT_TRUE(sent_.contains(payload))
        << "made up: " << payload.substr(0, 8) << " of " << payload.size();
    ASSERT_TRUE(payload.empty() || delivered.insert(payload).second)
        << "twice: " << payload.substr(0, 8);
  }
  EXPECT_GT(delivered.size(), 100u);
  EXPECT_GT(receiver_.restored(), 0u);
  EXPECT_EQ(receiver_.conflicts(), 0u);
}

}  // namespace
}  // namespace warp::control
