#include "dataplane/wire/frame.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "dataplane/wire/byte_order.h"

namespace warp::wire {

namespace {

constexpr uint16_t kEtherTypeV4 = 0x0800;
constexpr uint16_t kEtherTypeV6 = 0x86dd;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kExtensionFragment = 44;  // RFC 8200 section 4.5
constexpr uint8_t kHopLimit = 64;
constexpr uint16_t kDoNotFragment = 0x4000;
constexpr uint16_t kMoreFragmentsOrOffset = 0x3fff;

struct EthernetLayout {
  std::array<uint8_t, 6> to;
  std::array<uint8_t, 6> from;
  Be16 type;
};
static_assert(sizeof(EthernetLayout) == kEthernetHeaderSize);

struct Ipv4Layout {
  uint8_t version_and_words = 0x45;
  uint8_t traffic_class = 0;
  Be16 total_size;
  Be16 id;
  Be16 flags_and_offset;
  uint8_t hop_limit = kHopLimit;
  uint8_t protocol = kProtocolUdp;
  Be16 checksum;
  std::array<uint8_t, 4> from;
  std::array<uint8_t, 4> to;
};
static_assert(sizeof(Ipv4Layout) == 20);

struct Ipv6Layout {
  Be32 version_class_flow{6u << 28};
  Be16 payload_size;
  uint8_t next_header = kProtocolUdp;
  uint8_t hop_limit = kHopLimit;
  std::array<uint8_t, 16> from;
  std::array<uint8_t, 16> to;
};
static_assert(sizeof(Ipv6Layout) == 40);

struct UdpLayout {
  Be16 from;
  Be16 to;
  Be16 size;
  Be16 checksum;
};
static_assert(sizeof(UdpLayout) == 8);

// RFC 1071 section 2(B): the sum is independent of byte order, so it is taken in the machine's own
// and swapped at the end.
uint32_t SumWords(Bytes bytes) {
  uint64_t sums[2] = {};  // two, so that one addition need not wait for the other
  size_t i = 0;
  for (; i + 16 <= bytes.size(); i += 16) {
    uint64_t words[2];
    std::memcpy(words, bytes.data() + i, sizeof words);
    sums[0] += (words[0] & 0xffffffff) + (words[0] >> 32);
    sums[1] += (words[1] & 0xffffffff) + (words[1] >> 32);
  }
  uint64_t sum = sums[0] + sums[1];
  for (; i < bytes.size(); i += 2) {
    uint16_t word = 0;  // a last odd byte is followed by zero
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(sizeof word, bytes.size() - i));
    sum += word;
  }
  // 2^16 is 1 in one's complement arithmetic, so what is above may be added to what is below.
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const auto folded = static_cast<uint16_t>(sum);
  return ReadAs<Be16>(reinterpret_cast<const uint8_t*>(&folded)).value();
}

uint16_t FoldedComplement(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

template <typename Layout>
Bytes BytesOf(const Layout& layout) {
  return {reinterpret_cast<const uint8_t*>(&layout), sizeof layout};
}

FrameKind ParseUdp(Bytes frame, size_t offset, size_t size, ParsedFrame* parsed) {
  if (size < sizeof(UdpLayout)) return FrameKind::kTruncated;
  const auto udp = ReadAs<UdpLayout>(frame.data() + offset);
  // The datagram may end before the IP packet does, never after.
  if (udp.size.value() < sizeof udp || udp.size.value() > size) return FrameKind::kTruncated;
  parsed->from.port = udp.from.value();
  parsed->to.port = udp.to.value();
  parsed->datagram_offset = static_cast<uint16_t>(offset + sizeof udp);
  parsed->datagram_size = static_cast<uint16_t>(udp.size.value() - sizeof udp);
  return FrameKind::kUdp;
}

FrameKind ParseIpv4(Bytes frame, ParsedFrame* parsed) {
  const size_t room = frame.size() - kEthernetHeaderSize;
  if (room < sizeof(Ipv4Layout)) return FrameKind::kTruncated;
  const uint8_t* start = frame.data() + kEthernetHeaderSize;
  const auto ip = ReadAs<Ipv4Layout>(start);
  const size_t header_size = size_t{ip.version_and_words & 0x0fu} * 4;
  const size_t total_size = ip.total_size.value();
  if (ip.version_and_words >> 4 != 4) return FrameKind::kOther;
  // What stands behind the total size is the padding of a short Ethernet frame.
  if (header_size < sizeof ip || total_size < header_size || total_size > room) {
    return FrameKind::kTruncated;
  }
  if (SumWords({start, header_size}) != 0xffff) return FrameKind::kBadChecksum;
  if (ip.protocol != kProtocolUdp) return FrameKind::kOther;
  if ((ip.flags_and_offset.value() & kMoreFragmentsOrOffset) != 0) return FrameKind::kFragment;
  parsed->from.address = IpAddress::V4(ip.from);
  parsed->to.address = IpAddress::V4(ip.to);
  return ParseUdp(frame, kEthernetHeaderSize + header_size, total_size - header_size, parsed);
}

FrameKind ParseIpv6(Bytes frame, ParsedFrame* parsed) {
  const size_t room = frame.size() - kEthernetHeaderSize;
  if (room < sizeof(Ipv6Layout)) return FrameKind::kTruncated;
  const auto ip = ReadAs<Ipv6Layout>(frame.data() + kEthernetHeaderSize);
  if (ip.version_class_flow.value() >> 28 != 6) return FrameKind::kOther;
  if (ip.payload_size.value() > room - sizeof ip) return FrameKind::kTruncated;
  if (ip.next_header == kExtensionFragment) return FrameKind::kFragment;
  // Other extension headers are the kernel's business: WARP sends none.
  if (ip.next_header != kProtocolUdp) return FrameKind::kOther;
  parsed->from.address = IpAddress::V6(ip.from);
  parsed->to.address = IpAddress::V6(ip.to);
  return ParseUdp(frame, kEthernetHeaderSize + sizeof ip, ip.payload_size.value(), parsed);
}

}  // namespace

std::string MacAddress::ToString() const {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                         bytes[4], bytes[5]);
}

FrameTemplate MakeFrameTemplate(const MacAddress& from_mac, const MacAddress& to_mac,
                                const Endpoint& from, const Endpoint& to) {
  const bool v6 = !to.address.is_v4();
  const UdpLayout udp{.from = Be16(from.port), .to = Be16(to.port)};
  FrameTemplate frame;
  WriteAs(EthernetLayout{.to = to_mac.bytes,
                         .from = from_mac.bytes,
                         .type = Be16(v6 ? kEtherTypeV6 : kEtherTypeV4)},
          frame.bytes.data());
  uint8_t* ip_start = frame.bytes.data() + kEthernetHeaderSize;
  if (v6) {
    const Ipv6Layout ip{.from = from.address.bytes(), .to = to.address.bytes()};
    WriteAs(ip, ip_start);
    WriteAs(udp, ip_start + sizeof ip);
    frame.size = kFrameHeaderSizeV6;
    // The pseudo-header of RFC 8200 section 8.1 without its length, and the ports.
    frame.partial_sum = SumWords(BytesOf(ip.from)) + SumWords(BytesOf(ip.to)) + kProtocolUdp +
                        SumWords(BytesOf(udp));
  } else {
    const Ipv4Layout ip{.flags_and_offset = Be16(kDoNotFragment),
                        .from = from.address.v4_bytes(),
                        .to = to.address.v4_bytes()};
    WriteAs(ip, ip_start);
    WriteAs(udp, ip_start + sizeof ip);
    frame.size = kFrameHeaderSizeV4;
    frame.partial_sum = SumWords(BytesOf(ip));
  }
  return frame;
}

uint32_t DatagramSum(Bytes datagram) { return SumWords(datagram); }

void WriteFrameHeader(const FrameTemplate& frame, uint16_t datagram_size, uint32_t datagram_sum,
                      uint8_t* out) {
  const auto udp_size = static_cast<uint16_t>(sizeof(UdpLayout) + datagram_size);
  uint8_t* const ip = out + kEthernetHeaderSize;
  if (frame.is_v6()) {
    std::memcpy(out, frame.bytes.data(), kFrameHeaderSizeV6);
    // The length counts twice: in the pseudo-header and in the UDP header.
    const uint16_t checksum =
        FoldedComplement(uint64_t{frame.partial_sum} + 2u * udp_size + datagram_sum);
    WriteAs(Be16(udp_size), ip + offsetof(Ipv6Layout, payload_size));
    WriteAs(Be16(udp_size), ip + sizeof(Ipv6Layout) + offsetof(UdpLayout, size));
    // RFC 768: a sum that comes out as zero is sent as all ones, zero meaning none.
    WriteAs(Be16(checksum == 0 ? 0xffff : checksum),
            ip + sizeof(Ipv6Layout) + offsetof(UdpLayout, checksum));
  } else {
    std::memcpy(out, frame.bytes.data(), kFrameHeaderSizeV4);
    const auto total_size = static_cast<uint16_t>(sizeof(Ipv4Layout) + udp_size);
    WriteAs(Be16(total_size), ip + offsetof(Ipv4Layout, total_size));
    WriteAs(Be16(FoldedComplement(uint64_t{frame.partial_sum} + total_size)),
            ip + offsetof(Ipv4Layout, checksum));
    WriteAs(Be16(udp_size), ip + sizeof(Ipv4Layout) + offsetof(UdpLayout, size));
  }
}

FrameKind ParseFrame(Bytes frame, ParsedFrame* parsed) {
  if (frame.size() < kEthernetHeaderSize) return FrameKind::kTruncated;
  const auto ethernet = ReadAs<EthernetLayout>(frame.data());
  parsed->to_mac.bytes = ethernet.to;
  switch (ethernet.type.value()) {
    case kEtherTypeV4:
      return ParseIpv4(frame, parsed);
    case kEtherTypeV6:
      return ParseIpv6(frame, parsed);
    default:
      return FrameKind::kOther;
  }
}

}  // namespace warp::wire
