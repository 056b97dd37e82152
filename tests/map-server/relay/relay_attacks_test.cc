// Attacks on the relay: somebody on the way, strangers who forge addresses, nodes and maps that lie. It forwards for
// those who allow each other, to where they are, and no more than they may; and what it does for one costs the others
// nothing.
#include <gtest/gtest.h>

#include <optional>
#include <variant>
#include <vector>

#include "tests/map-server/relay/relay_world.h"

namespace warp::map {
namespace {

// Somebody on the way holds back all binds of a node, and sends them as if they came from a victim.
TEST_F(RelayTest, SendsNothingToAnAddressThatHasNotEchoed) {
  const Endpoint victim = *Endpoint::Parse("203.0.113.9:5000");
  size_t in = 0, out = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    if (IsToRelay(datagram) && datagram.node == alice) {
      in += datagram.bytes.size();
      world.Inject(victim, datagram.to, datagram.bytes);
      return true;
    }
    if (!datagram.to_map && datagram.to == victim) out += datagram.bytes.size();
    return false;
  };
  Meet();
  world.Run(60s);
  EXPECT_GT(in, 0u);
  EXPECT_LT(out, in) << "challenges alone, which are shorter than what asks for them";
  EXPECT_EQ(world.relay().open, 0u);
  EXPECT_EQ(world.relay().datagrams, 0u);
}

// A bind that was held back does not bring back the address of before.
TEST_F(RelayTest, AnOlderBindDoesNotApply) {
  MeetRelayed();
  // The next bind from the address of now is held back.
  std::optional<RelayWorld::Datagram> held;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    const bool bind = IsToRelay(datagram) && datagram.node == alice &&
                      datagram.bytes.size() == protocol::kMapBindDatagram;
    if (!bind || held.has_value()) return false;
    held = datagram;
    return true;
  };
  world.RunUntil([&] { return held.has_value(); }, 30s);
  world.Rebind(alice);
  world.Run(15s);  // the node has bound another one
  size_t there = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    there += !datagram.to_map && datagram.to == held->from ? 1 : 0;
    return false;
  };
  world.Inject(held->from, held->to, held->bytes);
  world.Run(100ms);
  world.Send(bob, alice, "x");
  world.Run(1s);
  EXPECT_EQ(there, 0u);
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

// What a stranger sends to the relay's ports goes nowhere, whatever address it claims.
TEST_F(RelayTest, ForwardsNothingOfStrangers) {
  MeetRelayed();
  world.Run(1s);
  size_t out = 0;
  const Endpoint stranger = *Endpoint::Parse("203.0.113.9:5000");
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    out += !datagram.to_map && datagram.to == stranger ? 1 : 0;
    return false;
  };
  const uint64_t before = world.relay().dropped_unbound;
  for (uint16_t port = 0; port < RelayWorld::kPorts; ++port) {
    for (const size_t size : {32, 65, 100, 1400}) {
      for (uint8_t type = 1; type <= 5; ++type) {
        std::vector<uint8_t> bytes(size, 0);
        bytes[0] = type;
        world.Inject(stranger, {RelayWorld::MapAddress(), static_cast<uint16_t>(20000 + port)},
                     bytes);
      }
    }
  }
  world.Run(1s);
  EXPECT_EQ(out, 0u);
  EXPECT_EQ(world.relay().dropped_unbound - before, RelayWorld::kPorts * 4u * 5u);
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

// Somebody who can forge an end's address sends rubbish through, which the other end drops; it reaches nobody else, and
// no more than the pair's rate of it.
TEST_F(RelayTest, ForwardsWhatIsForgedToTheOtherEndAlone) {
  world.terms.rate = 1'000'000;
  world.StartMap();
  const auto [from, to] = MeetWatched();
  std::set<Endpoint> reached;
  uint64_t in = 0, out = 0;
  const Endpoint bobs = world.Outside(bob, 0, to);
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    if (IsToRelay(datagram)) in += datagram.bytes.size();
    if (datagram.from.address == RelayWorld::MapAddress() && datagram.from.port != 13116) {
      out += datagram.bytes.size();
      reached.insert(datagram.to);
    }
    return false;
  };
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> rubbish(1200, static_cast<uint8_t>(i));
    std::fill(rubbish.begin(), rubbish.begin() + 4, 0);
    rubbish[0] = 1;
    in += rubbish.size();
    world.Inject(from, to, std::move(rubbish));
    if (i % 20 == 0) world.Run(10ms);
  }
  world.Run(1s);
  EXPECT_LE(out, in);
  EXPECT_LT(out, 140'000u + 2 * 125'000u + 50'000u);
  EXPECT_GT(world.relay().dropped_rate, 0u);
  EXPECT_TRUE(reached.contains(bobs));
  EXPECT_EQ(reached.size(), 2u) << "the ends, and nobody else";
}

// What is no datagram of WARP's is not forwarded from a bound address either.
TEST_F(RelayTest, ForwardsNothingOfOtherProtocols) {
  const auto [from, to] = MeetWatched();
  size_t out = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    out += !datagram.to_map && datagram.bytes.size() == 333 ? 1 : 0;
    return false;
  };
  for (const uint8_t type : {0, 6, 7, 0x16, 0x80, 0xff}) {
    std::vector<uint8_t> bytes(333, 0);
    bytes[0] = type;
    world.Inject(from, to, bytes);
  }
  std::vector<uint8_t> reserved(333, 0);
  reserved[0] = reserved[2] = 1;
  world.Inject(from, to, reserved);
  world.Run(1s);
  EXPECT_EQ(out, 0u);
}

// A peer that asks for channels and gives them up, as fast as it can: the other node is not told of each, since it
// would use up what it may say to the map for itself.
TEST_F(RelayTest, APeerCannotHaveTheOtherToldAllTheTime) {
  Meet(Nat::kCone, Nat::kCone);
  world.RunUntil([&] { return world.Direct(alice, bob); }, 5s);
  world.Run(5s);
  ASSERT_EQ(world.relay().requests, 0u);
  uint64_t number = 0;
  std::optional<protocol::MapChallenge> challenge;
  std::optional<protocol::MapChannel> last;
  const auto give_up = [&](const protocol::MapChannel& channel) {
    world.Say(alice, channel.udp_port,
              protocol::MapBind{.channel = channel.id,
                                .port = channel.port,
                                .needed = false,
                                .order = {UINT64_MAX - 1, ++number},
                                .echo = challenge.value_or(protocol::MapChallenge{})});
  };
  world.heard = [&](int n, const protocol::MapMessage& message) {
    if (n != alice) return;
    if (const auto* bound = std::get_if<protocol::MapBound>(&message)) {
      const bool first = !challenge.has_value();
      challenge = bound->challenge;
      if (first && last.has_value()) give_up(*last);
    }
    const auto* relayed = std::get_if<protocol::MapRelayed>(&message);
    if (relayed == nullptr || relayed->channels.empty()) return;
    last = relayed->channels.front();
    give_up(*last);
  };
  size_t told = 0, said = 0;
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    told += datagram.from.address == RelayWorld::MapAddress() &&
                    datagram.to == world.Outside(bob, 0, datagram.from)
                ? 1
                : 0;
    said += datagram.to_map && datagram.node == bob ? 1 : 0;
    return false;
  };
  for (uint64_t i = 1; i <= 1000; ++i) {
    world.Say(alice, 13116,
              protocol::MapRelay{.request = 1000 + i, .port = 0, .key = world.key(bob)});
    world.Run(10ms);
  }
  EXPECT_GT(world.relay().granted, 100u);
  EXPECT_LT(told, 120u) << "in ten seconds";
  EXPECT_LT(said, 120u);
  EXPECT_TRUE(world.Direct(alice, bob));
}

// What was allowed is allowed no more, and a hostile node goes on: not one datagram more reaches the other.
TEST_F(RelayTest, NothingIsForwardedOnceItIsNotAllowed) {
  const auto [from, to] = MeetWatched();
  world.RemovePeer(bob, alice);
  world.RunUntil([&] { return world.relay().channels == 0; }, 1s);
  const uint64_t before = world.relay().datagrams;
  for (int i = 0; i < 100; ++i) {
    std::vector<uint8_t> bytes(200, 0);
    bytes[0] = 1;
    world.Inject(from, to, std::move(bytes));
    world.Say(
        alice, 13116,
        protocol::MapRelay{.request = 1000u + static_cast<uint64_t>(i), .key = world.key(bob)});
    world.Run(20ms);
  }
  EXPECT_EQ(world.relay().datagrams, before);
  EXPECT_EQ(world.relay().channels, 0u);
}

// A node that names itself, and one that names a key of nobody.
TEST_F(RelayTest, NobodyIsRelayedToItself) {
  MeetRelayed();
  size_t answers = 0;
  world.heard = [&](int n, const protocol::MapMessage& message) {
    const auto* relayed = std::get_if<protocol::MapRelayed>(&message);
    if (n != alice || relayed == nullptr || relayed->request < 1000) return;
    ++answers;
    EXPECT_TRUE(relayed->channels.empty());
    EXPECT_EQ(relayed->state, protocol::RelayState::kGiven);
  };
  world.Say(alice, 13116, protocol::MapRelay{.request = 1000, .key = world.key(alice)});
  world.Say(alice, 13116,
            protocol::MapRelay{.request = 1001, .key = wire::SecretKey::Generate().Public()});
  world.Run(1s);
  EXPECT_EQ(answers, 2u);
  EXPECT_EQ(world.relay().channels, 1u);
}

// The word that the other end is bound is lost, so that the peer's first probe comes through a channel of which the
// node does not know that it is open: it is the relay's all the same, and no path of another kind.
TEST_F(RelayTest, WhatComesThroughItIsNeverTakenForAnotherPath) {
  world.lost = [&](const RelayWorld::Datagram& datagram) {
    const bool word = datagram.from.address == RelayWorld::MapAddress() &&
                      datagram.from.port != 13116 && !datagram.forwarded;
    return word && world.relay().open > 0 && datagram.to == world.Outside(alice, 0, datagram.from);
  };
  Meet();
  world.RunUntil([&] { return world.relay().open > 0; }, 5s);
  bool relayed = false;
  for (int i = 0; i < 1000; ++i) {
    world.Run(10ms);
    EXPECT_EQ(world.Carrying(alice, bob, false) + world.Carrying(bob, alice, false), 0u);
    relayed |= world.Carrying(alice, bob, true) + world.Carrying(bob, alice, true) > 0;
  }
  EXPECT_TRUE(relayed);
}

// Channels of others, ends of others, and UDP ports of others: a node learns nothing of them, and moves none.
TEST_F(RelayTest, NobodyBindsTheEndsOfOthers) {
  MeetRelayed();
  const int carol = world.AddNode(1, Nat::kCone);
  const int dave = world.AddNode(1, Nat::kCone);
  world.MakeFriends(carol, dave);
  world.Run(5s);
  std::vector<protocol::MapChannel> channels;
  world.heard = [&](int n, const protocol::MapMessage& message) {
    if (const auto* relayed = std::get_if<protocol::MapRelayed>(&message)) {
      if (n == alice) channels = relayed->channels;
    }
    const auto* bound = std::get_if<protocol::MapBound>(&message);
    if (n != carol || bound == nullptr) return;
    EXPECT_EQ(bound->state, protocol::BindState::kEnded);
  };
  world.Say(alice, 13116, protocol::MapRelay{.request = 1000, .key = world.key(bob)});
  world.RunUntil([&] { return !channels.empty(); }, 1s);
  uint64_t number = 0;
  for (const protocol::MapChannel& channel : channels) {
    for (uint16_t port = 0; port < 3; ++port) {
      for (uint16_t udp_port = 0; udp_port < RelayWorld::kPorts; ++udp_port) {
        world.Say(carol, static_cast<uint16_t>(RelayWorld::kFirstPort + udp_port),
                  protocol::MapBind{
                      .channel = channel.id, .port = port, .order = {UINT64_MAX - 1, ++number}});
      }
    }
  }
  world.Run(1s);
  EXPECT_EQ(world.relay().open, 1u);
  EXPECT_TRUE(world.OverRelay(alice, bob));
}

}  // namespace
}  // namespace warp::map
