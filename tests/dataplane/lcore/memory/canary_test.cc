// No stage writes outside its packet. Sanitizers do not see the inside of a packet buffer, so every byte around the
// packet is a canary.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

constexpr uint8_t kCanary = 0xa5;

rte_mbuf* MbufOf(const Packet& packet) { return reinterpret_cast<rte_mbuf*>(packet.get()); }

wire::MutableBytes RoomOf(rte_mbuf* packet) {
  return {static_cast<uint8_t*>(packet->buf_addr), packet->buf_len};
}

// Fills every free buffer of the pool with canaries.
void Populate(const rte_mempool* pool) {
  std::vector<rte_mbuf*> all;
  for (rte_mbuf* packet; (packet = rte_pktmbuf_alloc(const_cast<rte_mempool*>(pool))) != nullptr;)
    all.push_back(packet);
  for (rte_mbuf* packet : all) {
    std::ranges::fill(RoomOf(packet), kCanary);
    rte_pktmbuf_free(packet);
  }
}

// Counts the bytes from `begin` to `end` of the buffer's room that are no longer canaries.
size_t Dead(rte_mbuf* packet, size_t begin, size_t end) {
  const wire::MutableBytes room = RoomOf(packet).subspan(begin, end - begin);
  return room.size() - static_cast<size_t>(std::ranges::count(room, kCanary));
}

class Canaries : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(, Canaries, testing::Values(0, 1, 15, 64, 351, 352, 1400));

// The only path refuses, so the payload was sealed in place and comes back. Only the frame's headers may have been
// written in front of it, and only the tag behind it.
TEST_P(Canaries, AroundAPayloadSealedInPlace) {
  Network net({.ports = 1, .v6 = true, .device_arguments = ",rate=0"}, {.ports = 1, .v6 = true});
  Populate(net.a().plane().payload_pool());
  net.a().SendTracked(std::string(GetParam(), 'c'), 1, 1);
  net.a().Turn();
  std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  ASSERT_TRUE(completions[0].sealed);
  rte_mbuf* packet = MbufOf(completions[0].sealed);
  EXPECT_EQ(packet->data_off, RTE_PKTMBUF_HEADROOM - wire::kDataHeaderSize);
  EXPECT_EQ(Dead(packet, 0, packet->data_off - wire::kFrameHeaderSizeV6), 0u);
  EXPECT_EQ(Dead(packet, packet->data_off + packet->data_len, packet->buf_len), 0u);
}

// Several paths share the payload, so nothing may be written in front of it.
TEST_P(Canaries, AroundAPayloadThatIsShared) {
  Network net({.ports = 2, .workers = 2, .device_arguments = ",rate=0"}, {.ports = 2});
  Populate(net.a().plane().payload_pool());
  net.a().SendTracked(std::string(GetParam(), 'c'), 1, 1);
  net.a().Turn();
  Sealed sealed;
  for (Completion& completion : net.a().Completions()) {
    if (completion.sealed) sealed = std::move(completion.sealed);
  }
  ASSERT_TRUE(sealed);
  rte_mbuf* packet = MbufOf(sealed);
  EXPECT_EQ(Dead(packet, 0, packet->data_off), 0u);
  EXPECT_EQ(Dead(packet, packet->data_off + packet->data_len, packet->buf_len), 0u);
}

TEST_P(Canaries, AroundAnOpenedPacket) {
  Network net({.ports = 1}, {.ports = 1});
  Populate(net.b().plane().slot(net.b().port(0)).rx_pool.get());
  net.a().Send(std::string(GetParam(), 'c'));
  net.Settle();
  std::vector<OpenedPacket> opened(1);
  ASSERT_EQ(net.b().plane().ReceiveOpened(opened), 1u);
  rte_mbuf* packet = MbufOf(opened[0].packet);
  EXPECT_EQ(packet->data_len, GetParam());
  EXPECT_EQ(Dead(packet, 0, RTE_PKTMBUF_HEADROOM), 0u);
  EXPECT_EQ(Dead(packet, packet->data_off + packet->data_len + wire::kTagSize, packet->buf_len),
            0u);
}

// The largest payload fills its buffer to the last byte. Every other buffer of the pool must stay unchanged.
TEST(Canary, LargestPayload) {
  Network net({.ports = 1}, {.ports = 1});
  DpdkDataplane& plane = net.a().plane();
  Plaintext packet = plane.AllocatePlaintext();
  EXPECT_EQ(packet.Append(plane.max_plaintext()).size(), plane.max_plaintext());
  EXPECT_TRUE(packet.Append(wire::kTagSize + 1).empty());
  const SendRequest request = {.peer = Node::kPeer};
  plane.Submit(0, {&packet, 1}, {&request, 1});
  net.Collect();
  ASSERT_EQ(net.in_flight().size(), 1u);
  EXPECT_EQ(DatagramOf(net.in_flight()[0]).size(), plane.max_plaintext() + wire::kMinSealedSize);
  rte_mempool_obj_iter(
      const_cast<rte_mempool*>(plane.payload_pool()),
      [](rte_mempool* pool, void*, void* object, unsigned) {
        const auto* mbuf = static_cast<const rte_mbuf*>(object);
        EXPECT_EQ(mbuf->pool, pool);
        EXPECT_EQ(mbuf->buf_addr, reinterpret_cast<const uint8_t*>(mbuf + 1) + kPacketMetaSize);
      },
      nullptr);
}

// A payload one byte too long cannot come through the façade. A worker that gets one nevertheless must refuse it by
// name before it spends a counter.
TEST(Canary, NoRoomForTheTag) {
  Network net({.ports = 1}, {.ports = 1});
  DpdkDataplane& plane = net.a().plane();
  Plaintext packet = plane.AllocatePlaintext();
  packet.Append(plane.max_plaintext() + 1);
  const SendRequest request = {.peer = Node::kPeer};
  plane.Submit(0, {&packet, 1}, {&request, 1});
  net.a().Turn();
  EXPECT_EQ(net.a().Drops(wire::Drop::kTooLarge), 1u);
  EXPECT_EQ(net.sessions().a->sent(), 0u);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

}  // namespace
}  // namespace warp::lcore
