// A tunnel's sender with the bond of its peer, over a dataplane without lcores. The loop's clock stands still while the
// test does not turn it, so that what waits for a time waits for the test.
#ifndef WARP_TESTS_CONTROL_TUNNEL_BOND_SENDER_BOND_FIXTURE_H_
#define WARP_TESTS_CONTROL_TUNNEL_BOND_SENDER_BOND_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/tunnel/bond/peer_bond.h"
#include "control/tunnel/tunnel_sender.h"
#include "dataplane/wire/handshake/introduction.h"
#include "dataplane/wire/message.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/turning.h"

namespace warp::control {

constexpr uint32_t kAllFeatures =
    wire::kFeatureFeedback | wire::kFeatureSequenced | wire::kFeatureParity;

class SenderBondTest : public testing::Test {
 protected:
  SenderBondTest() { SetRoute({0, 1}, kAllFeatures); }

  void SetRoute(std::vector<wire::PathSlot> slots, uint32_t features) {
    wire::Session::Params params;
    params.local_index = 99;
    params.window = 64;
    params.remote = {.features = features, .life = 1};
    route_.peer = 3;
    route_.session =
        std::make_shared<wire::Session>(params, wire::SymmetricKey(), wire::SymmetricKey());
    route_.max_plaintext = route_.max_fragment = 1404;
    route_.homes = {0, 1};
    route_.paths.clear();
    for (const wire::PathSlot slot : slots) {
      route_.paths.push_back({.id = 10u + slot,
                              .slot = slot,
                              .port = slot,
                              .remote_port = slot,
                              .worker = slot,
                              .max_plaintext = 1404u});
      route_.paths.back().remote.address = wire::IpAddress::V4({192, 0, 2, slot});
    }
  }
  void Use(const config::TunnelPolicy& policy) {
    sender_.SetPolicy(loop_->now(), policy);
    sender_.SetBond(loop_->now(), bond_);
    bond_.RouteChanged();
  }
  void Send(const std::string& payload) {
    sender_.Send(loop_->now(), {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()});
  }
  void SendAhead(const std::string& payload) {
    sender_.Send(loop_->now(), {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()},
                 {}, TunnelSender::Turn::kAhead);
  }
  struct Left {
    std::string payload;
    wire::PathMask paths = 0;
    uint64_t counter = 0;
    std::optional<wire::SequencedHeader> place;
    std::optional<wire::ParityHeader> parity;  // the payload is its symbol then
  };
  std::vector<Left> Take() {
    submitter_.Flush();
    std::vector<Left> all;
    for (const lcore::FakeDataplane::Submitted& item : dataplane_.submitted) {
      const wire::Bytes bytes = item.packet.bytes();
      Left& left = all.emplace_back();
      left.paths = item.request.paths;
      left.counter = item.request.counter;
      left.place = wire::ReadSequencedHeader(bytes);
      left.parity = wire::ReadParityHeader(bytes);
      const wire::Bytes payload =
          bytes.subspan(left.parity  ? wire::kParityHeaderSize
                        : left.place ? wire::HeaderSizeOf(wire::Kind::kSequenced, left.place->flow)
                                     : wire::kInnerHeaderSize);
      left.payload.assign(payload.begin(), payload.end());
    }
    dataplane_.submitted.clear();
    return all;
  }
  // The peer has everything up to `newest`, but `lost`.
  void Tell(uint64_t newest, wire::PathSlot path, std::vector<uint64_t> lost = {}) {
    protocol::Feedback feedback{.number = ++number_, .time = number_ * 20000u};
    feedback.words.assign(newest / 32 + 1, 0);
    for (uint64_t counter = 0; counter <= newest; ++counter)
      feedback.words[counter / 32] |= uint32_t{1} << counter % 32;
    for (const uint64_t counter : lost)
      feedback.words[counter / 32] &= ~(uint32_t{1} << counter % 32);
    feedback.paths.push_back({.from = path,
                              .to = path,
                              .newest = static_cast<uint32_t>(newest),
                              .packets = number_,
                              .bytes = number_ * 100u});
    bond_.HandleFeedback(loop_->now(), route_.session.get(), feedback);
  }

  std::unique_ptr<Loop> loop_ = MakeLoop();
  PeerRoute route_;
  lcore::FakeDataplane dataplane_;
  Submitter submitter_{dataplane_};
  size_t done_ = 0;
  TunnelSender sender_{{.tunnel_index = 5,
                        .tunnel_id = 7,
                        .deadline = std::chrono::milliseconds(400),
                        .max_waiting = 10000,
                        .max_waiting_bytes = 10000000,
                        .max_in_flight = 60},
                       route_,
                       dataplane_,
                       submitter_,
                       [this](size_t payloads) { done_ += payloads; }};
  std::vector<uint64_t> up_;  // bytes a second of our ports, from 0 on
  PeerBond bond_{*loop_, route_, [this](wire::PortId port) {
                   return PeerBond::PortPolicy{.max_rate = port < up_.size() ? up_[port] : 0};
                 }};
  uint16_t number_ = 0;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_TUNNEL_BOND_SENDER_BOND_FIXTURE_H_
