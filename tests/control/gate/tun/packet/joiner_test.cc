#include "control/gate/tun/packet/joiner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "control/gate/tun/packet/segmenter.h"
#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

struct Written {
  OffloadHeader offload;
  PacketBytes packet;
  size_t packets = 0;
};

std::vector<Written> Join(Joiner& joiner, Layer layer, const std::vector<PacketBytes>& packets) {
  for (const PacketBytes& packet : packets) joiner.Add(packet, *ReadInnerPacket(packet, layer));
  std::vector<Written> all;
  for (size_t run = 0; run < joiner.runs(); ++run) {
    Written& written = all.emplace_back();
    written.packets = joiner.PacketsOf(run);
    const auto pieces = joiner.Pieces(run);
    std::memcpy(&written.offload, pieces[0].data(), sizeof(written.offload));
    for (const wire::Bytes piece : pieces.subspan(1)) {
      written.packet.insert(written.packet.end(), piece.begin(), piece.end());
    }
  }
  joiner.Clear();
  return all;
}

std::vector<size_t> Sizes(const std::vector<PacketBytes>& packets, Layer layer = Layer::kIp) {
  Joiner joiner(layer, {});
  std::vector<size_t> sizes;
  for (const Written& written : Join(joiner, layer, packets)) sizes.push_back(written.packets);
  return sizes;
}

// Three segments of a flow: 100, 100 and 60 bytes.
std::vector<PacketSpec> Three(bool v6 = false, uint8_t protocol = kProtocolTcp) {
  std::vector<PacketSpec> specs(3, PacketSpec{.v6 = v6, .protocol = protocol});
  for (size_t i = 0; i < 3; ++i) {
    specs[i].sequence += static_cast<uint32_t>(i * 100);
    specs[i].id = static_cast<uint16_t>(specs[i].id + i);
    specs[i].options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  }
  specs[2].data = 60;
  return specs;
}

std::vector<PacketBytes> Make(const std::vector<PacketSpec>& specs) {
  std::vector<PacketBytes> packets;
  for (const PacketSpec& spec : specs) packets.push_back(MakePacket(spec));
  return packets;
}

TEST(JoinerTest, JoinsASequenceAsTheKernelMakesOne) {
  for (const bool v6 : {false, true}) {
    for (const bool ethernet : {false, true}) {
      std::vector<PacketSpec> specs = Three(v6);
      for (PacketSpec& spec : specs) spec.ethernet = ethernet;
      specs[0].flags |= kCwrFlag;
      specs[2].flags |= kPshFlag;
      const Layer layer = ethernet ? Layer::kEthernet : Layer::kIp;
      Joiner joiner(layer, {});
      const std::vector<Written> all = Join(joiner, layer, Make(specs));
      ASSERT_EQ(all.size(), 1u);
      EXPECT_EQ(all[0].packets, 3u);

      PacketSpec whole = specs[0];
      whole.data = 260;
      whole.flags |= kPshFlag;
      PacketBytes super = MakePacket(whole);
      // The data of each packet begins anew.
      const size_t header = super.size() - 260;
      for (size_t i = 0; i < 260; ++i) super[header + i] = static_cast<uint8_t>(1 + i % 100);
      const uint8_t gso = v6 ? OffloadHeader::kTcpV6 : OffloadHeader::kTcpV4;
      OffloadHeader offload =
          MakeSuper(super, layer, static_cast<uint8_t>(gso | OffloadHeader::kEcn), 100);
      offload.header_size = wire::Le16(static_cast<uint16_t>(header));
      EXPECT_EQ(all[0].packet, super);
      EXPECT_EQ(std::memcmp(&all[0].offload, &offload, sizeof(offload)), 0);
    }
  }
}

TEST(JoinerTest, JoinsUdp) {
  for (const bool v6 : {false, true}) {
    const std::vector<PacketBytes> packets = Make(Three(v6, kProtocolUdp));
    Joiner joiner(Layer::kIp, {});
    const std::vector<Written> all = Join(joiner, Layer::kIp, packets);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].offload.gso, OffloadHeader::kUdp);
    EXPECT_EQ(all[0].packet.size(), (v6 ? 48u : 28u) + 260);
    EXPECT_EQ(Get16(all[0].packet, (v6 ? 40 : 20) + 4), 268u);
  }
  Joiner tcp_alone(Layer::kIp, {.tcp = true, .udp = false});
  EXPECT_EQ(Join(tcp_alone, Layer::kIp, Make(Three(false, kProtocolUdp))).size(), 3u);
}

// Each change, to the second packet of three, keeps it from the first one.
TEST(JoinerTest, WhatDiffersIsNotJoined) {
  using Change = std::function<void(PacketSpec&)>;
  const std::vector<std::pair<const char*, Change>> changes = {
      {"a gap", [](auto& s) { s.sequence += 1; }},
      {"a repetition", [](auto& s) { s.sequence -= 100; }},
      {"other acknowledgement", [](auto& s) { s.acknowledged += 1; }},
      {"other window", [](auto& s) { s.window += 1; }},
      {"other options", [](auto& s) { s.options[11] = 9; }},
      {"fewer options", [](auto& s) { s.options.clear(); }},
      {"congestion experienced", [](auto& s) { s.traffic_class = 3; }},
      {"other DSCP", [](auto& s) { s.traffic_class = 0x10; }},
      {"other hop limit", [](auto& s) { s.hops = 63; }},
      {"CWR", [](auto& s) { s.flags |= kCwrFlag; }},
      {"ECE", [](auto& s) { s.flags |= kEceFlag; }},
      {"RST", [](auto& s) { s.flags |= kRstFlag; }},
      {"SYN", [](auto& s) { s.flags |= kSynFlag; }},
      {"no ACK", [](auto& s) { s.flags = 0; }},
      {"larger", [](auto& s) { s.data = 101; }},
      {"nothing", [](auto& s) { s.data = 0; }},
      {"other identification", [](auto& s) { s.id += 1; }},
      {"may be fragmented", [](auto& s) { s.fragment = 0; }},
      {"a fragment", [](auto& s) { s.fragment = 0x2000; }},
  };
  EXPECT_EQ(Sizes(Make(Three())), std::vector<size_t>{3});
  for (const bool v6 : {false, true}) {
    for (const auto& [name, change] : changes) {
      std::vector<PacketSpec> specs = Three(v6);
      PacketSpec before = specs[1];
      change(specs[1]);
      if (MakePacket(before) == MakePacket(specs[1])) continue;  // not of this version
      const std::vector<size_t> sizes = Sizes(Make(specs));
      ASSERT_GE(sizes.size(), 2u) << name;
      EXPECT_EQ(sizes[0], 1u) << name;
    }
  }
}

TEST(JoinerTest, WrongChecksumsAreLeftToTheKernel) {
  for (const uint8_t protocol : {kProtocolTcp, kProtocolUdp}) {
    for (const size_t byte : {8u, 70u}) {  // of the IP header, and of the data
      std::vector<PacketBytes> packets = Make(Three(false, protocol));
      packets[1][byte] ^= 1;
      EXPECT_EQ(Sizes(packets), (std::vector<size_t>{1, 1, 1})) << byte;
    }
  }
  std::vector<PacketBytes> none = Make(Three(false, kProtocolUdp));
  for (PacketBytes& packet : none) Set16(packet, 26, 0);
  EXPECT_EQ(Sizes(none), (std::vector<size_t>{1, 1, 1}));
}

TEST(JoinerTest, OptionsExtensionsAndTagsPassAlone) {
  std::vector<PacketSpec> specs = Three(true);
  for (PacketSpec& spec : specs) spec.extensions = {60, 6, 0, 1, 4, 0, 0, 0, 0};
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{1, 1, 1}));
  specs = Three();
  for (PacketSpec& spec : specs) spec.ethernet = true, spec.vlan_tags = 1;
  EXPECT_EQ(Sizes(Make(specs), Layer::kEthernet), (std::vector<size_t>{1, 1, 1}));
}

TEST(JoinerTest, AShorterOneAndPshEndARun) {
  std::vector<PacketSpec> specs = Three();
  specs.push_back(specs[2]);
  specs[3].sequence += 60;
  specs[3].id += 1;
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{3, 1}));
  specs = Three();
  specs[1].flags |= kPshFlag;
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{2, 1}));
  specs[1].flags = kAckFlag | kFinFlag;
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{2, 1}));
}

// RFC 6864: the identification of what may not be fragmented means nothing.
TEST(JoinerTest, IdentificationsMayStandStill) {
  std::vector<PacketSpec> specs = Three();
  for (PacketSpec& spec : specs) spec.id = 0;
  EXPECT_EQ(Sizes(Make(specs)), std::vector<size_t>{3});
  specs[2].id = 1;
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{2, 1}));
  for (PacketSpec& spec : specs) spec.id = 0, spec.fragment = 0;
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{1, 1, 1}));
}

TEST(JoinerTest, FlowsAreJoinedSideBySideAndKeepTheirOrder) {
  const std::vector<PacketSpec> one = Three();
  std::vector<PacketSpec> two = Three();
  for (PacketSpec& spec : two) spec.port = 1001;
  EXPECT_EQ(Sizes(Make({one[0], two[0], one[1], two[1], two[2], one[2]})),
            (std::vector<size_t>{3, 3}));
  // A pure ACK of the flow overtakes nothing, and nothing overtakes it.
  PacketSpec ack = one[0];
  ack.data = 0;
  Joiner joiner(Layer::kIp, {});
  const std::vector<Written> all = Join(joiner, Layer::kIp, Make({one[0], one[1], ack, one[2]}));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].packets, 2u);
  EXPECT_EQ(all[1].packet, MakePacket(ack));
}

// A fragment may be of any flow between its ends, and none of them overtakes it.
TEST(JoinerTest, NothingOvertakesAFragment) {
  std::vector<PacketSpec> specs = Three(true, kProtocolUdp);
  PacketSpec fragment = specs[1];
  fragment.extensions = {44, kProtocolUdp, 0, 0, 1, 0, 0, 0, 9};
  EXPECT_EQ(Sizes(Make({specs[0], fragment, specs[1], specs[2]})), (std::vector<size_t>{1, 1, 2}));
  fragment.host = 9;  // of another sender
  EXPECT_EQ(Sizes(Make({specs[0], fragment, specs[1], specs[2]})), (std::vector<size_t>{3, 1}));
}

TEST(JoinerTest, ARunHasAsMuchAsItsLengthsCanSay) {
  std::vector<PacketSpec> specs(100, PacketSpec{.data = 1400});
  for (size_t i = 0; i < specs.size(); ++i) {
    specs[i].sequence += static_cast<uint32_t>(i * 1400);
    specs[i].id = static_cast<uint16_t>(specs[i].id + i);
  }
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{46, 46, 8}));
  for (PacketSpec& spec : specs) spec.protocol = kProtocolUdp, spec.data = 100;
  EXPECT_EQ(Sizes(Make(specs)), (std::vector<size_t>{Joiner::kMostUdp, 36}));
}

// Whatever comes: what is cut again is what was joined, and no flow changes its order.
TEST(JoinerTest, CuttingWhatWasJoinedGivesThePackets) {
  std::mt19937 random(5);
  const auto chance = [&](unsigned of) { return random() % of == 0; };
  size_t joined = 0;
  for (int story = 0; story < 150; ++story) {
    const Layer layer = story % 3 == 0 ? Layer::kEthernet : Layer::kIp;
    std::vector<PacketSpec> flows;
    for (size_t i = 0; i < 4; ++i) {
      flows.push_back({.v6 = i % 2 == 1,
                       .ethernet = layer == Layer::kEthernet,
                       .protocol = chance(3) ? kProtocolUdp : kProtocolTcp,
                       .port = static_cast<uint16_t>(1000 + i),
                       .sequence = static_cast<uint32_t>(random()),
                       .id = static_cast<uint16_t>(random()),
                       .fragment = static_cast<uint16_t>(chance(4) ? 0 : 0x4000),
                       .data = 1 + random() % 1400});
    }
    std::vector<PacketBytes> packets;
    std::map<size_t, std::vector<PacketBytes>> in, out;
    for (size_t n = 1 + random() % Joiner::kMostPackets; n > 0; --n) {
      const size_t which = random() % flows.size();
      PacketSpec& flow = flows[which];
      PacketSpec spec = flow;
      if (chance(12)) spec.flags |= kPshFlag;
      if (chance(20)) spec.flags |= kCwrFlag;
      if (chance(20)) spec.traffic_class = 3;
      if (chance(10)) spec.data = random() % (spec.data + 1);
      if (chance(30)) spec.sequence += 5;
      spec.first = static_cast<uint8_t>(random());
      flow.sequence += static_cast<uint32_t>(spec.data);
      flow.id++;
      packets.push_back(MakePacket(spec));
      if (chance(40)) packets.back().back() ^= 1;  // on the way
      in[which].push_back(packets.back());
    }
    Joiner joiner(layer, {});
    Segmenter segmenter(layer);
    for (Written& written : Join(joiner, layer, packets)) {
      joined += written.packets > 1;
      ASSERT_EQ(segmenter.Take(written.offload, written.packet), wire::Drop::kNone);
      size_t count = 0;
      for (auto cut = segmenter.Next(); !cut.empty(); cut = segmenter.Next()) {
        for (const wire::Bytes one : cut) {
          const InnerPacket inner = *ReadInnerPacket(one, layer);
          out[Get16(one, inner.transport) - 1000].emplace_back(one.begin(), one.end());
          ++count;
        }
        segmenter.Consume(cut.size());
      }
      EXPECT_EQ(count, written.packets);
    }
    ASSERT_EQ(in, out) << story;
  }
  EXPECT_GT(joined, 500u);
}

}  // namespace
}  // namespace warp::control
