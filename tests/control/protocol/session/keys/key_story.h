// Two nodes of which one or both change a key while a session lives and payloads flow.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_SESSION_KEYS_KEY_STORY_H_
#define WARP_TESTS_CONTROL_PROTOCOL_SESSION_KEYS_KEY_STORY_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {

class KeyStory : public testing::Test {
 protected:
  KeyStory() {
    for (const int n : {0, 1}) net_.SetPsk(n, 1);
    net_.Introduce(0, 1);
    net_.Run(1s);
    EXPECT_TRUE(Connected());
  }
  bool Connected() { return net_.Connected(0, 1) && net_.Connected(1, 0); }
  // Sends numbered payloads in both directions. Each must arrive exactly once.
  void ExpectNothingLost(Duration duration) {
    std::vector<std::string> sent;
    for (Duration t{0}; t < duration; t += 50ms) {
      sent.push_back(std::to_string(sent.size()));
      ASSERT_TRUE(net_.Send(0, 1, sent.back())) << net_.now().time_since_epoch() / 1s;
      ASSERT_TRUE(net_.Send(1, 0, sent.back())) << net_.now().time_since_epoch() / 1s;
      net_.Run(50ms);
    }
    net_.Run(1s);
    EXPECT_EQ(net_.TakeReceived(0), sent);
    EXPECT_EQ(net_.TakeReceived(1), sent);
  }
  // Nobody but that node begins handshakes.
  void OnlyInitiator(int n) {
    net_.Filter([n](const Seen& seen) { return seen.type() != 2 || seen.from_node == n; });
  }

  VirtualNet net_{{.ports = {2, 2}}};
};

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_SESSION_KEYS_KEY_STORY_H_
