// The tunnel behind a gate, for the tests of gates.
#ifndef WARP_TESTS_CONTROL_GATE_FAKE_TUNNEL_H_
#define WARP_TESTS_CONTROL_GATE_FAKE_TUNNEL_H_

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "control/gate/gate.h"

namespace warp::control {

// A tunnel as a gate sees it. The test decides when payloads are done.
class FakeTunnel : public GateSink {
 public:
  size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow) override {
    const size_t taken = std::min(payloads.size(), room);
    for (const wire::Bytes payload : payloads.first(taken))
      got.emplace_back(payload.begin(), payload.end());
    room -= taken;
    return taken;
  }
  size_t OnInteractive(std::span<const wire::Bytes> payloads) override {
    const size_t taken = OnPayloads(payloads, {});
    interactive += taken;
    return taken;
  }
  std::vector<std::string> got;
  size_t interactive = 0;  // of these
  size_t room = SIZE_MAX;
};

inline size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_GATE_FAKE_TUNNEL_H_
