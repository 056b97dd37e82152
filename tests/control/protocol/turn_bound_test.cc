// However many peers are due together, one call does a bounded part of the work. Counted, not timed.
#include <gtest/gtest.h>

#include <random>

#include "control/protocol/map/map_client.h"
#include "control/protocol/node/node.h"
#include "control/protocol/node/timer_heap.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;

TEST(TimerHeapTest, GivesWhatIsDueInOrderOfTimeThenOfSetting) {
  TimerHeap heap;
  EXPECT_EQ(heap.Next(), kNever);
  const Instant now{10s};
  heap.Set(3, now);
  heap.Set(1, now);
  heap.Set(2, now - 1s);
  heap.Set(4, now + 1s);
  heap.Set(5, now);
  heap.Set(5, kNever);
  EXPECT_EQ(heap.TakeDue(now), 2u);
  EXPECT_EQ(heap.TakeDue(now), 3u);
  EXPECT_EQ(heap.TakeDue(now), 1u);
  EXPECT_EQ(heap.TakeDue(now), std::nullopt);
  EXPECT_EQ(heap.Next(), now + 1s);
}

TEST(TimerHeapTest, AgreesWithALookAtEveryTimer) {
  std::mt19937 random(1);
  TimerHeap heap;
  std::vector<Instant> timers(50, kNever);
  for (int step = 0; step < 20'000; ++step) {
    const uint32_t id = static_cast<uint32_t>(random() % timers.size());
    timers[id] = random() % 8 == 0 ? kNever : Instant{std::chrono::seconds(random() % 40)};
    heap.Set(id, timers[id]);
    ASSERT_EQ(heap.Next(), *std::min_element(timers.begin(), timers.end()));
    if (random() % 4 != 0) continue;
    const std::optional<uint32_t> due = heap.TakeDue(Instant{20s});
    ASSERT_EQ(due.has_value(), *std::min_element(timers.begin(), timers.end()) <= Instant{20s});
    if (due) timers[*due] = kNever;
  }
}

TEST(TurnBoundTest, AThousandPeersWhoseUplinkFlapsCostOneInitiationAndFewChangesATurn) {
  constexpr size_t kPeers = 1000;
  NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  Node node(std::move(options));
  Instant now{1s};
  PortState port{.up = true};
  for (uint8_t i = 0; i < 8; ++i) {
    port.addresses = {wire::IpAddress::V4({10, 0, i, 1})};
    node.SetPort(now, i, port);
  }
  for (size_t i = 0; i < kPeers; ++i) {
    const wire::IpAddress address = wire::IpAddress::V4(
        {10, 1, static_cast<uint8_t>(i / 250), static_cast<uint8_t>(i % 250 + 1)});
    ASSERT_TRUE(node.AddPeer(now, {.public_key = wire::SecretKey::Generate().Public(),
                                   .endpoints = {{address, 13116}}}));
  }
  const auto changed_since = [&](uint64_t version) {
    return node.GetForwarding(version).peers.size();
  };
  size_t calls = 0;
  size_t changed = 0;
  const auto serve_all = [&] {
    while (node.NextTimeout() <= now) {
      ASSERT_LT(++calls, 100 * kPeers);
      const uint64_t before = node.initiations();
      const uint64_t version = node.version();
      node.HandleTimeout(now);
      ASSERT_LE(node.initiations(), before + 1);
      const size_t count = changed_since(version);
      ASSERT_LE(count, 2 * kPeersPerTurn);
      changed += count;
      size_t sent = 0;
      while (node.NextTransmit()) ++sent;
      ASSERT_LE(sent, kDatagramsPerTimeout + 8);
    }
  };
  serve_all();
  EXPECT_EQ(node.initiations(), kPeers);

  for (const bool up : {false, true, false, true}) {
    port = {.up = up, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}};
    changed = 0;
    const uint64_t version = node.version();
    node.SetPort(now, 0, port);
    const size_t at_once = changed_since(version);
    EXPECT_LE(at_once, kPeersPerTurn);
    serve_all();
    EXPECT_EQ(changed + at_once, kPeers) << "everybody is told";
    now += 1s;
  }
}

// A ring of peers to be told may be under way, and anywhere, when it grows.
TEST(TurnBoundTest, EverybodyIsToldThePortsWhileAPeerComes) {
  NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  Node node(std::move(options));
  const Instant now{1s};
  const auto add_peer = [&] {
    const auto host = static_cast<uint8_t>(node.Peers().size() + 1);
    ASSERT_TRUE(node.AddPeer(now, {.public_key = wire::SecretKey::Generate().Public(),
                                   .endpoints = {{wire::IpAddress::V4({10, 1, 0, host}), 13116}}}));
  };
  for (size_t i = 0; i < kPeersPerTurn + 36; ++i) add_peer();
  PortState port{.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}};
  node.SetPort(now, 0, port);
  // The second change finds the ring in its middle.
  port.up = false;
  node.SetPort(now, 0, port);
  add_peer();
  for (int i = 0; i < 3; ++i) node.HandleTimeout(now);
  for (const PeerStatus& peer : node.Peers()) {
    for (const PathStatus& path : peer.paths) EXPECT_EQ(path.reason, "port down") << peer.id;
  }
}

class CountingMap : public MapClient {
 public:
  using MapClient::MapClient;
  void SetPeers(Instant now, std::span<const wire::PublicKey> peers) override {
    sizes.push_back(peers.size());
    MapClient::SetPeers(now, peers);
  }
  std::vector<size_t> sizes;
};

// A list of all for each that comes would cost the square of their number.
TEST(TurnBoundTest, ManyPeersThatComeTogetherAreToldToAMapOnce) {
  NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  Node node(std::move(options));
  const Instant now{1s};
  const auto add_peer = [&] {
    return node.AddPeer(now, {.public_key = wire::SecretKey::Generate().Public()});
  };
  add_peer();
  auto owned = std::make_unique<CountingMap>(
      node.identity(), node.sessions(),
      MapClientOptions{.public_key = wire::SecretKey::Generate().Public()});
  const CountingMap& map = *owned;
  node.AddMap(now, std::move(owned));
  EXPECT_EQ(map.sizes, std::vector<size_t>{1});
  std::optional<PeerId> last;
  for (int i = 0; i < 100; ++i) last = add_peer();
  node.RemovePeer(now, *last);
  EXPECT_LE(node.NextTimeout(), now);
  node.HandleTimeout(now);
  EXPECT_EQ(map.sizes, (std::vector<size_t>{1, 100}));
  while (node.NextTimeout() <= now) node.HandleTimeout(now);
  EXPECT_EQ(map.sizes.size(), 2u);
}

TEST(TurnBoundTest, AGoodbyeToManyPeersIsSaidSomeACall) {
  NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  Node node(std::move(options));
  const Instant now{1s};
  node.SetPort(now, 0, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
  constexpr uint8_t kPeers = 200;
  for (uint8_t host = 1; host <= kPeers; ++host) {
    ASSERT_TRUE(node.AddPeer(now, {.public_key = wire::SecretKey::Generate().Public(),
                                   .endpoints = {{wire::IpAddress::V4({10, 1, 0, host}), 13116}}}));
  }
  while (node.NextTimeout() <= now) node.HandleTimeout(now);
  size_t open = node.sessions().taken();  // each has an index for its handshake
  ASSERT_EQ(open, kPeers);
  node.Shutdown(now);
  while (node.NextTimeout() <= now) {
    EXPECT_LE(open - node.sessions().taken(), kPeersPerTurn);
    open = node.sessions().taken();
    node.HandleTimeout(now);
  }
  EXPECT_EQ(node.sessions().taken(), 0u);
  EXPECT_EQ(node.NextTimeout(), kNever);
}

}  // namespace
}  // namespace warp::protocol
