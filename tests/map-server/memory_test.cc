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

// Stores a node with one port, one candidate address and eight peers. Every `in_network` nodes are in one network.
void Put(MemoryStore& store, uint32_t number, Instant expires, uint32_t in_network) {
  const KeyId id = KeyId::Of(Key(number));
  Registration registration;
  const uint32_t network = number / in_network;
  registration.observed = {
      wire::IpAddress::V4({static_cast<uint8_t>(60 + (network >> 16)),
                           static_cast<uint8_t>(network >> 8), static_cast<uint8_t>(network), 1}),
      static_cast<uint16_t>(1 + number % 60000)};
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

// The bytes of each of many registrations.
size_t BytesOfARegistration(uint32_t in_network) {
  constexpr uint32_t kCount = 200'000;
  const size_t before = Allocated();
  MemoryStore::Limits limits;
  limits.registrations = kCount;
  MemoryStore store(limits);
  for (uint32_t i = 0; i < kCount; ++i) Put(store, i, Instant(60s), in_network);
  const size_t bytes = (Allocated() - before) / kCount;
  EXPECT_EQ(store.registrations(), kCount);
  EXPECT_EQ(store.allow_entries(), 8 * kCount);

  store.Expire(Instant(60s));
  EXPECT_EQ(store.keys(), 0u);
  EXPECT_EQ(store.registrations(), 0u);
  EXPECT_EQ(store.allow_entries(), 0u);
  return bytes;
}

// A million of them and their sessions (client.h holds the sizes of those) fit 512 MiB.
TEST(MapMemory, OfARegistration) {
  const size_t together = BytesOfARegistration(1000);
  const size_t alone = BytesOfARegistration(1);
  std::cout << "bytes for each registration: " << together << ", in a network of its own: " << alone
            << "\n";
  EXPECT_LE(together, 256u);
  EXPECT_LE(alone, 336u);
}

// Here the map's own tables and the replies that it remembers for some seconds are shared by a few nodes, so that the
// figure is higher than that of a million (docs/measurements.md).
TEST(MapMemory, OfASession) {
  MapWorld world;
  world.delay = 1ms;
  constexpr size_t kCount = 512;
  world.max_clients = world.limits.registrations = kCount;
  world.StartMap();
  const size_t full_of_nobody = Allocated();
  world.KillMap();
  const size_t empty = full_of_nobody - Allocated();  // its budgets have a fixed size
  world.StartMap();
  for (size_t i = 0; i < kCount; ++i) {
    world.AddNode();
    if (i % 8 == 7) world.Run(6ms);
  }
  world.Run(1s);
  ASSERT_EQ(world.map().counts().sessions, kCount);
  // The nodes' own memory is in both figures, because they live on. So the difference is what the map gives back when
  // it ends.
  const size_t before = Allocated();
  world.KillMap();
  const size_t after = Allocated();
  const size_t bytes = (before - after - empty) / kCount;
  std::cout << "bytes for each node with a session and a registration: " << bytes << "\n";
  EXPECT_LE(bytes, 1536u);
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
