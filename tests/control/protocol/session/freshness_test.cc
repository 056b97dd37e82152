// An attacker with recordings: whatever was said once, said again by anybody, from anywhere, under any index, changes
// nothing and takes nothing away from those who say something new.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/control/protocol/attacker.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;
using wire::MessageType;

const wire::Endpoint kElsewhere{wire::IpAddress::V4({192, 0, 2, 66}), 666};

bool BothConnected(VirtualNet& net) { return net.Connected(0, 1) && net.Connected(1, 0); }

// The initiations to `n` among what was seen, each once.
std::vector<std::vector<uint8_t>> InitiationsTo(int n, const std::vector<Seen>& seen) {
  std::vector<std::vector<uint8_t>> tape;
  for (const Seen& s : seen) {
    if (s.from_node == n || s.type() != static_cast<uint8_t>(MessageType::kInitiation)) continue;
    if (std::find(tape.begin(), tape.end(), s.datagram) == tape.end()) tape.push_back(s.datagram);
  }
  return tape;
}

const Seen* First(const std::vector<Seen>& seen, MessageType type) {
  const auto it = std::find_if(seen.begin(), seen.end(), [&](const Seen& s) {
    return s.type() == static_cast<uint8_t>(type);
  });
  return it != seen.end() ? &*it : nullptr;
}

TEST(Freshness, RecordingsOfManyRekeysAtAThousandASecondLoseNothing) {
  VirtualNet net({.ports = {2, 2}, .timers = ShortLives()});
  net.Introduce(0, 1);
  net.Record(true);
  net.Run(60s);
  net.Record(false);
  const std::vector<Seen> seen = net.TakeSeen();
  Replayer to_0(net, 0, kElsewhere, InitiationsTo(0, seen));
  Replayer to_1(net, 1, kElsewhere, InitiationsTo(1, seen));
  ASSERT_GT(InitiationsTo(0, seen).size() + InitiationsTo(1, seen).size(), 40u);

  const size_t sessions = net.node(0).GetForwarding().peers[0].receive.size();
  EXPECT_EQ(LostUnderAttack(net, 0, 1, 10s,
                            [&] {
                              to_0.Send();
                              to_1.Send();
                            }),
            0u);
  EXPECT_TRUE(BothConnected(net));
  EXPECT_LE(net.node(0).GetForwarding().peers[0].receive.size(), sessions + 1);
  EXPECT_EQ(to_0.answers(MessageType::kResponse) + to_1.answers(MessageType::kResponse), 0u);
}

TEST(Freshness, RecordingsKeepNobodyOutOfARestartedNode) {
  for (const bool caller_restarts : {false, true}) {
    VirtualNet net({.ports = {2, 2}, .timers = ShortLives()});
    net.AddPeer(0, 1);
    net.AddPeer(1, 0, /*endpoints=*/false);
    net.Record(true);
    net.Run(60s);
    net.Record(false);
    Replayer replayer(net, 1, kElsewhere, InitiationsTo(1, net.TakeSeen()));

    net.Kill(1);
    if (caller_restarts) net.Kill(0);
    net.Run(1s);
    net.Start(1);
    for (int i = 0; i < 300; ++i) {  // the attacker is first
      replayer.Send();
      net.Run(1ms);
    }
    if (caller_restarts) net.Start(0);
    bool connected = false;
    for (int i = 0; i < 2500 && !connected; ++i) {
      replayer.Send();
      net.Run(1ms);
      connected = BothConnected(net);
    }
    EXPECT_TRUE(connected) << caller_restarts;
  }
}

// Node 0 calls node 1 over a link of 120 ms; where it was `established`, as one that has just restarted.
void Call(VirtualNet& net, bool established) {
  net.DelayBoth(0, 0, 1, 0, 60ms);
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.AddPeer(0, 1);
  if (!established) return;
  net.Run(2s);
  net.Restart(0);
}

// Copies under other indices, whether they arrive before the true initiation or after it.
TEST(Freshness, CopiesUnderOtherIndicesTakeNothingFromTheTrueOne) {
  for (const bool first : {false, true}) {
    for (const bool established : {false, true}) {
      VirtualNet net({.ports = {1, 1}});
      Call(net, established);
      const auto hit = [&](const std::vector<Seen>& seen) {
        for (const Seen& s : seen) {
          if (s.from_node != 0 || s.type() != static_cast<uint8_t>(MessageType::kInitiation))
            continue;
          for (uint32_t i = 1; i <= 50; ++i) {
            net.Inject(1, 0, kElsewhere, WithIndex(s.datagram, i * 7919, net.key(1)));
          }
        }
      };
      net.Record(true);
      std::vector<Seen> held;
      bool connected = false;
      int waited = 0;
      for (; waited < 2000 && !connected; ++waited) {
        net.Run(1ms);
        const std::vector<Seen> seen = net.TakeSeen();
        if (first) hit(seen);  // 60 ms before it arrives
        held.insert(held.end(), seen.begin(), seen.end());
        if (!first && waited % 5 == 4) hit(held);
        connected = BothConnected(net);
      }
      EXPECT_TRUE(connected) << first << established;
      // A round trip for the token, one for the session, and a confirm there and back.
      EXPECT_LE(waited, established ? 500 : 380) << first << established;
    }
  }
}

// Whatever is changed outside of the Noise part of a response, and however long before the true one its copies arrive.
TEST(Freshness, ChangedCopiesOfAResponseTakeNothingFromTheTrueOne) {
  for (const bool established : {false, true}) {
    VirtualNet net({.ports = {1, 1}});
    Call(net, established);
    net.Record(true);
    bool connected = false;
    int waited = 0;
    size_t copies = 0;
    for (; waited < 2000 && !connected; ++waited) {
      net.Run(1ms);
      for (const Seen& s : net.TakeSeen()) {
        if (s.from_node != 1 || s.type() != static_cast<uint8_t>(MessageType::kResponse)) continue;
        const uint32_t index = wire::ReadAs<wire::Le32>(s.datagram.data() + 4).value();
        for (uint32_t i = 0; i < 50; ++i, ++copies) {
          net.Inject(0, 0, kElsewhere, WithIndex(s.datagram, index + i, net.key(0)));
          std::vector<uint8_t> changed = s.datagram;
          changed[changed.size() - 1 - i % 32] ^= 1;  // mac1 or mac2
          net.Inject(0, 0, kElsewhere, changed);
          net.Inject(0, 0, kElsewhere, WithIndex(changed, index, net.key(0)));
        }
      }
      connected = BothConnected(net);
    }
    EXPECT_GT(copies, 0u);
    EXPECT_TRUE(connected) << established;
    EXPECT_LE(waited, established ? 500 : 380) << established;
  }
}

TEST(Freshness, RepeatedInitiationIsKnownByItsNoisePartAlone) {
  VirtualNet net({.ports = {1, 1}});
  net.DelayBoth(0, 0, 1, 0, 60ms);
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.AddPeer(0, 1);
  net.Record(true);
  net.Run(70ms);
  const std::vector<Seen> seen = net.TakeSeen();
  const Seen* initiation = First(seen, MessageType::kInitiation);
  const Seen* response = First(seen, MessageType::kResponse);
  ASSERT_TRUE(initiation != nullptr && response != nullptr);
  net.Inject(1, 0, kElsewhere, WithIndex(initiation->datagram, 4711, net.key(1)));
  EXPECT_EQ(net.Drops(1, Drop::kHandshakeRepeated), 1u);
  EXPECT_EQ(net.Drops(1, Drop::kHandshakeFailed), 0u);
  EXPECT_EQ(net.TakeSeen().back().datagram, response->datagram);
}

TEST(Freshness, ResponseIsNotRepeatedOnceItsSessionIsConfirmed) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.AddPeer(0, 1);
  net.Record(true);
  ASSERT_TRUE(net.RunUntil([&] { return BothConnected(net); }, 1s));
  const std::vector<Seen> seen = net.TakeSeen();
  const Seen* initiation = First(seen, MessageType::kInitiation);
  ASSERT_NE(initiation, nullptr);
  const auto slots = net.node(1).sessions().taken();
  for (int i = 0; i < 10; ++i) {
    net.Inject(1, 0, kElsewhere, initiation->datagram);
    const std::vector<Seen> replies = net.TakeSeen();
    EXPECT_EQ(First(replies, MessageType::kResponse), nullptr);
    ASSERT_NE(First(replies, MessageType::kRetry), nullptr);
    EXPECT_LE(First(replies, MessageType::kRetry)->datagram.size(), initiation->datagram.size());
  }
  EXPECT_EQ(net.Drops(1, Drop::kHandshakeStale), 1u) << "one Diffie-Hellman";
  EXPECT_EQ(net.Drops(1, Drop::kHandshakeRepeated), 9u) << "and none for its copies";
  EXPECT_EQ(net.node(1).sessions().taken(), slots);
}

// A token is good for one session. What echoed it once is a recording from then on.
TEST(Freshness, TokenWorksOnce) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.Record(true);
  net.Restart(0);
  net.Run(2s);
  ASSERT_TRUE(BothConnected(net));
  const auto session = net.Peer(1, 0).session;
  net.Run(20s);  // no reply is remembered any more
  for (const std::vector<uint8_t>& initiation : InitiationsTo(1, net.TakeSeen())) {
    net.Inject(1, 0, net.EndpointOf(0, 0), initiation);
    EXPECT_EQ(First(net.TakeSeen(), MessageType::kResponse), nullptr);
  }
  EXPECT_EQ(net.Peer(1, 0).session, session);
}

// One network that floods, with a valid cookie, uses up its own share of the budget.
TEST(Freshness, FloodOfOneNetworkLeavesRoomForOthers) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(1, 0, /*endpoints=*/false);
  std::mt19937_64 random(7);
  std::vector<std::vector<uint8_t>> junk;
  for (int i = 0; i < 6000; ++i) {
    std::vector<uint8_t> noise(160);
    std::generate(noise.begin(), noise.end(), [&] { return static_cast<uint8_t>(random()); });
    junk.push_back(wire::EncodeInitiation({.sender_index = 9, .noise = noise}));
  }
  Replayer flooder(net, 1, kElsewhere, std::move(junk));
  const auto flood = [&] {
    for (int i = 0; i < 10; ++i) flooder.Send();
    net.Run(1ms);
  };
  for (int i = 0; i < 200; ++i) flood();
  EXPECT_GT(flooder.answers(MessageType::kCookieReply), 0u);
  EXPECT_GT(net.Drops(1, Drop::kHandshakeBudget), 1000u);
  net.AddPeer(0, 1);
  int waited = 0;
  while (!BothConnected(net) && waited < 1000) {
    flood();
    ++waited;
  }
  // The initiation, again with the cookie, and the confirms.
  EXPECT_LE(waited, 200);
}

}  // namespace
}  // namespace warp::protocol
