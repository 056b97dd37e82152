// The part that tests of a laboratory's Unix gate share: a tunnel whose datagram gate is in a directory of the test's
// own. The test is skipped where the process may not open such a gate.
#ifndef WARP_TESTS_GATES_UNIX_GATE_LAB_TEST_H_
#define WARP_TESTS_GATES_UNIX_GATE_LAB_TEST_H_

#include <gtest/gtest.h>

#include <chrono>

#include "control/config/node_config.h"
#include "control/gate/unix/unix_datagram_gate.h"
#include "tests/control/gate/unix_application.h"
#include "tests/gates/gate_lab.h"

namespace warp::control {

// `Base` is ::testing::Test or a TestWithParam.
template <typename Base>
class UnixGateLabTest : public Base {
 protected:
  UnixGateLabTest() {
    tunnel_.name = "video";
    tunnel_.gate.unix_socket = config::UnixGateConfig{.path = directory_ / "gate.sock"};
  }
  void SetUp() override {
    if (auto sockets = ShortQueueSockets::Open(); !sockets.ok()) GTEST_SKIP() << sockets.status();
  }

  TemporaryDirectory directory_;
  config::TunnelConfig tunnel_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_GATES_UNIX_GATE_LAB_TEST_H_
