#include "control/gate/tun/packet/inner_packet.h"

#include <algorithm>
#include <array>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {
namespace {

using wire::Be16;
using wire::Bytes;

constexpr uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd, kTypeVlan = 0x8100,
                   kTypeServiceVlan = 0x88a8;
constexpr size_t kMostTags = 2;
// RFC 8200 section 4. No sender needs more, and each costs time.
constexpr size_t kMostExtensions = 16;
constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                  kDestinationOptions = 60;
constexpr uint16_t kMoreFragmentsOrOffset = 0x3fff;

uint16_t Read16(Bytes packet, size_t at) { return wire::ReadAs<Be16>(&packet[at]).value(); }

wire::IpAddress AddressAt(Bytes packet, const InnerPacket& inner, size_t which) {
  if (inner.version == 4) {
    std::array<uint8_t, 4> bytes;
    std::copy_n(&packet[inner.ip + kIpv4Addresses + 4 * which], bytes.size(), bytes.begin());
    return wire::IpAddress::V4(bytes);
  }
  std::array<uint8_t, 16> bytes;
  std::copy_n(&packet[inner.ip + kIpv6Addresses + 16 * which], bytes.size(), bytes.begin());
  return wire::IpAddress::V6(bytes);
}

bool ReadIpv4(Bytes packet, InnerPacket* inner) {
  const size_t room = packet.size() - inner->ip;
  if (room < kIpv4Header) return false;
  const uint8_t first = packet[inner->ip];
  const size_t header = size_t{first & 0x0fu} * 4;
  const size_t total = Read16(packet, inner->ip + kIpv4TotalLength);
  if (first >> 4 != 4 || header < kIpv4Header || total < header || total > room) return false;
  inner->version = 4;
  inner->protocol = packet[inner->ip + size_t{9}];
  inner->fragment = (Read16(packet, inner->ip + kIpv4Fragment) & kMoreFragmentsOrOffset) != 0;
  inner->transport = static_cast<uint16_t>(inner->ip + header);
  inner->end = static_cast<uint32_t>(inner->ip + total);
  inner->plain = header == kIpv4Header && !inner->fragment;
  return true;
}

bool ReadIpv6(Bytes packet, InnerPacket* inner) {
  const size_t room = packet.size() - inner->ip;
  if (room < kIpv6Header || packet[inner->ip] >> 4 != 6) return false;
  const size_t payload = Read16(packet, inner->ip + kIpv6PayloadLength);
  const size_t end = inner->ip + kIpv6Header + payload;
  if (end > packet.size()) return false;
  size_t at = inner->ip + kIpv6Header;
  uint8_t protocol = packet[inner->ip + size_t{6}];
  size_t extensions = 0;
  for (; extensions < kMostExtensions && !inner->fragment; ++extensions) {
    const bool known = protocol == kHopByHop || protocol == kRouting || protocol == kFragment ||
                       protocol == kAuthentication || protocol == kDestinationOptions;
    if (!known) break;
    if (end - at < 8) return false;
    const size_t words = packet[at + 1];
    size_t size = (words + 1) * 8;
    if (protocol == kFragment) {
      size = 8;
      // A fragment that is the whole packet (RFC 6946) has neither an offset nor more to come.
      inner->fragment = (Read16(packet, at + 2) & 0xfff9) != 0;
    } else if (protocol == kAuthentication) {
      size = (words + 2) * 4;
    }
    if (size > end - at) return false;
    protocol = packet[at];
    at += size;
  }
  inner->version = 6;
  // Those of IPv4 in the form of IPv6 are in no packet (RFC 6890 section 2.2.3), and would be taken for IPv4's.
  if (AddressAt(packet, *inner, 0).is_v4() || AddressAt(packet, *inner, 1).is_v4()) return false;
  inner->protocol = protocol;
  inner->transport = static_cast<uint16_t>(at);
  inner->end = static_cast<uint32_t>(end);
  inner->plain = extensions == 0;
  return true;
}

std::optional<InnerPacket> ReadFrame(Bytes frame) {
  if (frame.size() < kInnerEthernetHeader) return std::nullopt;
  InnerPacket inner{.ip = kInnerEthernetHeader, .end = static_cast<uint32_t>(frame.size())};
  uint16_t type = Read16(frame, kInnerEthernetHeader - 2);
  for (size_t tags = 0; type == kTypeVlan || type == kTypeServiceVlan; ++tags) {
    if (tags == kMostTags || frame.size() < inner.ip + kVlanTag) return inner;
    inner.ip += kVlanTag;
    type = Read16(frame, inner.ip - size_t{2});
  }
  const InnerPacket other = inner;
  const bool is_ip = (type == kTypeIpv4 && ReadIpv4(frame, &inner)) ||
                     (type == kTypeIpv6 && ReadIpv6(frame, &inner));
  if (!is_ip) return other;
  inner.plain = inner.plain && inner.ip == kInnerEthernetHeader;
  return inner;
}

std::optional<InnerPacket> ReadIp(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  InnerPacket inner;
  const bool is_ip = packet[0] >> 4 == 4 ? ReadIpv4(packet, &inner) : ReadIpv6(packet, &inner);
  return is_ip ? std::optional(inner) : std::nullopt;
}

}  // namespace

std::optional<InnerPacket> ReadInnerPacket(Bytes packet, Layer layer) {
  if (packet.size() > kMaxInnerPacket) return std::nullopt;
  std::optional<InnerPacket> inner = layer == Layer::kIp ? ReadIp(packet) : ReadFrame(packet);
  if (inner.has_value() && inner->end != packet.size()) inner->plain = false;
  return inner;
}

PortPair PortsOf(Bytes packet, const InnerPacket& inner) {
  return {.source = Read16(packet, inner.transport),
          .destination = Read16(packet, inner.transport + size_t{2})};
}

wire::IpAddress SourceOf(Bytes packet, const InnerPacket& inner) {
  return AddressAt(packet, inner, 0);
}
wire::IpAddress DestinationOf(Bytes packet, const InnerPacket& inner) {
  return AddressAt(packet, inner, 1);
}

uint8_t DscpOf(Bytes packet, const InnerPacket& inner) {
  const uint16_t first = Read16(packet, inner.ip);
  return static_cast<uint8_t>((inner.version == 4 ? first : first >> 4) >> 2 & 0x3f);
}

uint64_t FlowOf(Bytes packet, const InnerPacket& inner) {
  if (inner.version == 0 || !inner.has_ports()) return 0;
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  const auto read = [packet](size_t at) { return wire::ReadAs<wire::Be32>(&packet[at]).value(); };
  uint64_t flow = read(inner.transport) * uint64_t{256} + inner.protocol;
  for (size_t i = 0; i < inner.addresses_size(); i += 4) {
    flow = (flow ^ read(inner.addresses() + i)) * kOdd;
    flow ^= flow >> 29;
  }
  return flow == 0 ? 1 : flow;
}

size_t TcpHeaderSize(Bytes packet, const InnerPacket& inner) {
  if (!inner.is_tcp() || inner.transport + kTcpHeader > inner.end) return 0;
  const size_t size = static_cast<size_t>(packet[inner.transport + size_t{12}] >> 4) * 4;
  return size < kTcpHeader || inner.transport + size > inner.end ? 0 : size;
}

uint64_t PseudoSum(Bytes packet, const InnerPacket& inner, size_t length) {
  const Bytes addresses = packet.subspan(inner.addresses(), inner.addresses_size());
  return uint64_t{wire::DatagramSum(addresses)} + inner.protocol + length;
}

uint16_t FoldSum(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

void WriteIpLength(uint8_t* packet, const InnerPacket& inner, size_t end) {
  uint8_t* const ip = packet + inner.ip;
  const size_t length = end - inner.ip;
  if (inner.version == 6) {
    wire::WriteAs(Be16(static_cast<uint16_t>(length - kIpv6Header)), ip + kIpv6PayloadLength);
    return;
  }
  wire::WriteAs(Be16(static_cast<uint16_t>(length)), ip + kIpv4TotalLength);
  wire::WriteAs(Be16(0), ip + kIpv4Checksum);
  const size_t header = size_t{ip[0] & 0x0fu} * 4;
  const uint16_t sum = FoldSum(wire::DatagramSum({ip, header}));
  wire::WriteAs(Be16(static_cast<uint16_t>(~sum)), ip + kIpv4Checksum);
}

}  // namespace warp::control
