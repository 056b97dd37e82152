// An attacker can send any datagrams. Each of them is counted by name, and none changes anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/message.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;

// The state that must not change: what the forwarding table holds, and what is known of the peer.
struct Picture {
  uint64_t version;
  std::shared_ptr<wire::Session> session;
  bool connected;
  size_t paths;
  size_t slots_taken;
  friend bool operator==(const Picture&, const Picture&) = default;
};
Picture Take(VirtualNet& net, int n) {
  const PeerStatus peer = net.Peer(n, 1 - n);
  return {net.node(n).version(), peer.session, peer.connected, peer.paths.size(),
          net.node(n).sessions().taken()};
}

// An initiation that nobody can read, with a right mac1, from an address of its own.
struct JunkInitiation {
  JunkInitiation(const wire::PublicKey& receiver, uint32_t number)
      : from{wire::IpAddress::V4(
                 {198, 51, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)}),
             4000},
        datagram(200, 0x55) {
    wire::WriteAs(wire::Le32(2), datagram.data());
    wire::WriteAs(wire::Le32(number), datagram.data() + 8);
    wire::WriteMacs(wire::Mac1Key(receiver), nullptr, datagram);
  }
  wire::Endpoint from;
  std::vector<uint8_t> datagram;
};

uint64_t AllDrops(VirtualNet& net, int n) {
  uint64_t sum = 0;
  for (size_t i = 0; i < wire::kDropCount; ++i) sum += net.Drops(n, static_cast<Drop>(i));
  return sum;
}

// A story that contains every type of message. Node 0 comes back, is asked for a cookie by a node under load, then for
// the token, and connects. Then both nodes are idle.
struct Recorded {
  VirtualNet net{{.ports = {2, 2}}};
  std::vector<Seen> seen;

  Recorded() {
    net.AddPeer(0, 1);
    net.AddPeer(1, 0);
    net.Run(2s);
    net.Record(true);
    FloodWithInitiations(net, 1, 250);
    net.Restart(0);
    net.Run(2s);
    EXPECT_TRUE(net.Connected(0, 1) && net.Connected(1, 0));
    EXPECT_TRUE(net.Send(0, 1, "payload"));
    net.Record(false);
    net.Run(50ms);
    seen = net.TakeSeen();
    for (const uint8_t type : {1, 2, 3, 4, 5}) {
      EXPECT_TRUE(std::any_of(seen.begin(), seen.end(), [&](const Seen& s) {
        return s.type() == type;
      })) << +type;
    }
  }

  // Returns the last datagram of each type that node `n` received.
  std::vector<Seen> Samples(int n) const {
    std::vector<Seen> samples;
    for (const uint8_t type : {1, 2, 3, 4, 5}) {
      const auto it = std::find_if(seen.rbegin(), seen.rend(), [&](const Seen& s) {
        return s.from_node == 1 - n && s.type() == type;
      });
      if (it != seen.rend()) samples.push_back(*it);
    }
    return samples;
  }
};

TEST(Hostile, EveryFlippedByteIsDroppedByName) {
  Recorded story;
  VirtualNet& net = story.net;
  for (const int victim : {0, 1}) {
    for (const Seen& sample : story.Samples(victim)) {
      for (size_t i = 0; i < sample.datagram.size(); ++i) {
        for (const uint8_t bit : {0x01, 0x80}) {
          std::vector<uint8_t> datagram = sample.datagram;
          datagram[i] ^= bit;
          const Picture before = Take(net, victim);
          const uint64_t drops = AllDrops(net, victim);
          net.Inject(victim, 0, sample.from, std::move(datagram));
          EXPECT_EQ(AllDrops(net, victim), drops + 1) << +sample.type() << " byte " << i;
          EXPECT_TRUE(Take(net, victim) == before) << +sample.type() << " byte " << i;
        }
      }
    }
  }
  EXPECT_TRUE(net.Send(0, 1, "still here"));
  net.Run(20ms);
  EXPECT_EQ(net.TakeReceived(1).back(), "still here");
}

TEST(Hostile, EveryTruncationIsDroppedByName) {
  Recorded story;
  VirtualNet& net = story.net;
  for (const int victim : {0, 1}) {
    for (const Seen& sample : story.Samples(victim)) {
      for (size_t size = 0; size < sample.datagram.size(); ++size) {
        std::vector<uint8_t> datagram(sample.datagram.begin(),
                                      sample.datagram.begin() + static_cast<ptrdiff_t>(size));
        const Picture before = Take(net, victim);
        const uint64_t drops = AllDrops(net, victim);
        net.Inject(victim, 0, sample.from, datagram);
        EXPECT_EQ(AllDrops(net, victim), drops + 1) << +sample.type() << " size " << size;
        EXPECT_TRUE(Take(net, victim) == before);
        datagram.resize(sample.datagram.size() + 1 + size);  // the same datagram, but too long
        net.Inject(victim, 0, sample.from, datagram);
        EXPECT_EQ(AllDrops(net, victim), drops + 2);
        EXPECT_TRUE(Take(net, victim) == before);
      }
    }
  }
}

TEST(Hostile, ReplaysChangeNothing) {
  Recorded story;
  VirtualNet& net = story.net;
  for (const Duration later : {Duration(0s), Duration(15s), Duration(60s)}) {
    net.Run(later);
    for (const Seen& s : story.seen) {
      const int victim = 1 - s.from_node;
      const Picture before = Take(net, victim);
      const uint64_t drops = AllDrops(net, victim);
      net.Inject(victim, 1, s.from, s.datagram);
      EXPECT_EQ(AllDrops(net, victim), drops + 1) << +s.type();
      EXPECT_TRUE(Take(net, victim) == before) << +s.type();
    }
  }
}

TEST(Hostile, ReflectionsChangeNothing) {
  Recorded story;
  VirtualNet& net = story.net;
  for (const Seen& s : story.seen) {
    const int victim = s.from_node;
    const Picture before = Take(net, victim);
    const uint64_t drops = AllDrops(net, victim);
    net.Inject(victim, 0, s.to, s.datagram);
    EXPECT_EQ(AllDrops(net, victim), drops + 1) << +s.type();
    EXPECT_TRUE(Take(net, victim) == before) << +s.type();
  }
  EXPECT_GT(net.Drops(0, Drop::kBadMac), 0u);
  EXPECT_GT(net.Drops(0, Drop::kUnknownSession), 0u);
}

TEST(Hostile, ReplaysToARestartedNodeConfirmNothing) {
  Recorded story;
  VirtualNet& net = story.net;
  net.Kill(0);
  net.Restart(1);
  for (const Seen& s : story.seen) {
    if (s.from_node == 0) net.Inject(1, 0, s.from, s.datagram);
  }
  net.Run(200ms);
  EXPECT_EQ(net.Peer(1, 0).session, nullptr);
  net.Start(0);
  EXPECT_TRUE(net.RunUntil([&] { return net.Connected(0, 1) && net.Connected(1, 0); }, 1500ms));
}

TEST(Hostile, DuplicatesDoNotKeepAPeerAlive) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(1s);
  net.Talk(0, 1);
  net.Record(true);
  net.Run(1s);
  net.Cut(0, 0);
  const std::vector<Seen> seen = net.TakeSeen();
  for (int i = 0; i < 15; ++i) {
    for (const Seen& s : seen) {
      if (s.from_node == 0) net.Inject(1, 0, s.from, s.datagram);
    }
    net.Run(100ms);
  }
  EXPECT_GT(net.Drops(1, Drop::kDuplicate), 10u);
  EXPECT_FALSE(net.Connected(1, 0));
  EXPECT_EQ(net.ActivePaths(1, 0), 0u);
}

TEST(Hostile, NoReplyIsLargerThanItsRequest) {
  Recorded story;
  VirtualNet& net = story.net;
  net.Cut(1, 0);
  net.Cut(1, 1);
  net.Run(20ms);
  for (const Seen& s : story.seen) {
    if (s.from_node == 1 || s.type() == 1) continue;
    net.Restore(1, 0);
    net.Record(true);
    const uint64_t sent = net.Sent(1);
    net.Inject(1, 0, s.from, s.datagram);
    EXPECT_LE(net.Sent(1), sent + 1);
    for (const Seen& reply : net.TakeSeen()) EXPECT_LE(reply.datagram.size(), s.datagram.size());
    net.Record(false);
    net.Cut(1, 0);
  }
}

// A peer that is broken or of another version may send nonsense that is authentic.
TEST(Hostile, AuthenticNonsenseIsDroppedByName) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(1s);
  const auto session = net.Peer(0, 1).session;
  const auto say = [&](std::vector<uint8_t> plaintext) {
    net.Inject(1, 0, net.EndpointOf(0, 0),
               *session->Seal(net.now(), net.node(0).identity().engine(), plaintext));
  };
  const Picture before = Take(net, 1);
  say({});
  say({9});
  say({3, 0x30});
  say({3, 0x48, 0, 0});  // a message that only a map may send
  EXPECT_EQ(net.Drops(1, Drop::kUnknownKind), 4u);
  say({3});
  say({3, 1});
  say({3, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  say({3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  say({3, 2, 1, 2, 3, 4, 5, 6, 7});
  say({3, 3, 0});
  say({3, 4, 0});
  say({3, 5, 0});
  say({3, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0});
  EXPECT_EQ(net.Drops(1, Drop::kMalformed), 9u);
  EXPECT_TRUE(Take(net, 1) == before);
  say({3, 2, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});           // an answer to nothing
  say({3, 5, 1, 9, 9, 9, 9, 1, 0, 0, 0, 1, 0, 0, 0});  // a report of ports that nobody has
  EXPECT_TRUE(Take(net, 1) == before);
}

TEST(Hostile, StateStaysBoundedUnderRandomFloods) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(1s);
  std::mt19937_64 random(5);
  const auto session = net.Peer(0, 1).session;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> datagram(random() % 300);
    std::generate(datagram.begin(), datagram.end(), [&] { return static_cast<uint8_t>(random()); });
    if (datagram.size() >= 8 && random() % 4 != 0) {
      datagram[0] = static_cast<uint8_t>(1 + random() % 4);
      datagram[1] = datagram[2] = datagram[3] = 0;
      // Half of the forged headers guess the receiver index right.
      if (datagram.size() >= wire::kDataHeaderSize && random() % 2 == 0)
        wire::WriteDataHeader({session->remote_index(), random()}, datagram.data());
    }
    const uint64_t drops = AllDrops(net, 1);
    net.Inject(1, static_cast<int>(random() % 2), net.EndpointOf(0, 0), std::move(datagram));
    EXPECT_EQ(AllDrops(net, 1), drops + 1);
    if (i % 100 == 0) net.Run(10ms);
  }
  EXPECT_LE(net.node(1).sessions().taken(), 4u);
  EXPECT_EQ(net.Peer(1, 0).paths.size(), 4u);
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
  EXPECT_EQ(net.Peer(0, 1).session, session);
}

// A peer that only begins handshakes, and never confirms one.
TEST(Hostile, PeerThatOnlyInitiatesIsHeldInBounds) {
  VirtualNet net({});
  net.Introduce(0, 1);
  net.Run(1s);
  const auto session = net.Peer(1, 0).session;
  const wire::PresharedKey psk;
  CookieJar cookies(120s);
  const Route route{0, net.EndpointOf(1, 0)};
  wire::Token token{};
  for (uint32_t i = 0; i < 300; ++i) {
    const InitiatorHandshake handshake(net.node(0).identity(), {.remote = net.key(1), .psk = &psk},
                                       1000 + i, token);
    net.Record(true);
    net.Inject(1, 0, net.EndpointOf(0, 0), handshake.Copy(net.now(), route, cookies));
    net.Record(false);
    for (const Seen& seen : net.TakeSeen()) {
      if (const auto wanted = handshake.ReadRetry(seen.datagram)) token = *wanted;
    }
    EXPECT_LE(net.node(1).GetForwarding().peers[0].receive.size(), kMaxUnconfirmedSessions + 3);
    net.Run(10ms);
  }
  EXPECT_GT(net.Drops(1, Drop::kHandshakeBudget), 100u);
  EXPECT_EQ(net.Peer(1, 0).session, session);
  EXPECT_TRUE(net.Connected(1, 0));
}

// Answers to strangers go back the way the question came, and no snapshot and no entry is made for them.
TEST(Strangers, LeaveNothingBehind) {
  VirtualNet net{{.ports = {1, 1}}};
  net.Introduce(0, 1);
  net.Run(3s);
  Node& node = net.node(1);
  const Picture before = Take(net, 1);
  const auto cookies = node.GetForwarding().cookies;
  const wire::MacAddress mac{{2, 9, 9, 9, 9, 9}};
  const wire::IpAddress to = net.EndpointOf(1, 0).address;
  size_t answers = 0;
  for (uint32_t i = 0; i < 15000; ++i) {
    JunkInitiation junk(node.public_key(), i);
    node.HandleHandshake(net.now(), {.port = 0, .from = junk.from, .to = to, .from_mac = mac},
                         junk.datagram);
    while (const auto transmit = node.NextTransmit()) {
      ASSERT_TRUE(transmit->answers.has_value());
      EXPECT_EQ(transmit->answers->from_mac, mac);
      EXPECT_EQ(transmit->answers->to, to);
      EXPECT_EQ(transmit->to, junk.from);
      EXPECT_LE(transmit->datagram.size(), junk.datagram.size());
      ++answers;
    }
  }
  EXPECT_GT(answers, 500u);
  EXPECT_EQ(Take(net, 1), before);
  EXPECT_EQ(node.GetForwarding().cookies, cookies);
}

// Whoever replays an initiation of a peer's chooses the address that the retry goes to.
TEST(Strangers, WithARecordingLeaveNothingBehindEither) {
  VirtualNet net{{.ports = {1, 1}}};
  net.Introduce(0, 1);
  net.Run(3s);
  while (net.node(1).NextTransmit()) {
  }
  const wire::PresharedKey psk;
  const InitiatorHandshake recorded(net.node(0).identity(), {.remote = net.key(1), .psk = &psk},
                                    1000, wire::Token{});
  CookieJar cookies(120s);
  const Arrival arrival{.port = 0,
                        .from = *wire::Endpoint::Parse("198.51.100.9:4000"),
                        .to = net.EndpointOf(1, 0).address,
                        .from_mac = {{2, 9, 9, 9, 9, 9}}};
  const std::vector<uint8_t> datagram = recorded.Copy(net.now(), arrival.route(), cookies);
  net.node(1).HandleHandshake(net.now(), arrival, datagram);
  const auto retry = net.node(1).NextTransmit();
  ASSERT_TRUE(retry.has_value());
  EXPECT_TRUE(recorded.ReadRetry(retry->datagram).has_value());
  ASSERT_TRUE(retry->answers.has_value());
  EXPECT_EQ(retry->answers->from_mac, arrival.from_mac);
}

TEST(Strangers, AreNotAnsweredWhereNobodyCanBe) {
  VirtualNet net{{.ports = {1, 1}}};
  net.Run(1s);
  Node& node = net.node(1);
  node.SetPort(net.now(), 5,
               {.up = true,
                .addresses = {wire::IpAddress::V4({10, 71, 0, 1})},
                .broadcasts = {wire::IpAddress::V4({10, 71, 0, 255})}});
  uint64_t bad = 0;
  for (const char* source : {"10.71.0.255:1", "10.71.0.1:1", "240.0.0.1:1", "224.0.0.1:1",
                             "255.255.255.255:1", "[ff02::1]:1", "0.0.0.1:1"}) {
    JunkInitiation junk(node.public_key(), 1);
    junk.from = *wire::Endpoint::Parse(source);
    node.HandleHandshake(net.now(), {.port = 5, .from = junk.from, .to = {}}, junk.datagram);
    EXPECT_EQ(net.Drops(1, Drop::kBadSource), ++bad) << source;
  }
  EXPECT_FALSE(node.NextTransmit().has_value());
}

// The workers recognise the cookies that the node gives, before and after the secret has changed.
TEST(Strangers, CookiesStandInTheForwardingState) {
  VirtualNet net{{.ports = {1, 1}}};
  net.Run(1s);
  Node& node = net.node(1);
  const auto first = node.GetForwarding().cookies;
  ASSERT_NE(first, nullptr);
  Instant now = net.now();
  const auto flood = [&] {
    for (uint32_t i = 0; i < 1000; ++i) {
      JunkInitiation junk(node.public_key(), i);
      node.HandleHandshake(now, {.port = 0, .from = junk.from, .to = {}}, junk.datagram);
    }
    while (node.NextTransmit()) {
    }
  };
  flood();
  EXPECT_EQ(node.GetForwarding().cookies, first);
  const uint64_t version = node.version();
  now += Timers().cookie_lifetime;
  flood();
  const auto second = node.GetForwarding().cookies;
  EXPECT_NE(second, first);
  EXPECT_GT(node.version(), version);
  EXPECT_EQ(second->previous.bytes(), first->current.bytes());
}

// The workers know the index of a handshake from before its initiation leaves until its session ends.
TEST(Strangers, IndicesUnderWayStandOnTheBoard) {
  VirtualNet net{{.ports = {1, 1}}};
  net.AddPeer(0, 1);
  net.Record(true);
  net.Run(100ms);
  const auto indices = net.node(0).GetForwarding().indices;
  uint32_t index = 0;
  for (const Seen& seen : net.TakeSeen()) {
    if (seen.type() == 2) index = wire::DecodeInitiation(seen.datagram)->sender_index;
  }
  ASSERT_NE(index, 0u);
  EXPECT_TRUE(indices->Has(index));
  EXPECT_FALSE(indices->Has(index + 1));
  EXPECT_FALSE(indices->Has(0));
  net.node(0).Shutdown(net.now());
  EXPECT_FALSE(indices->Has(index));
}

}  // namespace
}  // namespace warp::protocol
