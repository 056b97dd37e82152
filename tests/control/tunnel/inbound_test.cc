#include "control/tunnel/inbound.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control/parity/block_encoder.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/handshake/introduction.h"
#include "dataplane/wire/message.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using lcore::FakeDataplane;
using testing::ElementsAre;
using wire::Drop;

constexpr uint16_t kTunnelId = 7;
constexpr wire::PeerId kPeer = 2;

// Peer 2 has a tunnel whose gate delivers to a socket of the test.
class InboundTest : public testing::Test {
 protected:
  explicit InboundTest(uint16_t flows = 1) {
    app_ = os::UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(app_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    getsockname(app_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    config_.name = "video";
    config_.id = kTunnelId;
    config_.flows = flows;
    config_.gate.loopback = config::UdpGateConfig{
        .listen = wire::Endpoint{wire::IpAddress::V4({127, 0, 0, 1}), 0},
        .deliver = wire::Endpoint{wire::IpAddress::V4({127, 0, 0, 1}), ntohs(address.sin_port)}};
    tunnel_ = *Tunnel::Open({*loop_, dataplane_, submitter_, gates_}, config_, 0, route_);
    inbound_.AddTunnel(kPeer, *tunnel_);

    Begin(1);
  }

  // From now on the peer's packets come in a session of this life of it.
  void Begin(uint32_t life) {
    wire::Session::Params params;
    params.window = 64;
    params.remote = {.features = wire::kFeatureFlows, .life = life};
    params.expires = now_ + std::chrono::hours(life);
    session_ = std::make_unique<wire::Session>(params, wire::SymmetricKey(), wire::SymmetricKey());
  }

  static protocol::NodeOptions Options() {
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }

  void Receive(std::vector<uint8_t> plaintext, wire::PeerId peer = kPeer, uint64_t counter = 0) {
    lcore::OpenedPacket packet;
    packet.packet = FakeDataplane::MakePlaintext(plaintext);
    packet.session = session_.get();
    packet.peer = peer;
    packet.counter = counter;
    inbound_.Handle(now_, {&packet, 1});
    inbound_.FlushGates();
  }
  static std::vector<uint8_t> Payload(const std::string& text, uint16_t tunnel = kTunnelId) {
    std::vector<uint8_t> bytes(wire::kInnerHeaderSize);
    wire::WritePayloadHeader({.tunnel_id = tunnel}, bytes.data());
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
  }
  // With the resend bit, so that nothing is proven lost.
  static std::vector<uint8_t> Sequenced(uint32_t sequence, const std::string& text,
                                        uint16_t tunnel = kTunnelId,
                                        wire::Duration hold = std::chrono::seconds(1)) {
    std::vector<uint8_t> bytes(wire::kSequencedHeaderSize);
    wire::WriteSequencedHeader(
        {.tunnel_id = tunnel, .hold = hold, .resend = true, .sequence = sequence}, bytes.data());
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
  }
  static std::vector<uint8_t> SequencedFragment(uint32_t sequence, uint8_t index,
                                                const std::string& text) {
    std::vector<uint8_t> bytes(wire::kSequencedFragmentHeaderSize);
    wire::WriteSequencedFragmentHeader({.payload = {.tunnel_id = kTunnelId,
                                                    .hold = std::chrono::seconds(1),
                                                    .resend = true,
                                                    .sequence = sequence},
                                        .index = index,
                                        .count = 2,
                                        .chunk = 4},
                                       bytes.data());
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
  }
  // The exclusive or of these, whose first sequence is `first`.
  static std::vector<uint8_t> Parity(uint32_t first, const std::vector<std::string>& payloads) {
    parity::BlockEncoder encoder;
    encoder.Begin(first, 1);
    for (const std::string& payload : payloads) {
      encoder.Add(wire::HoldByteOf({.hold = std::chrono::seconds(1), .resend = true}),
                  {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()});
    }
    return encoder.Plaintext(kTunnelId, 0);
  }
  static std::vector<uint8_t> Fragment(uint8_t index, const std::string& text) {
    std::vector<uint8_t> bytes(wire::kFragmentHeaderSize);
    wire::WriteFragmentHeader({.tunnel_id = kTunnelId, .index = index, .count = 3, .chunk = 4},
                              bytes.data());
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
  }
  std::vector<std::string> Delivered() {
    std::vector<std::string> payloads;
    char buffer[2000];
    for (ssize_t n; (n = recv(app_.get(), buffer, sizeof(buffer), MSG_DONTWAIT)) >= 0;) {
      payloads.emplace_back(buffer, static_cast<size_t>(n));
    }
    return payloads;
  }
  uint64_t Drops(Drop drop) { return inbound_.drops().Get(drop); }

  std::unique_ptr<Loop> loop_ = *Loop::Open();
  wire::Instant now_ = loop_->now();
  FakeDataplane dataplane_;
  Submitter submitter_{dataplane_};
  GateFactory gates_{*loop_};
  PeerRoute route_;
  config::TunnelConfig config_;
  os::UniqueFd app_;
  protocol::Node protocol_{Options()};
  std::unique_ptr<Tunnel> tunnel_;
  Inbound inbound_{protocol_, /*window=*/4096};
  std::unique_ptr<wire::Session> session_;
};

// As InboundTest, with a gate that has a socket for each flow.
class InboundFlowTest : public InboundTest {
 protected:
  InboundFlowTest() : InboundTest(8) {}

  // What was delivered, and by which of the gate's ports.
  std::vector<std::pair<std::string, uint16_t>> DeliveredBy() {
    std::vector<std::pair<std::string, uint16_t>> payloads;
    char buffer[2000];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    for (ssize_t n; (n = recvfrom(app_.get(), buffer, sizeof(buffer), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &size)) >= 0;) {
      payloads.emplace_back(std::string(buffer, static_cast<size_t>(n)), from.sin_port);
    }
    return payloads;
  }
  static std::vector<uint8_t> WithText(std::vector<uint8_t> header, const std::string& text) {
    header.insert(header.end(), text.begin(), text.end());
    return header;
  }
  static std::vector<uint8_t> PayloadOf(wire::Flow flow, const std::string& text) {
    std::vector<uint8_t> header(wire::kInnerHeaderSize);
    wire::WritePayloadHeader({.tunnel_id = kTunnelId, .flow = flow}, header.data());
    return WithText(header, text);
  }
  static std::vector<uint8_t> SequencedOf(uint32_t sequence, wire::Flow flow,
                                          const std::string& text) {
    std::vector<uint8_t> header(wire::HeaderSizeOf(wire::Kind::kSequenced, flow));
    wire::WriteSequencedHeader({.tunnel_id = kTunnelId,
                                .hold = std::chrono::seconds(1),
                                .resend = true,
                                .sequence = sequence,
                                .flow = flow},
                               header.data());
    return WithText(header, text);
  }
};

TEST_F(InboundFlowTest, EachFlowHasItsSocketOnEachWay) {
  const wire::Flow one{.number = 1}, two{.number = 2};
  Receive(PayloadOf(one, "one"));
  Receive(PayloadOf(two, "two"));
  const auto first = DeliveredBy();
  ASSERT_EQ(first.size(), 2u);
  const uint16_t port_of_one = first[0].second, port_of_two = first[1].second;
  EXPECT_NE(port_of_one, port_of_two);

  std::vector<uint8_t> piece(wire::kFragmentHeaderSize);
  for (const uint8_t index : {0, 1}) {
    wire::WriteFragmentHeader(
        {.tunnel_id = kTunnelId, .flow = two, .index = index, .count = 2, .chunk = 2},
        piece.data());
    Receive(WithText(piece, "cu"), kPeer, 100u + index);
  }
  // The second waits for the first.
  Receive(SequencedOf(1, one, "later"), kPeer, 200);
  Receive(SequencedOf(0, two, "sooner"), kPeer, 201);
  std::vector<uint8_t> sequenced_piece(wire::HeaderSizeOf(wire::Kind::kSequencedFragment, one));
  for (const uint8_t index : {0, 1}) {
    wire::WriteSequencedFragmentHeader({.payload = {.tunnel_id = kTunnelId,
                                                    .hold = std::chrono::seconds(1),
                                                    .resend = true,
                                                    .sequence = 2,
                                                    .flow = one},
                                        .index = index,
                                        .count = 2,
                                        .chunk = 2},
                                       sequenced_piece.data());
    Receive(WithText(sequenced_piece, "sp"), kPeer, 300u + index);
  }
  std::map<std::string, uint16_t> by;
  for (const auto& [text, port] : DeliveredBy()) by[text] = port;
  EXPECT_EQ(by["cucu"], port_of_two);
  EXPECT_EQ(by["later"], port_of_one);
  EXPECT_EQ(by["sooner"], port_of_two);
  EXPECT_EQ(by["spsp"], port_of_one);
}

// Its numbers mean other programs now, so that a server must not take one for another.
TEST_F(InboundFlowTest, APeerThatStartsAnewHasOtherFlows) {
  const wire::Flow flow{.number = 1};
  Receive(PayloadOf(flow, "before"));
  Receive(PayloadOf({.number = 2}, "another"));
  EXPECT_EQ(tunnel_->gate_status().flows_of_peer, 2u);
  DeliveredBy();
  std::unique_ptr<wire::Session> old = std::move(session_);
  Begin(2);
  Receive(PayloadOf(flow, "after"));
  const auto after = DeliveredBy();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(tunnel_->gate_status().flows_of_peer, 1u);
  // What was under way meanwhile is of a flow that has ended.
  std::swap(session_, old);
  Receive(PayloadOf(flow, "late"));
  EXPECT_EQ(Drops(Drop::kUnknownFlow), 1u);
  std::swap(session_, old);
  Receive(PayloadOf(flow, "and so on"));
  const auto later = DeliveredBy();
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0], std::pair(std::string("and so on"), after[0].second));
}

// It was held for the sake of order, and is delivered as what it was.
TEST_F(InboundFlowTest, WhatIsHeldLeavesBeforeThePeersNextLifeBegins) {
  const wire::Flow flow{.number = 1};
  Receive(SequencedOf(0, flow, "before"), kPeer, 0);
  Receive(SequencedOf(2, flow, "held"), kPeer, 1);
  const auto before = DeliveredBy();
  ASSERT_EQ(before.size(), 1u);
  Begin(2);
  Receive(SequencedOf(0, flow, "after"), kPeer, 2);
  std::map<std::string, uint16_t> by;
  for (const auto& [text, port] : DeliveredBy()) by[text] = port;
  EXPECT_EQ(by["held"], before[0].second);
  ASSERT_TRUE(by.contains("after"));
  EXPECT_NE(by["after"], before[0].second);
}

TEST_F(InboundFlowTest, ParityOfThePeersLifeBeforeRestoresNothing) {
  const auto parity_of = [](uint32_t first, const std::vector<std::string>& payloads) {
    parity::BlockEncoder encoder;
    encoder.Begin(first, 1);
    for (const std::string& text : payloads) {
      std::vector<uint8_t> behind_flow = {1, 0, 0};
      behind_flow.insert(behind_flow.end(), text.begin(), text.end());
      encoder.Add(0, behind_flow);
    }
    return encoder.Plaintext(kTunnelId, 0, true);
  };
  const wire::Flow flow{.number = 1};
  Receive(parity_of(0, {"a"}), kPeer, 0);  // from now on, payloads are kept for others
  Receive(SequencedOf(1, flow, "b"), kPeer, 1);
  EXPECT_EQ(DeliveredBy().size(), 2u);
  std::unique_ptr<wire::Session> old = std::move(session_);
  Begin(2);
  Receive(PayloadOf(flow, "of another program"), kPeer, 0);
  EXPECT_EQ(DeliveredBy().size(), 1u);
  session_ = std::move(old);
  Receive(parity_of(1, {"b", "lost"}), kPeer, 2);
  EXPECT_TRUE(DeliveredBy().empty());
  EXPECT_EQ(Drops(Drop::kUnknownFlow), 1u);
}

// While there was no path it waited.
TEST_F(InboundFlowTest, AnAnswerIsOfThePeersLifeInWhichItWasGiven) {
  const wire::Flow flow{.number = 1};
  Receive(PayloadOf(flow, "question"));
  const auto question = DeliveredBy();
  ASSERT_EQ(question.size(), 1u);
  const auto answer = [&](uint16_t port, const char* text) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = port;
    const size_t waiting = tunnel_->sender().waiting();
    ASSERT_GT(
        sendto(app_.get(), text, strlen(text), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    ASSERT_TRUE(TurnUntil(*loop_, [&] { return tunnel_->sender().waiting() > waiting; }));
  };
  answer(question[0].second, "to the one who asked");
  Begin(2);
  Receive(PayloadOf(flow, "another's question"));
  const auto other = DeliveredBy();
  ASSERT_EQ(other.size(), 1u);
  answer(other[0].second, "to the other one");
  route_.session = std::shared_ptr<wire::Session>(session_.get(), [](wire::Session*) {});
  route_.max_plaintext = route_.max_fragment = 1400;
  route_.homes = {0};
  tunnel_->RouteChanged();
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return tunnel_->sender().waiting() == 0; }));
  submitter_.Flush();
  ASSERT_EQ(dataplane_.submitted.size(), 1u);
  const wire::Bytes sent = dataplane_.submitted[0].packet.bytes().subspan(wire::kInnerHeaderSize);
  EXPECT_EQ(std::string(sent.begin(), sent.end()), "to the other one");
  EXPECT_EQ(tunnel_->sender().drops().Get(Drop::kUnknownFlow), 1u);
}

TEST_F(InboundFlowTest, PiecesOfDifferentFlowsAreNoPayload) {
  std::vector<uint8_t> piece(wire::kFragmentHeaderSize);
  for (const uint8_t index : {0, 1}) {
    wire::WriteFragmentHeader(
        {.tunnel_id = kTunnelId, .flow = {.number = index}, .index = index, .count = 2, .chunk = 2},
        piece.data());
    Receive(WithText(piece, "cu"), kPeer, 100u + index);
  }
  EXPECT_EQ(Drops(Drop::kReassemblyConflict), 1u);
  EXPECT_TRUE(DeliveredBy().empty());
}

TEST_F(InboundTest, DeliversPayloadsToTheirTunnelsApplication) {
  Receive(Payload("hello"));
  Receive(Payload("world"));
  EXPECT_THAT(Delivered(), ElementsAre("hello", "world"));
  EXPECT_EQ(FakeDataplane::LivePackets(), 0u);
}

TEST_F(InboundTest, PutsFragmentsTogetherInWhateverOrder) {
  Receive(Fragment(2, "ij"), kPeer, 12);
  Receive(Fragment(0, "abcd"), kPeer, 10);
  EXPECT_THAT(Delivered(), ElementsAre());
  Receive(Fragment(1, "efgh"), kPeer, 11);
  EXPECT_THAT(Delivered(), ElementsAre("abcdefghij"));
}

TEST_F(InboundTest, PutsSequencedPayloadsInOrder) {
  Receive(Sequenced(0, "a"), kPeer, 0);
  Receive(Sequenced(2, "c"), kPeer, 1);
  EXPECT_THAT(Delivered(), ElementsAre("a"));
  Receive(Sequenced(1, "b"), kPeer, 2);
  EXPECT_THAT(Delivered(), ElementsAre("b", "c"));
  Receive(Sequenced(1, "b"), kPeer, 3);
  EXPECT_EQ(Drops(Drop::kSequenceRepeated), 1u);
  // Those without a place go at once.
  Receive(Sequenced(4, "e"), kPeer, 4);
  Receive(Payload("x"), kPeer, 5);
  EXPECT_THAT(Delivered(), ElementsAre("x"));
  EXPECT_EQ(FakeDataplane::LivePackets(), 0u);  // what is held is held elsewhere
}

TEST_F(InboundTest, OrdersWhatCameInFragments) {
  Receive(Sequenced(0, "a"), kPeer, 0);
  Receive(SequencedFragment(2, 1, "gh"), kPeer, 6);
  Receive(SequencedFragment(2, 0, "abcd"), kPeer, 5);
  EXPECT_THAT(Delivered(), ElementsAre("a"));
  Receive(SequencedFragment(1, 1, "yz"), kPeer, 4);
  EXPECT_THAT(Delivered(), ElementsAre());
  Receive(SequencedFragment(1, 0, "wxxx"), kPeer, 3);
  EXPECT_THAT(Delivered(), ElementsAre("wxxxyz", "abcdgh"));
  Receive({4, 0, 7, 0, 1, 0, 0});                      // too short
  Receive({6, 0, 7, 0, 1, 0, 0, 0, 2, 2, 4, 0, 'x'});  // the index is beyond the count
  EXPECT_EQ(Drops(Drop::kMalformed), 2u);
  Receive(Sequenced(3, "x", /*tunnel=*/8), kPeer, 9);
  EXPECT_EQ(Drops(Drop::kUnknownTunnel), 1u);
}

TEST_F(InboundTest, RestoresWhatIsLostFromParity) {
  Receive(Sequenced(0, "a"), kPeer, 0);
  Receive(Parity(0, {"a"}), kPeer, 1);  // from now on, payloads are kept for others
  Receive(Sequenced(1, "bb"), kPeer, 2);
  Receive(Sequenced(3, "dddd"), kPeer, 3);
  EXPECT_THAT(Delivered(), ElementsAre("a", "bb"));
  Receive(Parity(1, {"bb", "ccc", "dddd"}), kPeer, 4);
  EXPECT_THAT(Delivered(), ElementsAre("ccc", "dddd"));
  EXPECT_EQ(tunnel_->recovered(), 1u) << "the first one was there before its parity came";
  EXPECT_EQ(tunnel_->parity_drops().Get(Drop::kSequenceRepeated), 1u);
  // It comes after all.
  Receive(Sequenced(2, "ccc"), kPeer, 5);
  EXPECT_EQ(Drops(Drop::kSequenceRepeated), 1u);
  EXPECT_THAT(Delivered(), ElementsAre());
  EXPECT_EQ(FakeDataplane::LivePackets(), 0u);
}

TEST_F(InboundTest, RestoresBesideWhatCameInFragments) {
  Receive(Parity(0, {"a"}), kPeer, 1);
  Receive(SequencedFragment(1, 0, "abcd"), kPeer, 5);
  Receive(SequencedFragment(1, 1, "gh"), kPeer, 6);
  Receive(Parity(1, {"abcdgh", "ccc"}), kPeer, 7);
  EXPECT_THAT(Delivered(), ElementsAre("a", "abcdgh", "ccc"));
}

// Parity makes a tunnel keep payloads, whether or not that is of use. All tunnels together have a bound.
TEST_F(InboundTest, WhatIsKeptForParityHasNoMoreThanItsPartOfTheRoom) {
  constexpr size_t kRoom = 300'000;
  SharedRoom room(kRoom);
  SharedRoom::Part others(&room);
  others.Add(kRoom / 3);
  tunnel_ = *Tunnel::Open({*loop_, dataplane_, submitter_, gates_, &room}, config_, 0, route_);
  inbound_.AddTunnel(kPeer, *tunnel_);
  Receive(Parity(0, {"a"}), kPeer, 0);
  for (uint32_t i = 1; i < 500; ++i) {
    Receive(Sequenced(i, std::string(1000, 'x')), kPeer, i);
    ASSERT_LE(room.used(), kRoom + 1000);
  }
  EXPECT_GT(room.used(), kRoom - 2000);
  Receive(Parity(499, {std::string(1000, 'x'), "last"}), kPeer, 500);
  EXPECT_EQ(tunnel_->recovered(), 2u) << "the newest ones are kept";
  tunnel_.reset();
  EXPECT_EQ(room.used(), kRoom / 3);
}

TEST_F(InboundTest, ParityEndsByName) {
  Receive(Parity(0, {"a"}), kPeer, 1);
  Receive(Sequenced(1, "b"), kPeer, 2);
  Receive(Sequenced(2, "c"), kPeer, 3);
  Receive(Parity(1, {"b", "c"}), kPeer, 4);
  EXPECT_EQ(tunnel_->parity_drops().Get(Drop::kParityUnused), 1u);
  Receive(Parity(10, {"x", "y"}), kPeer, 5);
  loop_->Wait(std::chrono::milliseconds(1100));
  loop_->RunOnce(64);
  inbound_.Expire(loop_->now());
  EXPECT_EQ(tunnel_->parity_drops().Get(Drop::kParityTooFew), 1u);
  Receive({5, 9, 7, 0, 1, 0, 0, 0, 1, 0, 0, 0});  // an index beyond those that there are
  Receive({5, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0});  // of no payloads
  Receive({5, 0, 7, 0, 1, 0, 0, 0, 1});
  EXPECT_EQ(Drops(Drop::kMalformed), 3u);
  std::vector<uint8_t> foreign = Parity(1, {"b"});
  foreign[2] = 8;
  Receive(foreign);
  EXPECT_EQ(Drops(Drop::kUnknownTunnel), 1u);
}

// The loop wakes the tunnel: nothing else need come.
TEST_F(InboundTest, ReleasesWhatHasWaitedLongEnough) {
  Receive(Sequenced(0, "a"), kPeer, 0);
  Receive(Sequenced(2, "c", kTunnelId, std::chrono::milliseconds(8)), kPeer, 1);
  EXPECT_THAT(Delivered(), ElementsAre("a"));
  std::vector<std::string> later;
  const wire::Instant end = loop_->ReadClock() + std::chrono::seconds(10);
  while (later.empty() && loop_->ReadClock() < end) {
    loop_->Wait(std::chrono::seconds(1));
    loop_->RunOnce(64);
    later = Delivered();
  }
  EXPECT_THAT(later, ElementsAre("c"));
  EXPECT_EQ(tunnel_->orderer().counters().by_hold, 1u);
}

// The peer was told that it came, and does not send it again.
TEST_F(InboundTest, WhatIsHeldIsDeliveredBeforeTheGateCloses) {
  Receive(Sequenced(0, "a"), kPeer, 0);
  Receive(Sequenced(2, "c"), kPeer, 1);
  Receive(Sequenced(4, "e"), kPeer, 2);
  tunnel_->CloseGate();
  EXPECT_THAT(Delivered(), ElementsAre("a", "c", "e"));
  EXPECT_EQ(tunnel_->orderer().held(), 0u);
}

TEST_F(InboundTest, DropsByNameWhatBelongsNowhere) {
  Receive(Payload("x", /*tunnel=*/8));
  Receive(Payload("x"), /*peer=*/1);
  Receive(Payload("x"), /*peer=*/77);
  Receive(Payload("x"), wire::kNoPeer);
  EXPECT_EQ(Drops(Drop::kUnknownTunnel), 4u);
  Receive({99, 0, 0, 0});
  Receive({});
  EXPECT_EQ(Drops(Drop::kUnknownKind), 2u);
  Receive({1, 0, 7});
  EXPECT_EQ(Drops(Drop::kMalformed), 1u);
  Receive({2, 9, 7, 0, 3, 0, 4, 0, 'x'});  // the fragment's index is beyond its count
  EXPECT_EQ(Drops(Drop::kMalformed), 2u);
  EXPECT_THAT(Delivered(), ElementsAre());
  EXPECT_EQ(FakeDataplane::LivePackets(), 0u);
}

// More payloads wait for a late copy than any fixed number would hold, and fewer than the window lets in.
TEST_F(InboundTest, KeepsAsManyUnfinishedPayloadsAsTheWindowLetsIn) {
  constexpr uint64_t kPayloads = 1365;  // of three counters each
  for (uint64_t i = 0; i < kPayloads; ++i) Receive(Fragment(0, "abcd"), kPeer, 3 * i);
  size_t delivered = 0;
  for (uint64_t i = 0; i < kPayloads; ++i) {
    Receive(Fragment(1, "efgh"), kPeer, 3 * i + 1);
    Receive(Fragment(2, "ij"), kPeer, 3 * i + 2);
    delivered += Delivered().size();
  }
  EXPECT_EQ(delivered, kPayloads);
  EXPECT_EQ(Drops(Drop::kReassemblyFull), 0u);
}

// The missing copy may be as late as a path in use can be.
TEST_F(InboundTest, WaitsForTheCopyOfASlowLink) {
  Receive(Fragment(0, "abcd"), kPeer, 10);
  Receive(Fragment(1, "efgh"), kPeer, 11);
  now_ += std::chrono::seconds(12);
  inbound_.Expire(now_);
  Receive(Fragment(2, "ij"), kPeer, 12);
  EXPECT_THAT(Delivered(), ElementsAre("abcdefghij"));
}

TEST_F(InboundTest, GivesUpOnFragmentsThatNeverComeTogether) {
  Receive(Fragment(0, "abcd"), kPeer, 10);
  inbound_.Expire(now_ + std::chrono::seconds(13));
  EXPECT_EQ(Drops(Drop::kReassemblyTimeout), 1u);
}

}  // namespace
}  // namespace warp::control
