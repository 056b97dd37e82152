// A Unix gate of either type between applications and a tunnel that only collects. Its socket is in a directory of the
// test's own.
#ifndef WARP_TESTS_CONTROL_GATE_UNIX_GATE_FIXTURE_H_
#define WARP_TESTS_CONTROL_GATE_UNIX_GATE_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "control/gate/unix/unix_receiver.h"
#include "tests/control/gate/fake_tunnel.h"
#include "tests/control/gate/unix_application.h"
#include "tests/control/turning.h"

namespace warp::control {

template <typename UnixGate, typename Options>
class UnixGateTest : public ::testing::Test {
 protected:
  UnixGateTest() { options_.path.path = directory_ / "gate.sock"; }
  // What the derived fixture lends the gate dies after this, and before the members below.
  void TearDown() override { gate_.reset(); }

  void Use(absl::StatusOr<std::unique_ptr<UnixGate>> gate) {
    ASSERT_TRUE(gate.ok()) << gate.status();
    gate_ = *std::move(gate);
  }
  const std::string& path() const { return options_.path.path; }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }
  bool Gets(size_t payloads) {
    return Turn([&] { return tunnel_.got.size() >= payloads; });
  }
  void Done(size_t payloads = 1) {
    gate_->OnDone(payloads);
    Settle(*loop_);
  }
  void Deliver(const std::string& payload) {
    std::vector<uint8_t> bytes(payload.begin(), payload.end());
    const wire::Bytes view(bytes);
    gate_->Deliver(Delivery(view, std::move(bytes)));
  }
  uint64_t Drops(wire::Drop drop) const { return gate_->counters().drops.Get(drop); }

  TemporaryDirectory directory_;
  std::unique_ptr<Loop> loop_ = MakeLoop();
  UnixReceiver receiver_;
  Options options_;
  FakeTunnel tunnel_;
  std::unique_ptr<UnixGate> gate_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_GATE_UNIX_GATE_FIXTURE_H_
