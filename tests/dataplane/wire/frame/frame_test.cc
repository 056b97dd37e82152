#include "dataplane/wire/frame/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

const MacAddress kFromMac{{0x02, 0, 0, 0, 0, 0x0a}};
const MacAddress kToMac{{0x02, 0, 0, 0, 0, 0x0b}};

Endpoint At(const char* text) { return Endpoint::Parse(text).value(); }

std::vector<uint8_t> MakeFrame(const Endpoint& from, const Endpoint& to, Bytes datagram,
                               UdpChecksum checksum = UdpChecksum::kAlways) {
  const FrameTemplate frame = MakeFrameTemplate(kFromMac, kToMac, from, to, checksum);
  std::vector<uint8_t> bytes(frame.size + datagram.size());
  std::copy(datagram.begin(), datagram.end(), bytes.begin() + frame.size);
  WriteFrameHeader(frame, static_cast<uint16_t>(datagram.size()), DatagramSum(datagram),
                   bytes.data());
  return bytes;
}
std::vector<uint8_t> FrameV4(size_t size = 5) {
  return MakeFrame(At("192.0.2.1:13116"), At("198.51.100.2:40000"),
                   std::vector<uint8_t>(size, 0xaa));
}
std::vector<uint8_t> FrameV6(size_t size = 5) {
  return MakeFrame(At("[2001:db8::1]:13116"), At("[2001:db8::2]:40000"),
                   std::vector<uint8_t>(size, 0xaa));
}

// Adds word by word as RFC 1071 describes it. The code under test does it in another way.
uint16_t Checksum(std::vector<uint8_t> bytes) {
  if (bytes.size() % 2 != 0) bytes.push_back(0);
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(~sum);
}

void FixIpv4Checksum(std::vector<uint8_t>& frame) {
  const size_t size = (frame[14] & 15u) * 4u;
  if (frame.size() < 14 + size) return;
  frame[24] = frame[25] = 0;
  const uint16_t sum =
      Checksum({frame.begin() + 14, frame.begin() + 14 + static_cast<ptrdiff_t>(size)});
  frame[24] = static_cast<uint8_t>(sum >> 8);
  frame[25] = static_cast<uint8_t>(sum);
}

FrameKind KindOf(const std::vector<uint8_t>& frame) {
  ParsedFrame parsed;
  return ParseFrame(frame, &parsed);
}

// docs/wire-format.md shows the same bytes.
TEST(Frame, ExactBytes) {
  const std::vector<uint8_t> datagram = FromHex("68656c6c6f");
  EXPECT_EQ(ToHex(MakeFrame(At("192.0.2.1:13116"), At("198.51.100.2:40000"), datagram)),
            "02000000000b02000000000a0800"
            "450000210000400040114e95c0000201c6336402"
            "333c9c40000d004e"
            "68656c6c6f");
  EXPECT_EQ(ToHex(MakeFrame(At("[2001:db8::1]:13116"), At("[2001:db8::2]:40000"), datagram)),
            "02000000000b02000000000a86dd"
            "60000000000d1140"
            "20010db8000000000000000000000001"
            "20010db8000000000000000000000002"
            "333c9c40000d9110"
            "68656c6c6f");
}

TEST(Frame, TrafficClassChangesItsBitsAndTheChecksum) {
  const std::vector<uint8_t> datagram = FromHex("68656c6c6f");
  for (const char* address : {"192.0.2.1:13116", "[2001:db8::1]:13116"}) {
    const FrameTemplate frame = MakeFrameTemplate(kFromMac, kToMac, At(address), At(address));
    std::vector<uint8_t> plain(frame.size), marked(frame.size);
    WriteFrameHeader(frame, 5, DatagramSum(datagram), plain.data());
    WriteFrameHeader(frame, 5, DatagramSum(datagram), marked.data(), 0xb8);
    if (frame.is_v6()) {
      EXPECT_EQ(ToHex(Bytes(marked).subspan(14, 4)), "6b800000");
      plain[14] = 0x6b;
      plain[15] = 0x80;
    } else {
      EXPECT_EQ(marked[15], 0xb8);
      plain[15] = 0xb8;
      FixIpv4Checksum(plain);
    }
    EXPECT_EQ(ToHex(marked), ToHex(plain)) << "nothing else";
  }
}

TEST(Frame, ReadsWhatItWrote) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const bool v6 = i % 2 == 0;
    const auto address = [&] {
      std::array<uint8_t, 16> bytes;
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      bytes[0] = 0x20;
      return v6 ? IpAddress::V6(bytes) : IpAddress::V4({bytes[1], bytes[2], bytes[3], bytes[4]});
    };
    const auto port = [&] { return static_cast<uint16_t>(1 + random() % 65535); };
    const Endpoint from{address(), port()};
    const Endpoint to{address(), port()};
    std::vector<uint8_t> datagram(i < 40 ? random() % 4 : random() % 1500);
    for (uint8_t& byte : datagram) byte = static_cast<uint8_t>(random());
    const bool sums = v6 || i % 4 == 1;
    const std::vector<uint8_t> frame =
        MakeFrame(from, to, datagram, sums ? UdpChecksum::kAlways : UdpChecksum::kNoneOnV4);

    ParsedFrame parsed;
    ASSERT_EQ(ParseFrame(frame, &parsed), FrameKind::kUdp);
    EXPECT_EQ(parsed.to_mac, kToMac);
    EXPECT_EQ(parsed.from, from);
    EXPECT_EQ(parsed.to, to);
    ASSERT_EQ(parsed.datagram_offset, v6 ? kFrameHeaderSizeV6 : kFrameHeaderSizeV4);
    ASSERT_EQ(parsed.datagram_size, datagram.size());
    EXPECT_TRUE(
        std::equal(datagram.begin(), datagram.end(), frame.begin() + parsed.datagram_offset));

    if (v6) {  // RFC 8200 section 8.1: the pseudo-header, then UDP
      std::vector<uint8_t> summed(frame.begin() + 22, frame.begin() + 54);
      const auto size = static_cast<uint32_t>(frame.size() - 54);
      for (const uint32_t byte : {size >> 24, size >> 16, size >> 8, size, 0u, 0u, 0u, 17u}) {
        summed.push_back(static_cast<uint8_t>(byte));
      }
      summed.insert(summed.end(), frame.begin() + 54, frame.end());
      EXPECT_EQ(Checksum(summed), 0);
      EXPECT_TRUE(frame[60] != 0 || frame[61] != 0);
    } else {
      EXPECT_EQ(Checksum({frame.begin() + 14, frame.begin() + 34}), 0);
      // RFC 768: the pseudo-header, then UDP.
      std::vector<uint8_t> summed(frame.begin() + 26, frame.begin() + 34);
      const auto size = static_cast<uint32_t>(frame.size() - 34);
      for (const uint32_t byte : {0u, 17u, size >> 8, size}) {
        summed.push_back(static_cast<uint8_t>(byte));
      }
      summed.insert(summed.end(), frame.begin() + 34, frame.end());
      EXPECT_EQ(sums ? Checksum(summed) : 0, 0);
      EXPECT_EQ((frame[40] | frame[41]) != 0, sums);
    }
  }
}

TEST(Frame, AChecksumOfZeroIsSentAsAllOnes) {
  const std::pair<Endpoint, Endpoint> flows[] = {{At("[2001:db8::1]:1"), At("[2001:db8::2]:2")},
                                                 {At("192.0.2.1:1"), At("198.51.100.2:2")}};
  for (const auto& [from, to] : flows) {
    // Searches for the values of two bytes that make the sum zero.
    int zeros = 0;
    for (uint32_t word = 0; word <= 0xffff; ++word) {
      const std::vector<uint8_t> datagram = {static_cast<uint8_t>(word >> 8),
                                             static_cast<uint8_t>(word)};
      const auto frame = MakeFrame(from, to, datagram);
      const size_t at = frame.size() - datagram.size() - 2;
      ASSERT_TRUE(frame[at] != 0 || frame[at + 1] != 0) << word;
      zeros += frame[at] == 0xff && frame[at + 1] == 0xff;
    }
    EXPECT_GE(zeros, 1);
  }
}

TEST(Frame, SumsAnyAlignmentAndLength) {
  std::mt19937 random(2);
  std::vector<uint8_t> bytes(300);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; size < 130; ++size) {
      const Bytes part = Bytes(bytes).subspan(begin, size);
      uint32_t sum = DatagramSum(part);
      sum = (sum & 0xffff) + (sum >> 16);
      ASSERT_EQ(static_cast<uint16_t>(~sum), Checksum({part.begin(), part.end()}));
    }
  }
  EXPECT_EQ(DatagramSum({}), 0u);
  const std::vector<uint8_t> ones(65535, 0xff);
  EXPECT_EQ(static_cast<uint16_t>(~DatagramSum(ones)), Checksum(ones));
}

TEST(Frame, EthernetPaddingIsNotDatagram) {
  for (std::vector<uint8_t> frame : {FrameV4(1), FrameV6(1)}) {
    frame.resize(frame.size() + 20);
    ParsedFrame parsed;
    ASSERT_EQ(ParseFrame(frame, &parsed), FrameKind::kUdp);
    EXPECT_EQ(parsed.datagram_size, 1);
  }
}

TEST(Frame, EveryTruncationIsTruncatedOrNotOurs) {
  for (const std::vector<uint8_t>& frame : {FrameV4(), FrameV6()}) {
    for (size_t size = 0; size < frame.size(); ++size) {
      // The frame is on the heap and has its exact size, so a sanitizer would notice a read beyond its end.
      EXPECT_EQ(KindOf({frame.begin(), frame.begin() + static_cast<ptrdiff_t>(size)}),
                FrameKind::kTruncated)
          << size;
    }
  }
}

TEST(Frame, OtherProtocolsAreTheKernels) {
  auto frame = FrameV4();
  frame[13] = 0x06;  // ARP
  EXPECT_EQ(KindOf(frame), FrameKind::kOther);
  frame = FrameV4();
  frame[23] = 6;  // TCP
  FixIpv4Checksum(frame);
  EXPECT_EQ(KindOf(frame), FrameKind::kOther);
  frame = FrameV4();
  frame[14] = 0x55;  // version 5
  EXPECT_EQ(KindOf(frame), FrameKind::kOther);
  frame = FrameV6();
  frame[20] = 58;  // ICMPv6
  EXPECT_EQ(KindOf(frame), FrameKind::kOther);
  frame[20] = 0;  // hop-by-hop options
  EXPECT_EQ(KindOf(frame), FrameKind::kOther);
  frame = FrameV6();
  frame[14] = 0x45;
  EXPECT_EQ(KindOf(frame), FrameKind::kOther);
}

TEST(Frame, FragmentsAreNamed) {
  auto frame = FrameV4();
  frame[20] = 0x20;  // the flag "more fragments"
  FixIpv4Checksum(frame);
  EXPECT_EQ(KindOf(frame), FrameKind::kFragment);
  frame = FrameV4();
  frame[21] = 1;  // a fragment offset
  FixIpv4Checksum(frame);
  EXPECT_EQ(KindOf(frame), FrameKind::kFragment);
  frame = FrameV4();
  frame[20] = 0;  // no fragment; the flags allow fragmenting
  FixIpv4Checksum(frame);
  EXPECT_EQ(KindOf(frame), FrameKind::kUdp);
  frame = FrameV6();
  frame[20] = 44;
  EXPECT_EQ(KindOf(frame), FrameKind::kFragment);
}

TEST(Frame, TheIpv4HeaderChecksumIsVerified) {
  for (size_t i = 14; i < 34; ++i) {
    auto frame = FrameV4();
    frame[i] ^= 0x04;
    EXPECT_NE(KindOf(frame), FrameKind::kUdp) << i;
  }
  auto frame = FrameV4();
  frame[24] ^= 1;
  EXPECT_EQ(KindOf(frame), FrameKind::kBadChecksum);
}

TEST(Frame, Ipv4OptionsAreSkipped) {
  auto frame = FrameV4();
  frame[14] = 0x46;
  frame[17] = static_cast<uint8_t>(frame[17] + 4);
  frame.insert(frame.begin() + 34, {1, 1, 1, 0});
  FixIpv4Checksum(frame);
  ParsedFrame parsed;
  ASSERT_EQ(ParseFrame(frame, &parsed), FrameKind::kUdp);
  EXPECT_EQ(parsed.datagram_offset, kFrameHeaderSizeV4 + 4);
  EXPECT_EQ(parsed.datagram_size, 5);
  EXPECT_EQ(parsed.to, At("198.51.100.2:40000"));
}

TEST(Frame, LengthsMustAgree) {
  auto frame = FrameV4();
  frame[14] = 0x44;  // an IPv4 header length of 16 bytes
  EXPECT_EQ(KindOf(frame), FrameKind::kTruncated);
  frame = FrameV4();
  frame[39] = 14;  // a UDP length beyond the end of the IP packet
  EXPECT_EQ(KindOf(frame), FrameKind::kTruncated);
  frame[39] = 7;  // a UDP length below that of its header
  EXPECT_EQ(KindOf(frame), FrameKind::kTruncated);
  frame[39] = 8;
  EXPECT_EQ(KindOf(frame), FrameKind::kUdp);
  frame = FrameV4();
  frame[17] = 27;  // an IP length without room for UDP
  FixIpv4Checksum(frame);
  EXPECT_EQ(KindOf(frame), FrameKind::kTruncated);
  frame = FrameV6();
  frame[19] = 7;
  EXPECT_EQ(KindOf(frame), FrameKind::kTruncated);
}

// There is a quick way for the usual frame. It must give the answer of the thorough one, whichever byte is changed.
TEST(Frame, PlainFramesAreLocatedLikeAnyOther) {
  for (const bool fix_checksum : {false, true}) {
    for (size_t at = 0; at < kFrameHeaderSizeV4; ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        std::vector<uint8_t> frame = FrameV4();
        frame[at] = static_cast<uint8_t>(value);
        if (fix_checksum) FixIpv4Checksum(frame);
        UdpFrame quick, thorough;
        const FrameKind kind = LocateAnyUdp(frame, &thorough);
        ASSERT_EQ(LocateUdp(frame, &quick), kind) << at << " " << value;
        if (kind != FrameKind::kUdp) continue;
        EXPECT_EQ(quick.from(), thorough.from());
        EXPECT_EQ(quick.to(), thorough.to());
        EXPECT_EQ(quick.datagram_offset, thorough.datagram_offset);
        EXPECT_EQ(quick.datagram_size, thorough.datagram_size);
      }
    }
  }
}

TEST(Frame, AFlowIsBothEndpoints) {
  const auto flow = [](const std::vector<uint8_t>& frame) {
    UdpFrame udp;
    EXPECT_EQ(LocateUdp(frame, &udp), FrameKind::kUdp);
    return udp;
  };
  for (const std::vector<uint8_t>& frame : {FrameV4(), FrameV6()}) {
    std::vector<uint8_t> longer = frame == FrameV4() ? FrameV4(9) : FrameV6(9);
    EXPECT_TRUE(flow(frame).HasFlowOf(flow(longer)));
    const size_t ports = frame.size() - 5 - 8;
    const size_t addresses = ports - (frame == FrameV4() ? 8 : 32);
    for (size_t at = addresses; at < ports + 4; ++at) {
      std::vector<uint8_t> other = frame;
      other[at] ^= 1;
      if (frame == FrameV4()) FixIpv4Checksum(other);
      EXPECT_FALSE(flow(frame).HasFlowOf(flow(other))) << at;
    }
  }
  EXPECT_FALSE(flow(FrameV4()).HasFlowOf(flow(FrameV6())));
}

TEST(Frame, SurvivesRandomBytes) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> frame = i % 2 == 0 ? FrameV4(random() % 40) : FrameV6(random() % 40);
    for (int k = 0; k < 3; ++k)
      frame[12 + random() % 50 % (frame.size() - 12)] = static_cast<uint8_t>(random());
    if (i % 4 == 0) FixIpv4Checksum(frame);
    frame.resize(random() % (frame.size() + 1));
    frame.shrink_to_fit();
    ParsedFrame parsed;
    if (ParseFrame(frame, &parsed) == FrameKind::kUdp) {
      ASSERT_LE(size_t{parsed.datagram_offset} + parsed.datagram_size, frame.size());
    }
  }
}

TEST(MacAddress, Prints) { EXPECT_EQ(kFromMac.ToString(), "02:00:00:00:00:0a"); }

}  // namespace
}  // namespace warp::wire
