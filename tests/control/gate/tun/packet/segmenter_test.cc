#include "control/gate/tun/packet/segmenter.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

using wire::Drop;

std::vector<PacketBytes> TakeAll(Segmenter& segmenter) {
  std::vector<PacketBytes> all;
  for (auto packets = segmenter.Next(); !packets.empty(); packets = segmenter.Next()) {
    EXPECT_LE(packets.size(), Segmenter::kWindow);
    all.emplace_back(packets[0].begin(), packets[0].end());  // one by one
    segmenter.Consume(1);
  }
  return all;
}

TEST(SegmenterTest, CutsTcp) {
  for (const bool v6 : {false, true}) {
    for (const bool ethernet : {false, true}) {
      const Layer layer = ethernet ? Layer::kEthernet : Layer::kIp;
      PacketSpec spec{.v6 = v6,
                      .ethernet = ethernet,
                      .vlan_tags = 1,
                      .sequence = 0xffffff00,
                      .flags = kAckFlag | kPshFlag | kFinFlag | kCwrFlag,
                      .id = 0xfffe,
                      .traffic_class = 0x2e << 2 | 1,
                      .options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
                      .data = 3 * 700 + 55};
      PacketBytes super = MakePacket(spec);
      const uint8_t gso = v6 ? OffloadHeader::kTcpV6 : OffloadHeader::kTcpV4;
      const OffloadHeader offload =
          MakeSuper(super, layer, static_cast<uint8_t>(gso | OffloadHeader::kEcn), 700);
      Segmenter segmenter(layer);
      ASSERT_EQ(segmenter.Take(offload, super), Drop::kNone);
      EXPECT_TRUE(segmenter.is_cut());
      const std::vector<PacketBytes> cut = TakeAll(segmenter);
      ASSERT_EQ(cut.size(), 4u);
      for (size_t i = 0; i < cut.size(); ++i) {
        // Each is what the sender would have made without offloads.
        PacketSpec one = spec;
        one.sequence += static_cast<uint32_t>(i * 700);
        one.id = static_cast<uint16_t>(one.id + i);
        one.data = i == 3 ? 55 : 700;
        one.first = static_cast<uint8_t>(1 + i * 700);
        one.flags = kAckFlag;
        if (i == 0) one.flags |= kCwrFlag;
        if (i == 3) one.flags |= kPshFlag | kFinFlag;
        EXPECT_EQ(cut[i], MakePacket(one)) << i;
        EXPECT_TRUE(ChecksumsAreRight(cut[i], layer));
      }
    }
  }
}

TEST(SegmenterTest, CutsUdp) {
  for (const bool v6 : {false, true}) {
    PacketSpec spec{.v6 = v6, .protocol = kProtocolUdp, .data = 2 * 500 + 1};
    PacketBytes super = MakePacket(spec);
    const OffloadHeader offload = MakeSuper(super, Layer::kIp, OffloadHeader::kUdp, 500);
    Segmenter segmenter(Layer::kIp);
    ASSERT_EQ(segmenter.Take(offload, super), Drop::kNone);
    const std::vector<PacketBytes> cut = TakeAll(segmenter);
    ASSERT_EQ(cut.size(), 3u);
    for (size_t i = 0; i < cut.size(); ++i) {
      PacketSpec one = spec;
      one.id = static_cast<uint16_t>(one.id + i);
      one.data = i == 2 ? 1 : 500;
      one.first = static_cast<uint8_t>(1 + i * 500);
      EXPECT_EQ(cut[i], MakePacket(one)) << i;
    }
  }
}

TEST(SegmenterTest, CutsBehindExtensions) {
  PacketSpec spec{.v6 = true, .extensions = {60, 6, 0, 1, 4, 0, 0, 0, 0}, .data = 1000};
  PacketBytes super = MakePacket(spec);
  const OffloadHeader offload = MakeSuper(super, Layer::kIp, OffloadHeader::kTcpV6, 600);
  Segmenter segmenter(Layer::kIp);
  ASSERT_EQ(segmenter.Take(offload, super), Drop::kNone);
  const std::vector<PacketBytes> cut = TakeAll(segmenter);
  ASSERT_EQ(cut.size(), 2u);
  spec.data = 600;
  EXPECT_EQ(cut[0], MakePacket(spec));
}

TEST(SegmenterTest, FinishesChecksums) {
  for (const uint8_t protocol : {kProtocolTcp, kProtocolUdp}) {
    for (const bool v6 : {false, true}) {
      for (const size_t data : {0, 1, 99, 1400}) {
        const PacketBytes whole = MakePacket({.v6 = v6, .protocol = protocol, .data = data});
        PacketBytes begun = whole;
        const OffloadHeader offload = MakeSuper(begun, Layer::kIp, OffloadHeader::kNone, 0);
        ASSERT_NE(begun, whole);
        Segmenter segmenter(Layer::kIp);
        ASSERT_EQ(segmenter.Take(offload, begun), Drop::kNone);
        EXPECT_FALSE(segmenter.is_cut());
        EXPECT_EQ(TakeAll(segmenter), std::vector<PacketBytes>{whole});
      }
    }
  }
}

// RFC 768: zero would mean that there is none.
TEST(SegmenterTest, AUdpChecksumIsNeverZero) {
  PacketBytes packet = MakePacket({.protocol = kProtocolUdp, .data = 2});
  // The data makes up for the checksum, so that it comes out as zero.
  const size_t sum = Get16(packet, 26), data = Get16(packet, 28);
  const size_t added = sum + data;
  Set16(packet, 28, added > 0xffff ? added - 0xffff : added);
  const OffloadHeader offload = MakeSuper(packet, Layer::kIp, OffloadHeader::kNone, 0);
  Segmenter segmenter(Layer::kIp);
  ASSERT_EQ(segmenter.Take(offload, packet), Drop::kNone);
  EXPECT_EQ(Get16(packet, 26), 0xffffu);
  EXPECT_TRUE(ChecksumsAreRight(packet, Layer::kIp));
}

TEST(SegmenterTest, OtherPacketsPassAsTheyAre) {
  for (const uint8_t protocol : {1, 47, 50, 132, 253}) {
    PacketBytes packet = MakePacket({.protocol = protocol});
    Segmenter segmenter(Layer::kIp);
    ASSERT_EQ(segmenter.Take({}, packet), Drop::kNone);
    EXPECT_EQ(TakeAll(segmenter), std::vector<PacketBytes>{packet});
  }
}

TEST(SegmenterTest, MemoryIsTheSameForTheSmallestSegments) {
  PacketBytes super = MakePacket({.data = 60000});
  const OffloadHeader offload = MakeSuper(super, Layer::kIp, OffloadHeader::kTcpV4, 1);
  Segmenter segmenter(Layer::kIp);
  ASSERT_EQ(segmenter.Take(offload, super), Drop::kNone);
  EXPECT_EQ(segmenter.Next().size(), Segmenter::kWindow);
  EXPECT_EQ(TakeAll(segmenter).size(), 60000u);
}

// What a header that lies says of a packet of 40 and 2,000 bytes.
TEST(SegmenterTest, AHeaderThatLiesIsADrop) {
  using Lie = std::function<void(OffloadHeader&, PacketBytes&)>;
  const std::vector<std::pair<const char*, Lie>> lies = {
      {"no size", [](auto& o, auto&) { o.segment_size = wire::Le16(0); }},
      {"headers beyond", [](auto& o, auto&) { o.header_size = wire::Le16(2041); }},
      {"sum elsewhere", [](auto& o, auto&) { o.checksum_start = wire::Le16(24); }},
      {"sum beyond", [](auto& o, auto&) { o.checksum_start = wire::Le16(65535); }},
      {"field elsewhere", [](auto& o, auto&) { o.checksum_offset = wire::Le16(6); }},
      {"field beyond", [](auto& o, auto&) { o.checksum_offset = wire::Le16(65535); }},
      {"no sum", [](auto& o, auto&) { o.flags = 0; }},
      {"other version", [](auto& o, auto&) { o.gso = OffloadHeader::kTcpV6; }},
      {"other protocol", [](auto& o, auto&) { o.gso = OffloadHeader::kUdp; }},
      {"fragmented UDP", [](auto& o, auto&) { o.gso = 3; }},
      {"unknown kind", [](auto& o, auto&) { o.gso = 0x7f; }},
      {"short TCP", [](auto&, PacketBytes& p) { p[32] = 0x40; }},
      {"long TCP",
       [](auto& o, PacketBytes& p) {
         p.resize(60), Set16(p, 2, 60), p[32] = 0xf0, o.header_size = wire::Le16(40);
       }},
      {"no data",
       [](auto& o, PacketBytes& p) {
         p.resize(40), Set16(p, 2, 40), o.header_size = wire::Le16(40);
       }},
      {"a fragment", [](auto&, PacketBytes& p) { Set16(p, 6, 0x2000); }},
      {"padding", [](auto&, PacketBytes& p) { p.push_back(0); }},
  };
  for (const auto& [name, lie] : lies) {
    PacketBytes packet = MakePacket({.data = 2000});
    OffloadHeader offload = MakeSuper(packet, Layer::kIp, OffloadHeader::kTcpV4, 700);
    lie(offload, packet);
    Segmenter segmenter(Layer::kIp);
    EXPECT_EQ(segmenter.Take(offload, packet), Drop::kBadOffload) << name;
    EXPECT_TRUE(segmenter.Next().empty());
    // It goes on with what comes next.
    PacketBytes next = MakePacket({});
    EXPECT_EQ(segmenter.Take({}, next), Drop::kNone);
    EXPECT_EQ(TakeAll(segmenter).size(), 1u);
  }
}

TEST(SegmenterTest, AChecksumBeyondThePacketIsADrop) {
  for (const auto& [start, offset] : {std::pair{0, 0x7fff}, {20, 119}, {65535, 65535}, {139, 0}}) {
    PacketBytes packet = MakePacket({.data = 100});
    OffloadHeader offload;
    offload.flags = OffloadHeader::kNeedsChecksum;
    offload.checksum_start = wire::Le16(static_cast<uint16_t>(start));
    offload.checksum_offset = wire::Le16(static_cast<uint16_t>(offset));
    Segmenter segmenter(Layer::kIp);
    EXPECT_EQ(segmenter.Take(offload, packet), Drop::kBadOffload) << start << " " << offset;
  }
}

TEST(SegmenterTest, WhatIsNoPacketIsADrop) {
  Segmenter segmenter(Layer::kIp);
  PacketBytes empty, garbage(50, 0xee);
  EXPECT_EQ(segmenter.Take({}, empty), Drop::kBadPacket);
  EXPECT_EQ(segmenter.Take({}, garbage), Drop::kBadPacket);
  EXPECT_TRUE(segmenter.Next().empty());
}

}  // namespace
}  // namespace warp::control
