// Frames of strangers, replays and accidents are counted by name, and change nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::Drop;

class Hostile : public testing::Test {
 protected:
  // Returns the one frame that node a makes of a payload.
  FrameBytes Capture(const std::string& payload) {
    net_.a().Send(payload);
    net_.Collect();
    EXPECT_EQ(net_.in_flight().size(), 1u);
    FrameBytes frame = net_.in_flight().front();
    net_.in_flight().clear();
    return frame;
  }
  void Inject(const FrameBytes& frame) {
    ASSERT_TRUE(net_.Deliver(frame));
    net_.b().Turn();
  }
  void InjectDatagram(const FrameBytes& datagram) {
    Inject(MakeFrame(net_.a(), 0, net_.b(), 0, datagram));
  }
  uint64_t Drops(Drop drop) { return net_.b().Drops(drop); }
  size_t TakeHandshakes() {
    std::vector<HandshakePacket> out(64);
    return net_.b().plane().ReceiveHandshakes(out);
  }
  void TearDown() override { EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u); }

  Network net_{{.ports = 1}, {.ports = 1}};
};

TEST_F(Hostile, Replay) {
  const FrameBytes frame = Capture("once");
  for (int i = 0; i < 5; ++i) Inject(frame);
  EXPECT_THAT(net_.b().Received(), ElementsAre("once"));
  EXPECT_EQ(Drops(Drop::kDuplicate), 4u);
  EXPECT_EQ(net_.b().plane().PortDrops(net_.b().port(0), Drop::kDuplicate), 4u);
}

TEST_F(Hostile, CopiesInOneBurstAreOpenedOnce) {
  const FrameBytes frame = Capture("once");
  for (int i = 0; i < 5; ++i) net_.Deliver(frame);
  net_.b().Turn();
  EXPECT_THAT(net_.b().Received(), ElementsAre("once"));
  EXPECT_EQ(Drops(Drop::kDuplicate), 4u);
  EXPECT_EQ(Drops(Drop::kOpenedTwice), 0u);
}

// A forged copy may arrive just before the true one, in the same burst. It must not make the true one a duplicate.
TEST_F(Hostile, ForgeryAheadOfTheTrueCopy) {
  const FrameBytes frame = Capture("true");
  FrameBytes forged = frame;
  forged.back() ^= 1;
  for (int i = 0; i < 6; ++i) net_.Deliver(forged);
  net_.Deliver(frame);
  net_.Deliver(forged);
  net_.b().Turn();
  EXPECT_THAT(net_.b().Received(), ElementsAre("true"));
  EXPECT_EQ(Drops(Drop::kUnauthentic), 6u);
  EXPECT_EQ(Drops(Drop::kDuplicate), 1u);
}

TEST_F(Hostile, EveryBitOfASealedDatagramCounts) {
  const FrameBytes frame = Capture("intact");
  const size_t begin = wire::kFrameHeaderSizeV4;
  for (size_t i = begin; i < frame.size(); ++i) {
    FrameBytes changed = frame;
    changed[i] ^= 0x10;
    Inject(changed);
  }
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  EXPECT_EQ(Drops(Drop::kUnknownType), 4u);
  EXPECT_EQ(Drops(Drop::kUnknownSession), 4u);
  // Counters from 2^36 on: half of the fifth byte, and the three bytes above it.
  EXPECT_EQ(Drops(Drop::kBadCounter), 4u);
  EXPECT_EQ(Drops(Drop::kUnauthentic), frame.size() - begin - 12);
  Inject(frame);
  EXPECT_THAT(net_.b().Received(), ElementsAre("intact"));
}

TEST_F(Hostile, EveryTruncation) {
  const FrameBytes frame = Capture("whole");
  const FrameBytes datagram = DatagramOf(frame);
  for (size_t size = 0; size < datagram.size(); ++size) {
    InjectDatagram(FrameBytes(datagram.begin(), datagram.begin() + static_cast<ptrdiff_t>(size)));
  }
  for (size_t size = 14; size < frame.size();
       // The frame is cut, so that its headers promise more bytes than it has.
       ++size) {
    Inject(FrameBytes(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(size)));
  }
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  EXPECT_EQ(Drops(Drop::kUnknownType), 4u);
  EXPECT_EQ(Drops(Drop::kTruncated), wire::kMinSealedSize - 4 + (frame.size() - 14));
  EXPECT_EQ(Drops(Drop::kUnauthentic), datagram.size() - wire::kMinSealedSize);
  std::vector<ForeignFrame> foreign(4);
  EXPECT_EQ(net_.b().plane().ReceiveForeign(foreign), 0u);
}

TEST_F(Hostile, RandomBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    FrameBytes datagram(random() % 200);
    for (uint8_t& byte : datagram) byte = static_cast<uint8_t>(random());
    if (i % 2 == 0 && datagram.size() > 4)
      datagram[0] = static_cast<uint8_t>(1 + i % 4), datagram[1] = datagram[2] = datagram[3] = 0;
    InjectDatagram(datagram);
    TakeHandshakes();
  }
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  EXPECT_GT(Drops(Drop::kUnknownType), 0u);
  EXPECT_GT(Drops(Drop::kUnknownSession), 0u);
  EXPECT_GT(Drops(Drop::kBadMac), 0u);
  EXPECT_THAT(Capture("alive").size(), testing::Gt(0u));
}

TEST_F(Hostile, ReflectedToItsSender) {
  const FrameBytes frame = Capture("mirror");
  net_.Deliver(MakeFrame(net_.b(), 0, net_.a(), 0, DatagramOf(frame)));
  net_.a().Turn();
  EXPECT_THAT(net_.a().Received(), IsEmpty());
  EXPECT_EQ(net_.a().Drops(Drop::kUnknownSession), 1u);
}

TEST_F(Hostile, OtherSessionsKeys) {
  // This index falls into the same slot of the table, with other high bits.
  const SessionPair other = MakeSessions(1 + 16);
  const SessionPair thief = MakeSessions(1);
  net_.a().SetSendSession(other.a);
  net_.a().Publish();
  Inject(Capture("stale index"));
  EXPECT_EQ(Drops(Drop::kUnknownSession), 1u);
  EXPECT_THAT(net_.b().Received(), IsEmpty());
}

TEST_F(Hostile, TooOldForTheWindow) {
  const FrameBytes old = Capture("old");
  // The next counter falls into the same word of the window, in the next epoch.
  net_.sessions().a->ReserveCounters(2047);
  Inject(Capture("new"));
  Inject(old);
  EXPECT_THAT(net_.b().Received(), ElementsAre("new"));
  EXPECT_EQ(Drops(Drop::kTooOld), 1u);
}

TEST_F(Hostile, IpAccidents) {
  FrameBytes frame = Capture("ip");
  FrameBytes bad_sum = frame;
  bad_sum[14 + 10] ^= 1;
  Inject(bad_sum);
  EXPECT_EQ(Drops(Drop::kBadIpChecksum), 1u);
  EXPECT_THAT(net_.b().Received(), IsEmpty());
}

class Handshakes : public Hostile {
 protected:
  // Makes an initiation of which only mac1 is right.
  FrameBytes Initiation(wire::MessageType type = wire::MessageType::kInitiation) {
    FrameBytes datagram(200, 0x55);
    datagram[0] = static_cast<uint8_t>(type);
    datagram[1] = datagram[2] = datagram[3] = 0;
    wire::WriteMacs(Node::kMacKey, nullptr, datagram);
    return datagram;
  }
};

TEST_F(Handshakes, WithTheRightMacReachControl) {
  const FrameBytes datagram = Initiation();
  InjectDatagram(datagram);
  std::vector<HandshakePacket> out(4);
  ASSERT_EQ(net_.b().plane().ReceiveHandshakes(out), 1u);
  EXPECT_TRUE(std::ranges::equal(out[0].packet.bytes(), datagram));
  EXPECT_EQ(out[0].arrival.from, net_.a().endpoint(0));
  EXPECT_EQ(out[0].arrival.to, net_.b().endpoint(0).address);
  out.clear();
}

TEST_F(Handshakes, WithTheWrongMacDoNot) {
  for (const wire::MessageType type :
       {wire::MessageType::kInitiation, wire::MessageType::kResponse}) {
    FrameBytes datagram = Initiation(type);
    datagram[40] ^= 1;
    InjectDatagram(datagram);
  }
  EXPECT_EQ(TakeHandshakes(), 0u);
  EXPECT_EQ(Drops(Drop::kBadMac), 2u);
}

TEST_F(Handshakes, BeyondTheBudgetOfABurst) {
  for (int i = 0; i < 20; ++i) net_.Deliver(MakeFrame(net_.a(), 0, net_.b(), 0, Initiation()));
  net_.b().Turn();
  EXPECT_EQ(TakeHandshakes(), kHandshakesPerBurst);
  EXPECT_EQ(Drops(Drop::kHandshakeBudget), 20u - kHandshakesPerBurst);
}

// A flood of handshakes fills the ring of control messages. Payloads have a ring of their own and still come through.
TEST_F(Handshakes, FloodDisplacesNoPayload) {
  for (int i = 0; i < 1000; ++i) InjectDatagram(Initiation());
  EXPECT_GT(Drops(Drop::kControlFull), 0u);
  Inject(Capture("through"));
  EXPECT_THAT(net_.b().Received(), ElementsAre("through"));
  while (TakeHandshakes() > 0) {
  }
}

}  // namespace
}  // namespace warp::lcore
