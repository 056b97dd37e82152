// Measures what a registration and a session cost in memory, and checks that nothing grows without bound. The figures
// of docs/map-server.md come from `map_test --gtest_filter='MapMemory.*'`.
#include <gtest/gtest.h>
#include <malloc.h>

#include <iostream>

#include "tests/map-server/map_world.h"

namespace warp::map {
namespace {

// Returns the bytes that are allocated now, or 0 if the allocator does not say. That of the sanitizers does not.
size_t Allocated() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

wire::PublicKey Key(uint32_t number) {
  std::array<uint8_t, 32> bytes{};
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  return wire::PublicKey::FromBytes(bytes);
}

// Stores a node with one port, one candidate address and eight peers.
void Put(MemoryStore& store, uint32_t number, Instant expires) {
  const KeyId id = KeyId::Of(Key(number));
  Registration registration;
  registration.observed = {Ip("192.0.2.1"), static_cast<uint16_t>(1 + number % 60000)};
  registration.candidate_count = 1;
  registration.candidates = std::make_unique<Endpoint[]>(1);
  registration.candidates[0] = At("10.0.0.1:13116");
  registration.order = {1, number};
  registration.expires = expires;
  store.PutRegistration(Key(number), id, std::move(registration), [](auto, auto, auto*) {});
  std::vector<KeyId> peers(8);
  for (uint8_t i = 0; i < peers.size(); ++i) peers[i] = KeyId::FromBytes({i});
  store.PutAllow(id, {1}, std::move(peers), [](auto, bool) {});
  store.Complete(expires);
}

TEST(MapMemory, OfARegistration) {
  constexpr uint32_t kCount = 200'000;
  const size_t before = Allocated();
  MemoryStore store({});
  for (uint32_t i = 0; i < kCount; ++i) Put(store, i, Instant(60s));
  const size_t bytes = (Allocated() - before) / kCount;
  std::cout << "bytes for each registration: " << bytes << "\n";
  EXPECT_EQ(store.registrations(), kCount);
  EXPECT_LE(bytes, 640u);

  store.Expire(Instant(60s));
  EXPECT_EQ(store.keys(), 0u);
}

TEST(MapMemory, OfASession) {
  MapWorld world;
  world.delay = 1ms;
  world.max_clients = 1 << 12;
  world.StartMap();
  world.AddNode();
  world.Run(100ms);
  // The nodes' own memory is in both figures, because they live on. So the difference is what the map gives back when
  // it ends.
  constexpr int kCount = 200;
  for (int i = 0; i < kCount; ++i) {
    world.AddNode();
    if (i % 5 == 4) world.Run(6ms);
  }
  world.Run(1s);
  ASSERT_EQ(world.map().counts().sessions, kCount + 1u);
  const size_t before = Allocated();
  world.KillMap();
  const size_t after = Allocated();
  const size_t bytes = (before - after) / kCount;
  std::cout << "bytes for each node with a session and a registration: " << bytes << "\n";
  EXPECT_LE(bytes, 8192u);
}

// Refreshes, rebinds, new allow lists and lost acknowledgements go on for hours.
TEST(MapMemory, DoesNotGrowWithTime) {
  MapWorld world;
  world.loss = 0.1;
  std::vector<MapNode*> nodes;
  std::vector<wire::PublicKey> keys;
  for (int i = 0; i < 6; ++i) nodes.push_back(&world.AddNode(2));
  for (MapNode* node : nodes) keys.push_back(node->key());
  size_t settled = 0;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 20; ++i) {
      MapNode& moving = *nodes[static_cast<size_t>(i) % nodes.size()];
      world.Rebind(moving, 0, {Ip("203.0.113.9"), static_cast<uint16_t>(1024 + round * 100 + i)});
      for (MapNode* node : nodes) node->SetPeers(world.now, {keys.begin(), keys.end() - (i % 3)});
      world.Run(30s);
    }
    if (round == 3) settled = Allocated();
  }
  // As much has happened again, so the memory may differ only by what containers round up to.
  EXPECT_LE(Allocated(), settled + settled / 4 + (1 << 20));
  EXPECT_EQ(world.store().registrations(), 12u);
}

}  // namespace
}  // namespace warp::map
