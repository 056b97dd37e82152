// Two gates that are joined as by a tunnel: what the sink of one gets, the other delivers.
#ifndef WARP_TESTS_CONTROL_GATE_UDP_JOINED_GATES_H_
#define WARP_TESTS_CONTROL_GATE_UDP_JOINED_GATES_H_

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/gate/gate.h"
#include "tests/control/gate/udp_application.h"
#include "tests/control/turning.h"

namespace warp::control {

// Gives what it gets to the gate at the other end, and keeps the flows that it saw.
class Wire : public GateSink {
 public:
  size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) override {
    const size_t taken = std::min(payloads.size(), room);
    room -= taken;
    for (const wire::Bytes& payload : payloads.first(taken)) {
      flows.push_back(flow);
      std::vector<uint8_t> owner(payload.begin(), payload.end());
      const wire::Bytes bytes(owner);
      if (other != nullptr) other->Deliver(Delivery(bytes, std::move(owner), flow));
    }
    if (other != nullptr) other->Flush();
    return taken;
  }
  Gate* other = nullptr;
  size_t room = SIZE_MAX;
  std::vector<wire::Flow> flows;
};

inline Delivery PayloadOf(const std::string& text, wire::Flow flow = {}) {
  std::vector<uint8_t> owner(text.begin(), text.end());
  const wire::Bytes bytes(owner);
  return Delivery(bytes, std::move(owner), flow);
}

// The next `count` payloads of the application; fewer where they do not come.
inline std::vector<std::string> Receive(Loop& loop, UdpApplication& app, size_t count) {
  std::vector<std::string> all;
  TurnUntil(loop, [&] {
    for (std::string& payload : app.Receive()) all.push_back(std::move(payload));
    return all.size() >= count;
  });
  return all;
}

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_GATE_UDP_JOINED_GATES_H_
