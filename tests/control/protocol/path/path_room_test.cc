// Tests of how ports and sources of endpoints share the room for a peer's paths.

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "control/protocol/handshake/identity.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/path_set.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;

constexpr Instant kStart{1000s};

Endpoint Of(int source, int last) {
  return {IpAddress::V4({198, 51, static_cast<uint8_t>(source), static_cast<uint8_t>(last)}), 53};
}

Endpoint At(const char* text) { return *Endpoint::Parse(text); }

// A network that has IPv6 alone, and translates.
TEST(Nat64, AnIpv4EndpointHasOnePathByWhicheverAddressItIsTold) {
  Ports ports;
  ports[3] = {.up = true,
              .addresses = {*IpAddress::Parse("2001:db8::7")},
              .nat64 = wire::Nat64Prefix::WellKnown()};
  EndpointBook book;
  const std::vector<Endpoint> endpoints = {At("192.0.2.1:13116"), At("[64:ff9b::192.0.2.1]:13116"),
                                           At("10.0.0.1:13116"), At("[2001:db8:1::1]:13116")};
  book.Replace(kStart, EndpointSource::kConfig, 0, endpoints,
               [](const Endpoint&) { return false; });
  PathSet paths;
  PathId next = 1;
  paths.Reconcile(kStart, ports, book.All(), &next);
  std::vector<Endpoint> remotes;
  for (const Path& path : paths.paths()) {
    remotes.push_back(path.route().remote);
    EXPECT_TRUE(path.usable());
  }
  EXPECT_EQ(remotes, (std::vector<Endpoint>{endpoints[0], endpoints[3]}));
  EXPECT_EQ(WhyUnusable(ports[3], endpoints[0]), "");
  EXPECT_EQ(WhyUnusable(ports[3], endpoints[2]), "no address") << "private";
  // Without a global address of its own, it reaches nobody.
  ports[3].addresses.clear();
  EXPECT_EQ(WhyUnusable(ports[3], endpoints[0]), "no address");
  ports[3] = {.up = true, .addresses = {*IpAddress::Parse("2001:db8::7")}};
  EXPECT_EQ(WhyUnusable(ports[3], endpoints[0]), "no address");
}

// What answered at one address says nothing of another one. A network's prefix may be one that somebody made up.
TEST(Nat64, WhoeverIsReachedInAnotherWayHasNotAnswered) {
  Timers timers;
  Identity identity({.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return 1ull; }});
  EndpointBook book;
  const std::vector<Endpoint> endpoints = {At("198.51.100.1:13116")};
  book.Replace(kStart, EndpointSource::kConfig, 0, endpoints,
               [](const Endpoint&) { return false; });
  PathSet paths;
  PathId next = 1;
  Ports ports;
  const auto is_active = [&](std::vector<IpAddress> addresses, const char* prefix) {
    ports[3] = {.up = true, .addresses = std::move(addresses)};
    if (prefix != nullptr) ports[3].nat64 = wire::Nat64Prefix::Make(*IpAddress::Parse(prefix), 96);
    paths.Reconcile(kStart, ports, book.All(), &next);
    paths.Elect(kStart);
    const Path* const path = paths.Find({3, endpoints[0]});
    return path != nullptr && (path->active() || path->carries());
  };
  const auto answer = [&] {
    Path* const path = paths.Find({3, endpoints[0]});
    const Challenge challenge = path->SendProbe(kStart, timers, identity);
    path->HandleAnswer(kStart, timers, {.challenge = challenge}, path->route());
    paths.Elect(kStart);
    EXPECT_TRUE(path->active() && path->carries());
    return challenge;
  };
  const IpAddress v6 = *IpAddress::Parse("2001:db8::7");
  const IpAddress v4 = *IpAddress::Parse("192.0.2.7");
  EXPECT_FALSE(is_active({v6}, "64:ff9b::"));
  answer();
  EXPECT_TRUE(is_active({v6}, "64:ff9b::")) << "nothing has changed";
  EXPECT_FALSE(is_active({v6}, "2001:db8:bad::")) << "another prefix";
  EXPECT_EQ(paths.paths().at(0).target(), *IpAddress::Parse("2001:db8:bad::198.51.100.1"));
  answer();
  EXPECT_FALSE(is_active({v4}, nullptr)) << "IPv4 of its own";
  const Challenge before = answer();
  EXPECT_FALSE(is_active({}, nullptr)) << "no address: lost, but known";
  EXPECT_EQ(paths.paths().size(), 1u);
  EXPECT_FALSE(is_active({v6}, "64:ff9b::")) << "the network has no IPv4 any more";
  // An answer that was under way is no answer to what was not asked there.
  Path* const path = paths.Find({3, endpoints[0]});
  path->HandleAnswer(kStart, timers, {.challenge = before}, path->route());
  EXPECT_FALSE(path->active());
}

// What answers has another source than what was asked, if nobody knows that they are the same.
TEST(Nat64, AnArrivalIsKnownByItsIpv4Address) {
  const PortState port{.nat64 = wire::Nat64Prefix::WellKnown()};
  EXPECT_EQ(port.Known(At("[64:ff9b::192.0.2.1]:5")), At("192.0.2.1:5"));
  EXPECT_EQ(port.Known(At("[64:ff9b::10.0.0.1]:5")), At("[64:ff9b::10.0.0.1]:5")) << "forged";
  EXPECT_EQ(port.Known(At("[2001:db8::1]:5")), At("[2001:db8::1]:5"));
  EXPECT_EQ(PortState().Known(At("[64:ff9b::192.0.2.1]:5")), At("[64:ff9b::192.0.2.1]:5"));
}

// A peer whose endpoints are told from several sides, seen from some ports.
class Crowd {
 public:
  explicit Crowd(uint16_t ports) {
    for (uint16_t i = 0; i < ports; ++i) AddPort(i);
  }
  void AddPort(uint16_t id) {
    ports_[id] = {true, {IpAddress::V4({10, 0, static_cast<uint8_t>(id), 1})}};
  }
  void Tell(EndpointSource source, uint32_t instance, int number) {
    std::vector<Endpoint> endpoints;
    for (int i = 1; i <= number; ++i)
      endpoints.push_back(Of(static_cast<int>(instance) + (source == EndpointSource::kMap), i));
    book_.Replace(kStart, source, instance, endpoints, [](const Endpoint&) { return false; });
  }
  void Learn(Instant now, const Endpoint& endpoint, uint16_t remote_port = 0) {
    book_.Learn(now, {0, endpoint}, {}, remote_port,
                [](const Endpoint&) { return EndpointBook::Use::kIdle; });
  }
  bool Reconcile() { return paths_.Reconcile(kStart, ports_, book_.All(), &next_); }
  // All probes that are sent now are answered.
  void Answer(int source = -1) {
    for (Path& path : paths_.paths()) {
      if (source >= 0 && path.route().remote.address.v4_bytes()[2] != source) continue;
      const Challenge challenge = path.SendProbe(kStart, timers_, identity_);
      path.HandleAnswer(kStart, timers_, {.port = 7, .challenge = challenge}, path.route());
    }
  }
  size_t From(uint16_t port) {
    return Count([&](const Path& path) { return path.route().port == port; });
  }
  size_t To(const Endpoint& endpoint) {
    return Count([&](const Path& path) { return path.route().remote == endpoint; });
  }
  size_t ToSource(int source) {
    return Count(
        [&](const Path& path) { return path.route().remote.address.v4_bytes()[2] == source; });
  }
  PathSet& paths() { return paths_; }
  Ports& ports() { return ports_; }

 private:
  template <typename Condition>
  size_t Count(Condition condition) {
    return static_cast<size_t>(
        std::count_if(paths_.paths().begin(), paths_.paths().end(), condition));
  }

  Timers timers_;
  Identity identity_{
      {.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return uint64_t{1}; }}};
  Ports ports_;
  EndpointBook book_;
  PathSet paths_;
  PathId next_ = 0;
};

// 8 ports and 32 endpoints that were told use all paths, and still each port tries the address that the peer has now.
TEST(PathRoom, LearnedEndpointHasAPathFromEveryPort) {
  Crowd crowd(8);
  crowd.Tell(EndpointSource::kConfig, 0, 16);
  crowd.Tell(EndpointSource::kMap, 0, 16);
  crowd.Reconcile();
  ASSERT_EQ(crowd.paths().paths().size(), kMaxPaths);
  EXPECT_EQ(crowd.paths().without_room(), 0u);
  crowd.Learn(kStart, Of(9, 1));
  EXPECT_TRUE(crowd.Reconcile());
  EXPECT_EQ(crowd.To(Of(9, 1)), 8u);
  EXPECT_EQ(crowd.paths().paths().size(), kMaxPaths);
  EXPECT_EQ(crowd.paths().without_room(), 8u) << "the others are counted";
  EXPECT_FALSE(crowd.Reconcile()) << "nobody changes places for nothing";
  for (uint16_t port = 0; port < 8; ++port) EXPECT_EQ(crowd.From(port), 32u) << port;
}

TEST(PathRoom, NewestLearnedEndpointsComeFirst) {
  Crowd crowd(16);
  for (uint32_t map = 0; map < 8; ++map) crowd.Tell(EndpointSource::kMap, map, 16);
  for (uint16_t i = 1; i <= 16; ++i) crowd.Learn(kStart + 1s * i, Of(90, i), i);
  crowd.Reconcile();
  EXPECT_EQ(crowd.To(Of(90, 16)), 16u);
  EXPECT_EQ(crowd.To(Of(90, 15)), 16u);
  EXPECT_EQ(crowd.To(Of(90, 14)), 0u) << "16 paths for each port are shared by nine sources";
  for (int map = 1; map <= 8; ++map) EXPECT_GE(crowd.ToSource(map), 16u) << map;
}

// Each port has room for four paths, and there are ten sources.
TEST(PathRoom, ManyPortsLeaveNoSourceOut) {
  Crowd crowd(64);
  crowd.Tell(EndpointSource::kConfig, 0, 16);
  for (uint32_t map = 0; map < 8; ++map) crowd.Tell(EndpointSource::kMap, map, 16);
  crowd.Learn(kStart, Of(90, 1));
  crowd.Reconcile();
  EXPECT_EQ(crowd.To(Of(90, 1)), 64u);
  for (int source = 0; source <= 8; ++source) EXPECT_GE(crowd.ToSource(source), 21u) << source;
  for (uint16_t port = 0; port < 64; ++port) EXPECT_EQ(crowd.From(port), 4u) << port;
}

TEST(PathRoom, NewPortTakesItsShareOfIdlePaths) {
  Crowd crowd(8);
  for (uint32_t map = 0; map < 2; ++map) crowd.Tell(EndpointSource::kMap, map, 16);
  crowd.Reconcile();
  ASSERT_EQ(crowd.paths().paths().size(), kMaxPaths);
  crowd.AddPort(8);
  crowd.Reconcile();
  EXPECT_EQ(crowd.From(8), 28u);
  EXPECT_EQ(crowd.paths().without_room(), 32u);
}

// Four ports reach 64 endpoints by IPv4, which is all the room. The fifth reaches one by IPv6, told last.
TEST(PathRoom, PortThatReachesFewKeepsThem) {
  Ports ports = {{4, {true, {*IpAddress::Parse("2001:db8::1")}}}};
  for (uint16_t i = 0; i < 4; ++i) ports[i] = {true, {IpAddress::V4({10, 0, 0, 1})}};
  std::vector<EndpointBook::Known> known;
  for (int i = 0; i < 64; ++i) known.push_back({.endpoint = Of(1, i), .port = std::nullopt});
  const Endpoint last{*IpAddress::Parse("2001:db8::2"), 53};
  known.push_back({.endpoint = last, .port = std::nullopt});
  PathSet paths;
  PathId next = 0;
  paths.Reconcile(kStart, ports, known, &next);
  EXPECT_EQ(paths.paths().size(), kMaxPaths);
  EXPECT_NE(paths.Find({4, last}), nullptr);
}

// What works stays; what is idle goes, though it belongs to a source that has a path less for that.
TEST(PathRoom, ActivePathsStay) {
  Crowd crowd(8);
  crowd.Tell(EndpointSource::kConfig, 0, 16);
  crowd.Tell(EndpointSource::kMap, 0, 16);
  crowd.Reconcile();
  crowd.Answer(0);
  for (uint16_t i = 1; i <= 16; ++i) crowd.Learn(kStart + 1s * i, Of(9, i), i);
  crowd.Reconcile();
  EXPECT_EQ(crowd.ToSource(0), 128u) << "all active";
  EXPECT_EQ(crowd.ToSource(1), 64u);
  EXPECT_EQ(crowd.ToSource(9), 64u);
}

TEST(PathRoom, NothingMakesRoomWhereAllIsActive) {
  Crowd crowd(8);
  crowd.Tell(EndpointSource::kConfig, 0, 16);
  crowd.Tell(EndpointSource::kMap, 0, 16);
  crowd.Reconcile();
  crowd.Answer();
  crowd.Learn(kStart, Of(9, 1));
  EXPECT_FALSE(crowd.Reconcile());
  EXPECT_EQ(crowd.To(Of(9, 1)), 0u);
  EXPECT_EQ(crowd.paths().without_room(), 8u);
}

TEST(PathRoom, PortThatIsDownKeepsItsShare) {
  Crowd crowd(8);
  for (uint32_t map = 0; map < 3; ++map) crowd.Tell(EndpointSource::kMap, map, 16);
  crowd.Reconcile();
  crowd.ports()[3].up = false;
  crowd.Reconcile();
  EXPECT_EQ(crowd.From(3), 32u);
  EXPECT_EQ(crowd.From(4), 32u);
}

// A node that knows 32 endpoints of its peer, all of them false, and has 8 ports.
TEST(PathRoom, PeerIsReachedWhereItIsThoughAllThatWasToldIsFalse) {
  VirtualNet net({.ports = {8, 1}});
  net.AddPeer(0, 1, false);
  for (const uint32_t map : {0u, 1u}) {
    std::vector<Endpoint> of_map;
    for (int i = 1; i <= 16; ++i) of_map.push_back(Of(static_cast<int>(map), i));
    net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, of_map, map);
  }
  ASSERT_EQ(net.Peer(0, 1).paths.size(), kMaxPaths);
  net.AddPeer(1, 0);
  net.Run(5s);
  EXPECT_EQ(net.ActivePaths(0, 1), 8u);
  EXPECT_EQ(net.Peer(0, 1).paths_without_room, 8u);
  EXPECT_TRUE(net.Send(0, 1, "x"));
  net.Run(100ms);
  EXPECT_EQ(net.TakeReceived(1).size(), 1u);
}

// Every path is active when the peer gets another address, so that there is no room for it. Then the old ones fail.
TEST(PathRoom, AddressThatWaitedHasThePathsOfThoseThatFail) {
  VirtualNet net({.ports = {8, 1}});
  std::vector<Endpoint> all;
  for (int i = 1; i <= 32; ++i) {
    all.push_back(Of(0, i));
    net.Alias(1, 0, all.back());
  }
  net.Nat(1, 0, all[0]);
  net.AddPeer(0, 1, false);
  for (const uint32_t map : {0u, 1u}) {
    net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap,
                                 std::span(all).subspan(16 * map, 16), map);
  }
  net.AddPeer(1, 0);
  net.Run(30s);
  ASSERT_EQ(net.ActivePaths(0, 1), kMaxPaths);
  const Endpoint now_at = Of(9, 9);
  net.Nat(1, 0, now_at);
  net.Run(5s);
  EXPECT_FALSE(net.HasPath(0, 0, now_at));
  EXPECT_EQ(net.Peer(0, 1).paths_without_room, 8u);
  net.Filter([&](const Seen& seen) { return seen.from_node == 1 || seen.to == now_at; });
  net.Run(20s);
  EXPECT_EQ(net.ActivePaths(0, 1), 8u);
  EXPECT_TRUE(net.Send(0, 1, "x"));
  net.Run(100ms);
  EXPECT_EQ(net.TakeReceived(1).size(), 1u);
}

}  // namespace
}  // namespace warp::protocol
