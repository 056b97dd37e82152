// A tunnel's sender over a dataplane without lcores, in virtual time. The test says how time passes and reports what
// became of each packet.
#ifndef WARP_TESTS_CONTROL_TUNNEL_TUNNEL_SENDER_FIXTURE_H_
#define WARP_TESTS_CONTROL_TUNNEL_TUNNEL_SENDER_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/tunnel/tunnel_sender.h"
#include "dataplane/wire/message.h"
#include "tests/control/fake_dataplane.h"

namespace warp::control {

inline constexpr uint16_t kTunnelId = 7;

inline wire::Bytes BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class TunnelSenderTest : public testing::Test {
 protected:
  TunnelSenderTest() {
    route_.peer = 3;
    Connect();
  }

  void Connect(uint32_t session_index = 99) {
    wire::Session::Params params;
    params.local_index = session_index;
    params.window = 64;
    route_.session =
        std::make_shared<wire::Session>(params, wire::SymmetricKey(), wire::SymmetricKey());
    route_.max_plaintext = 1404;
    route_.homes = {0, 2};
  }
  void Disconnect() {
    route_.session.reset();
    route_.homes.clear();
  }

  void Send(const std::string& payload) { sender_.Send(now_, BytesOf(payload)); }
  void Pass(int ms) {
    now_ += std::chrono::milliseconds(ms);
    sender_.Pump(now_);
  }
  // Returns the payloads submitted since the last call, as the peer's application would see them.
  std::vector<std::string> Sent() {
    submitter_.Flush();
    std::vector<std::string> payloads;
    for (const lcore::FakeDataplane::Submitted& item : dataplane_.submitted) {
      EXPECT_EQ(item.request.peer, 3u);
      const wire::Bytes bytes = item.packet.bytes();
      EXPECT_EQ(wire::ReadPayloadHeader(bytes)->tunnel_id, kTunnelId);
      const wire::Bytes payload = bytes.subspan(wire::kInnerHeaderSize);
      payloads.emplace_back(payload.begin(), payload.end());
      requests_.push_back(item.request);
    }
    dataplane_.submitted.clear();
    return payloads;
  }
  lcore::Completion Report(size_t request, bool taken) {
    return {.ticket = requests_[request].ticket, .taken = taken};
  }
  // What a worker says that found the packet late.
  lcore::Completion Late(size_t request) {
    return {.ticket = requests_[request].ticket, .reason = wire::Drop::kDeadline};
  }

  wire::Instant now_{std::chrono::milliseconds(1000)};
  PeerRoute route_;
  lcore::FakeDataplane dataplane_;
  Submitter submitter_{dataplane_};
  TunnelSender sender_{{.tunnel_index = 5,
                        .tunnel_id = kTunnelId,
                        .deadline = std::chrono::milliseconds(100),
                        .max_waiting = 3,
                        .max_waiting_bytes = 10000,
                        .max_in_flight = 60},
                       route_,
                       dataplane_,
                       submitter_,
                       [this](size_t payloads) { done_ += payloads; }};
  size_t done_ = 0;
  std::vector<lcore::SendRequest> requests_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_TUNNEL_TUNNEL_SENDER_FIXTURE_H_
