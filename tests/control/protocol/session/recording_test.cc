// Recordings beyond the plain case: from any address, from the peer's own, under other indices, over IPv6, while the
// attacker also forges on one link.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/control/protocol/attacker.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;
using wire::MessageType;

// All handshake messages to `n`, each once: initiations, responses, cookies and retries.
std::vector<std::vector<uint8_t>> HandshakesTo(int n, const std::vector<Seen>& seen) {
  std::set<std::vector<uint8_t>> tape;
  for (const Seen& s : seen) {
    if (s.from_node != n && s.type() != static_cast<uint8_t>(MessageType::kSealed))
      tape.insert(s.datagram);
  }
  return {tape.begin(), tape.end()};
}

// One address for each number, of many networks.
Endpoint Anywhere(uint32_t number, bool ipv6) {
  const auto high = static_cast<uint8_t>(number % 251);
  const auto low = static_cast<uint8_t>(number / 251 % 251);
  if (!ipv6) return {IpAddress::V4({198, high, low, 7}), static_cast<uint16_t>(1024 + number)};
  const std::string text = absl::StrCat("2001:db8:", high, ":", low, "::7");
  return {*IpAddress::Parse(text), static_cast<uint16_t>(1024 + number)};
}

struct Story {
  const char* name;
  bool ipv6;
  bool own_address;  // the sources are the peer's own endpoints
  bool reindexed;
};

class Recordings : public testing::TestWithParam<Story> {};

TEST_P(Recordings, TakeNothing) {
  const Story& story = GetParam();
  VirtualNet net({.ports = {2, 2}, .ipv6 = story.ipv6, .timers = ShortLives()});
  net.Introduce(0, 1);
  net.Record(true);
  net.Run(40s);
  net.Record(false);
  const std::vector<Seen> seen = net.TakeSeen();
  const std::vector<std::vector<uint8_t>> tapes[] = {HandshakesTo(0, seen), HandshakesTo(1, seen)};
  ASSERT_GT(tapes[0].size() + tapes[1].size(), 40u);
  uint32_t turn = 0;
  size_t most = 0;
  const auto attack = [&] {
    ++turn;
    for (const int n : {0, 1}) {
      std::vector<uint8_t> datagram = tapes[n][turn % tapes[n].size()];
      const int port = static_cast<int>(turn / 2 % 2);
      if (story.reindexed && (datagram[0] == static_cast<uint8_t>(MessageType::kInitiation) ||
                              datagram[0] == static_cast<uint8_t>(MessageType::kResponse)))
        datagram = WithIndex(datagram, turn * 7919, net.key(n));
      const Endpoint from =
          story.own_address ? net.EndpointOf(1 - n, port) : Anywhere(turn, story.ipv6);
      net.Inject(n, port, from, datagram);
    }
    most = std::max<size_t>(most, net.node(0).sessions().taken());
  };
  const size_t before = net.node(0).sessions().taken();
  EXPECT_EQ(LostUnderAttack(net, 0, 1, 10s, attack), 0u);
  EXPECT_TRUE(net.Connected(0, 1) && net.Connected(1, 0));
  EXPECT_LE(most, before + 8);
}

INSTANTIATE_TEST_SUITE_P(OfAnyAge, Recordings,
                         testing::Values(Story{"from_anywhere", false, false, false},
                                         Story{"from_anywhere_ipv6", true, false, false},
                                         Story{"from_the_peers_address", false, true, false},
                                         Story{"reindexed_from_anywhere", false, false, true},
                                         Story{"reindexed_from_the_peers_address_ipv6", true, true,
                                               true}),
                         [](const auto& story) { return std::string(story.param.name); });

}  // namespace
}  // namespace warp::protocol
