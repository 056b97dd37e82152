// Frames of strangers, replays and accidents are counted by name, and change nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/index_board.h"
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
  size_t TakeHandshakes(HandshakeRank rank) {
    std::vector<HandshakePacket> out(512);
    return net_.b().plane().ReceiveHandshakes(rank, out);
  }
  size_t TakeHandshakes() {
    size_t taken = 0;
    for (const HandshakeRank rank : kHandshakeRanks) taken += TakeHandshakes(rank);
    return taken;
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

// Switches put a tag of VLAN 0 on what has a priority (IEEE 802.1Q). It belongs to no VLAN, as without. Another tag, or
// one behind it, is of a network that is not ours.
TEST_F(Hostile, ATagThatNamesNoVlanIsNoSecret) {
  const auto tagged = [](FrameBytes frame, uint16_t tag) {
    const std::array<uint8_t, 4> bytes = {0x81, 0x00, static_cast<uint8_t>(tag >> 8),
                                          static_cast<uint8_t>(tag)};
    frame.insert(frame.begin() + 12, bytes.begin(), bytes.end());
    return frame;
  };
  const FrameBytes frame = Capture("priority");
  Inject(tagged(frame, 10));
  Inject(tagged(tagged(frame, 10), 0xe000));
  Inject(tagged(tagged(frame, 0), 0));
  FrameBytes cut = tagged(frame, 0);
  cut.resize(17);
  Inject(cut);
  EXPECT_THAT(net_.b().Received(), IsEmpty());
  Inject(tagged(frame, 0xe000));
  EXPECT_THAT(net_.b().Received(), ElementsAre("priority"));
  std::vector<ForeignFrame> foreign(8);
  foreign.resize(net_.b().plane().ReceiveForeign(foreign));
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
  static constexpr uint32_t kUnderWay = 0x11223344;

  void SetUp() override {
    auto indices = std::make_shared<wire::IndexBoard>();
    indices->Add(kUnderWay);
    indices->Add(net_.sessions().b->local_index());
    auto cookies = std::make_shared<wire::CookieSecrets>();
    cookies->current.mutable_bytes() = {1};
    cookies->previous.mutable_bytes() = {2};
    net_.b().indices = indices;
    net_.b().cookies = cookies;
    net_.b().Publish();
  }

  // Makes a message of which only mac1 is right, and mac2 where there is a cookie. Bytes 4 to 7 are its index.
  FrameBytes Message(wire::MessageType type, uint32_t index = kUnderWay,
                     const wire::Cookie* cookie = nullptr) {
    const bool small = type == wire::MessageType::kCookieReply || type == wire::MessageType::kRetry;
    FrameBytes datagram(small ? 64 : 200, 0x55);
    wire::WriteAs(wire::Le32(static_cast<uint32_t>(type)), datagram.data());
    wire::WriteAs(wire::Le32(index), datagram.data() + 4);
    if (!small) wire::WriteMacs(Node::kMacKey, cookie, datagram);
    return datagram;
  }
  FrameBytes Initiation(const wire::Cookie* cookie = nullptr) {
    return Message(wire::MessageType::kInitiation, 5, cookie);
  }
  // From an address of which nobody knows anything.
  FrameBytes FromStranger(const FrameBytes& datagram, uint16_t port = 7) {
    return FromStranger(datagram, {stranger_, port});
  }
  FrameBytes FromStranger(const FrameBytes& datagram, const wire::Endpoint& source) {
    wire::FrameTemplate headers =
        wire::MakeFrameTemplate(kStrangersMac, net_.b().mac(0), source, net_.b().endpoint(0));
    FrameBytes frame(headers.size + datagram.size());
    wire::WriteFrameHeader(headers, static_cast<uint16_t>(datagram.size()), 0, frame.data());
    std::copy(datagram.begin(), datagram.end(), frame.begin() + headers.size);
    return frame;
  }

  static constexpr wire::MacAddress kStrangersMac = {{2, 9, 9, 9, 9, 9}};
  const wire::IpAddress stranger_ = wire::IpAddress::V4({203, 0, 113, 7});
};

TEST_F(Handshakes, WithTheRightMacReachControlWithTheirWayBack) {
  const FrameBytes datagram = Initiation();
  Inject(FromStranger(datagram));
  std::vector<HandshakePacket> out(4);
  ASSERT_EQ(net_.b().plane().ReceiveHandshakes(HandshakeRank::kStranger, out), 1u);
  EXPECT_TRUE(std::ranges::equal(out[0].packet.bytes(), datagram));
  EXPECT_EQ(out[0].arrival.from, (wire::Endpoint{stranger_, 7}));
  EXPECT_EQ(out[0].arrival.to, net_.b().endpoint(0).address);
  EXPECT_EQ(out[0].arrival.from_mac, kStrangersMac);
  out.clear();
}

TEST_F(Handshakes, WithTheWrongMacDoNot) {
  for (const wire::MessageType type :
       {wire::MessageType::kInitiation, wire::MessageType::kResponse}) {
    FrameBytes datagram = Message(type);
    datagram[40] ^= 1;
    InjectDatagram(datagram);
  }
  EXPECT_EQ(TakeHandshakes(), 0u);
  EXPECT_EQ(Drops(Drop::kBadMac), 2u);
}

// Their answers go to the station that handed us the frame. Nothing is looked up for them.
TEST_F(Handshakes, FromNoStationAreNotAnswered) {
  for (const uint8_t first : {0xff, 0x01, 0x33}) {
    FrameBytes frame = FromStranger(Initiation());
    std::fill_n(frame.begin() + 6, 6, first);
    Inject(frame);
  }
  FrameBytes zero = FromStranger(Initiation());
  std::fill_n(zero.begin() + 6, 6, uint8_t{0});
  Inject(zero);
  EXPECT_EQ(TakeHandshakes(), 0u);
  EXPECT_EQ(Drops(Drop::kBadSource), 4u);
}

TEST_F(Handshakes, AreSortedByWhatTheyProve) {
  InjectDatagram(Initiation());  // from an endpoint of the peer
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kKnown), 1u);
  const wire::Cookie peer_cookie =
      wire::ComputeCookie(net_.b().cookies->current, net_.a().endpoint(0));
  InjectDatagram(Initiation(&peer_cookie));
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kProven), 1u);

  const wire::Endpoint source{stranger_, 7};
  for (const wire::SecretBytes* secret :
       {&net_.b().cookies->current, &net_.b().cookies->previous}) {
    const wire::Cookie cookie = wire::ComputeCookie(*secret, source);
    Inject(FromStranger(Initiation(&cookie)));
    EXPECT_EQ(TakeHandshakes(HandshakeRank::kProven), 1u);
    Inject(FromStranger(Initiation(&cookie), /*port=*/8));  // another's cookie
    EXPECT_EQ(TakeHandshakes(HandshakeRank::kProven), 0u);
    EXPECT_EQ(TakeHandshakes(HandshakeRank::kStranger), 1u);
  }
}

TEST_F(Handshakes, RepliesPassOnlyToHandshakesUnderWay) {
  const auto replies = {wire::MessageType::kResponse, wire::MessageType::kCookieReply,
                        wire::MessageType::kRetry};
  for (const wire::MessageType type : replies) {
    Inject(FromStranger(Message(type)));
    EXPECT_EQ(TakeHandshakes(HandshakeRank::kReply), 1u);
    // From a peer's endpoint too.
    InjectDatagram(Message(type, kUnderWay + 1));
    InjectDatagram(Message(type, 0));
    InjectDatagram(Message(type, net_.sessions().b->local_index()));
  }
  EXPECT_EQ(TakeHandshakes(), 0u);
  EXPECT_EQ(Drops(Drop::kUnknownSession), 6u);
  EXPECT_EQ(Drops(Drop::kHandshakeRepeated), 3u);
}

// One network of senders fills its share of a ring, in whichever rank, and leaves room for the others.
TEST_F(Handshakes, OneNetworkFillsItsShareAlone) {
  const wire::Cookie cookie = wire::ComputeCookie(net_.b().cookies->current, {stranger_, 7});
  for (int i = 0; i < 300; ++i) {
    Inject(FromStranger(Initiation(&cookie)));
    Inject(FromStranger(Initiation()));
    InjectDatagram(Initiation());
  }
  EXPECT_EQ(Drops(Drop::kHandshakeBudget), 3 * (300u - kHandshakeShare));
  const wire::Endpoint other{wire::IpAddress::V4({198, 51, 100, 9}), 7};
  const wire::Cookie others = wire::ComputeCookie(net_.b().cookies->current, other);
  Inject(FromStranger(Initiation(&others), other));
  Inject(FromStranger(Initiation(), other));
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kProven), kHandshakeShare + 1u);
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kKnown), kHandshakeShare);
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kStranger), kHandshakeShare + 1u);
  // What was taken leaves its places to the next.
  Inject(FromStranger(Initiation()));
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kStranger), 1u);
}

TEST_F(Handshakes, JunkAndStrangersUseUpNothingOfTheProven) {
  FrameBytes junk = Initiation();
  junk[40] ^= 1;
  for (int i = 0; i < 10; ++i) net_.Deliver(FromStranger(junk));
  for (int i = 0; i < 10; ++i) net_.Deliver(FromStranger(Initiation()));
  net_.Deliver(MakeFrame(net_.a(), 0, net_.b(), 0, Initiation()));
  net_.Deliver(FromStranger(Message(wire::MessageType::kRetry)));
  net_.b().Turn();
  EXPECT_EQ(Drops(Drop::kBadMac), 10u);
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kReply), 1u);
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kKnown), 1u);
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kStranger), 10u);
}

// A flood of strangers from everywhere fills their ring. Who proves something, and payloads, have rings of their own,
// and come through.
TEST_F(Handshakes, FloodDisplacesNothingElse) {
  for (uint16_t i = 0; i < 1000; ++i) {
    const auto network = static_cast<uint8_t>(i % 250);
    Inject(FromStranger(Initiation(), {wire::IpAddress::V4({198, 18, network, 1}), i}));
  }
  EXPECT_GT(Drops(Drop::kControlFull), 0u);
  InjectDatagram(Initiation());
  Inject(FromStranger(Message(wire::MessageType::kResponse)));
  Inject(Capture("through"));
  EXPECT_THAT(net_.b().Received(), ElementsAre("through"));
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kReply), 1u);
  EXPECT_EQ(TakeHandshakes(HandshakeRank::kKnown), 1u);
  EXPECT_GT(TakeHandshakes(HandshakeRank::kStranger), 0u);
  while (TakeHandshakes() > 0) {
  }
}

// Somebody without any key fills no ring at all.
TEST_F(Handshakes, FloodOfCookieRepliesReachesNoRing) {
  for (uint32_t i = 0; i < 1000; ++i) {
    Inject(FromStranger(Message(wire::MessageType::kCookieReply, kUnderWay + 1 + i)));
  }
  EXPECT_EQ(TakeHandshakes(), 0u);
  EXPECT_EQ(Drops(Drop::kUnknownSession), 1000u);
  EXPECT_EQ(Drops(Drop::kControlFull), 0u);
}

// Control reads one message of a rank at a time, and under load in every second turn only. A flood through one worker
// must not hold up what comes through another.
TEST(HandshakeLanes, AreReadInTurnHoweverOften) {
  for (const int turns_between : {1, 2, 3, 4}) {
    Network net({.ports = 2}, {.ports = 2, .workers = 2});
    FrameBytes datagram(200, 0x55);
    wire::WriteAs(wire::Le32(2), datagram.data());
    wire::WriteMacs(Node::kMacKey, nullptr, datagram);
    for (int i = 0; i < 20; ++i) {
      for (const size_t port : {0, 1}) {
        net.Deliver(MakeFrame(net.a(), port, net.b(), port, datagram));
      }
    }
    net.b().Turn();
    std::array<int, 2> read{};
    for (int i = 0; i < 8; ++i) {
      for (int turn = 0; turn < turns_between; ++turn) net.b().Received();
      for (const HandshakeRank rank : kHandshakeRanks) {
        HandshakePacket message;
        if (net.b().plane().ReceiveHandshakes(rank, {&message, 1}) == 1)
          ++read.at(message.arrival.port);
      }
    }
    EXPECT_EQ(read[0], 4) << turns_between;
    EXPECT_EQ(read[1], 4) << turns_between;
    for (const HandshakeRank rank : kHandshakeRanks) {
      std::vector<HandshakePacket> rest(64);
      net.b().plane().ReceiveHandshakes(rank, rest);
    }
  }
}

}  // namespace
}  // namespace warp::lcore
