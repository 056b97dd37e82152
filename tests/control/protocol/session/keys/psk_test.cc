// Stories of preshared keys that change while a session lives: at one end first, and at the other when its turn comes.
#include <gtest/gtest.h>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

wire::PresharedKey Psk(uint8_t byte) {
  std::array<uint8_t, wire::kKeySize> bytes;
  bytes.fill(byte);
  return wire::PresharedKey(bytes);
}

// Each node has the other as its only peer.
void Change(VirtualNet& net, int n, uint8_t byte) {
  net.SetPsk(n, byte);  // where it starts again
  net.node(n).SetPeerPsk(net.now(), 0, Psk(byte));
}

class PskTest : public testing::Test {
 protected:
  PskTest() {
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
      ASSERT_TRUE(net_.Send(0, 1, sent.back()));
      ASSERT_TRUE(net_.Send(1, 0, sent.back()));
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

TEST_F(PskTest, ANewOneIsUsedAtOnce) {
  const auto before = net_.Peer(0, 1).session;
  Change(net_, 0, 2);
  Change(net_, 1, 2);
  ExpectNothingLost(5s);
  EXPECT_NE(net_.Peer(0, 1).session, before);
}

// One end has the new key for longer than any session lives.
TEST_F(PskTest, TheEndsChangeItOneAfterTheOther) {
  Change(net_, 0, 2);
  ExpectNothingLost(400s);
  Change(net_, 1, 2);
  ExpectNothingLost(400s);
}

// Whoever begins the handshake, and whichever end is first.
TEST_F(PskTest, EitherEndMayBeginMeanwhile) {
  for (const int initiator : {0, 1}) {
    OnlyInitiator(initiator);
    for (const int first : {0, 1}) {
      const auto byte = static_cast<uint8_t>(10 + 2 * initiator + first);
      Change(net_, first, byte);
      net_.Restart(1 - first);
      ASSERT_TRUE(net_.RunUntil([this] { return Connected(); }, 60s)) << initiator << first;
      net_.Run(1s);
      Change(net_, 1 - first, byte);
      ExpectNothingLost(200s);
    }
  }
}

TEST_F(PskTest, TheOldOneEndsWhenTheNewOneHasServed) {
  Change(net_, 0, 2);
  Change(net_, 1, 2);
  net_.Run(10s);
  net_.SetPsk(1, 1);
  net_.Restart(1);
  EXPECT_FALSE(net_.RunUntil([this] { return net_.Connected(1, 0); }, 300s));
}

// It is led back: the one of before is the new one then.
TEST_F(PskTest, ItIsTakenBack) {
  Change(net_, 0, 2);
  ExpectNothingLost(10s);
  Change(net_, 0, 1);
  ExpectNothingLost(300s);
}

// Somebody who has neither key stays outside, however long both serve.
TEST_F(PskTest, AThirdOneServesNobody) {
  Change(net_, 0, 2);
  net_.SetPsk(1, 3);
  net_.Restart(1);
  EXPECT_FALSE(net_.RunUntil([this] { return net_.Connected(1, 0); }, 300s));
}

}  // namespace
}  // namespace warp::protocol
