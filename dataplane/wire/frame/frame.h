// Ethernet, IPv4 or IPv6, and UDP around a WARP datagram: templates for sending, one parse for receiving (RFC 894, RFC
// 791, RFC 8200, RFC 768). WARP sends no IP options; the tag of a VLAN is put on and taken off by a port.
#ifndef WARP_DATAPLANE_WIRE_FRAME_FRAME_H_
#define WARP_DATAPLANE_WIRE_FRAME_FRAME_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/mac_address.h"

namespace warp::wire {

inline constexpr size_t kEthernetHeaderSize = 14;
inline constexpr size_t kFrameHeaderSizeV4 = 14 + 20 + 8;
inline constexpr size_t kFrameHeaderSizeV6 = 14 + 40 + 8;
inline constexpr size_t kMaxFrameHeaderSize = kFrameHeaderSizeV6;

// The headers of one path, all but lengths and checksums filled in. Constant once made; any thread may read it.
struct FrameTemplate {
  alignas(16) std::array<uint8_t, 64> bytes{};
  uint8_t size = 0;  // kFrameHeaderSizeV4 or kFrameHeaderSizeV6
  // The frames carry a UDP checksum. Always true on IPv6.
  bool has_udp_checksum = false;
  // The one's complement sums of what is constant: in the IPv4 header, and in the pseudo-header and the UDP ports.
  uint32_t ip_sum = 0;
  uint32_t udp_sum = 0;
  bool is_v6() const { return size == kFrameHeaderSizeV6; }
};

// Whether IPv4 frames carry a UDP checksum. Without one a receiver's kernel does not join them (UDP GRO), and a
// translator to IPv6 may drop them (RFC 7915 section 4.5). It costs a sum of each datagram, and where both ends are
// programs of one machine, nobody asks for it.
enum class UdpChecksum : bool { kNoneOnV4, kAlways };

// `from` and `to` are of one family. Do-not-fragment is set on IPv4; hop limit 64.
FrameTemplate MakeFrameTemplate(const MacAddress& from_mac, const MacAddress& to_mac,
                                const Endpoint& from, const Endpoint& to,
                                UdpChecksum checksum = UdpChecksum::kNoneOnV4);

// The one's complement sum of a datagram, not yet complemented: the part of the UDP checksum that all paths share. The
// datagram begins at an even offset of what is summed.
uint32_t DatagramSum(Bytes datagram);

namespace internal {

// The offsets of fields that differ from datagram to datagram; frame.cc checks them against its layouts.
inline constexpr size_t kV4TotalSize = 16, kV4Checksum = 24, kV4UdpSize = 38, kV4UdpChecksum = 40;
inline constexpr size_t kEtherType = 12, kV4FlagsAndOffset = 20;
inline constexpr size_t kV4TrafficClass = 15, kV6VersionAndClass = 14;
inline constexpr size_t kV6PayloadSize = 18, kV6UdpSize = 58, kV6Checksum = 60;

inline uint16_t FoldedComplement(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// The length counts twice: in the pseudo-header and in the UDP header. RFC 768: a sum that comes out as zero is sent as
// all ones, zero meaning none.
inline Be16 UdpChecksumOf(const FrameTemplate& frame, uint16_t udp_size, uint32_t datagram_sum) {
  const uint16_t checksum =
      FoldedComplement(uint64_t{frame.udp_sum} + 2u * udp_size + datagram_sum);
  return Be16(checksum == 0 ? 0xffff : checksum);
}

}  // namespace internal

// Writes frame.size bytes in front of a datagram of `datagram_size` bytes. `datagram_sum` is used where the frame has a
// UDP checksum. `traffic_class` is that of the IP header: DSCP and ECN. Inline, because it runs once for each copy.
inline void WriteFrameHeader(const FrameTemplate& frame, uint16_t datagram_size,
                             uint32_t datagram_sum, uint8_t* out, uint8_t traffic_class = 0) {
  const auto udp_size = static_cast<uint16_t>(8 + datagram_size);
  if (frame.is_v6()) {
    std::memcpy(out, frame.bytes.data(), kFrameHeaderSizeV6);
    if (traffic_class != 0) [[unlikely]]
      WriteAs(Be16(static_cast<uint16_t>(6u << 12 | uint32_t{traffic_class} << 4)),
              out + internal::kV6VersionAndClass);
    WriteAs(Be16(udp_size), out + internal::kV6PayloadSize);
    WriteAs(Be16(udp_size), out + internal::kV6UdpSize);
    WriteAs(internal::UdpChecksumOf(frame, udp_size, datagram_sum), out + internal::kV6Checksum);
  } else {
    std::memcpy(out, frame.bytes.data(), kFrameHeaderSizeV4);
    const auto total_size = static_cast<uint16_t>(20 + udp_size);
    if (traffic_class != 0) [[unlikely]]
      out[internal::kV4TrafficClass] = traffic_class;
    WriteAs(Be16(total_size), out + internal::kV4TotalSize);
    WriteAs(Be16(internal::FoldedComplement(uint64_t{frame.ip_sum} + total_size + traffic_class)),
            out + internal::kV4Checksum);
    WriteAs(Be16(udp_size), out + internal::kV4UdpSize);
    if (frame.has_udp_checksum) {
      WriteAs(internal::UdpChecksumOf(frame, udp_size, datagram_sum),
              out + internal::kV4UdpChecksum);
    }
  }
}

enum class FrameKind : uint8_t {
  kUdp,        // UDP over IP, whole; `parsed` is filled
  kOther,      // not UDP, or not IP; it is for the kernel
  kTruncated,  // shorter than its headers say
  kFragment,   // an IP fragment
  kBadChecksum,
};

// A UDP datagram in a frame. Nothing is copied out of the headers before somebody asks, so it is valid as long as they
// are.
struct UdpFrame {
  const uint8_t* ip = nullptr;  // the IP header
  bool v6 = false;
  uint16_t datagram_offset = 0;  // of the UDP payload in the frame
  uint16_t datagram_size = 0;

  Endpoint from() const { return {.address = Address(kFromV4, kFromV6), .port = Port(0)}; }
  Endpoint to() const { return {.address = Address(kToV4, kToV6), .port = Port(2)}; }
  // The source of the Ethernet header, which stands right before the IP header.
  MacAddress from_mac() const {
    return {ReadAs<std::array<uint8_t, 6>>(ip - kEthernetHeaderSize + 6)};
  }
  // Returns the same as from() == endpoint and to().address == address, to().port.
  bool IsFrom(const Endpoint& endpoint) const {
    return IsAddress(endpoint.address, kFromV4, kFromV6) && Port(0) == endpoint.port;
  }
  bool IsToAddress(const IpAddress& address) const { return IsAddress(address, kToV4, kToV6); }
  uint16_t to_port() const { return Port(2); }
  // Returns whether both frames go from the same endpoint to the same endpoint.
  bool HasFlowOf(const UdpFrame& other) const {
    if (v6 != other.v6 || Ports() != other.Ports()) return false;
    return v6 ? std::memcmp(ip + kFromV6, other.ip + kFromV6, 32) == 0
              : std::memcmp(ip + kFromV4, other.ip + kFromV4, 8) == 0;
  }

 private:
  friend bool LocatePlainUdp(Bytes frame, UdpFrame* udp);
  friend FrameKind LocateAnyUdp(Bytes frame, UdpFrame* udp);
  // The places of the addresses in the IP headers.
  static constexpr size_t kFromV4 = 12, kToV4 = 16, kFromV6 = 8, kToV6 = 24;

  IpAddress Address(size_t v4, size_t v6_offset) const {
    if (v6) return IpAddress::V6(ReadAs<std::array<uint8_t, 16>>(ip + v6_offset));
    return IpAddress::V4(ReadAs<std::array<uint8_t, 4>>(ip + v4));
  }
  bool IsAddress(const IpAddress& address, size_t v4, size_t v6_offset) const {
    if (v6) return std::memcmp(address.bytes().data(), ip + v6_offset, 16) == 0;
    return std::memcmp(address.bytes().data() + 12, ip + v4, 4) == 0 && address.is_v4();
  }
  uint16_t Port(size_t offset) const { return ReadAs<Be16>(ip + udp_offset_ + offset).value(); }
  uint32_t Ports() const { return ReadAs<Le32>(ip + udp_offset_).value(); }  // both, to compare
  uint16_t udp_offset_ = 0;                                                  // from the IP header
};

namespace internal {

// RFC 1071: the sum of all words is 0 in one's complement arithmetic, which is a multiple of 0xffff. Words of any width
// may therefore be added, and a carry is worth 1. The header has 20 bytes and is not all zero.
inline bool IpHeaderSumIsRight(const uint8_t* ip) {
  uint64_t sum = ReadAs<Le64>(ip).value();
  for (const uint64_t word :
       {ReadAs<Le64>(ip + 8).value(), uint64_t{ReadAs<Le32>(ip + 16).value()}}) {
    sum += word;
    sum += sum < word ? 1 : 0;
  }
  return sum % 0xffff == 0;
}

}  // namespace internal

// True for UDP over IPv4 without options that is no fragment and has nothing wrong, which is nearly every frame. It
// takes a few wide loads, each of a field where it stands: a header that is copied as a whole and then taken to pieces
// would cost a stall for each piece. False for everything else; LocateAnyUdp says what it is.
inline bool LocatePlainUdp(Bytes frame, UdpFrame* udp) {
  if (frame.size() < kFrameHeaderSizeV4) return false;
  const uint8_t* const bytes = frame.data();
  const uint8_t* const ip = bytes + kEthernetHeaderSize;
  const uint32_t type_version_class = ReadAs<Be32>(bytes + internal::kEtherType).value();
  const uint32_t fragment_hops_protocol = ReadAs<Be32>(bytes + internal::kV4FlagsAndOffset).value();
  const size_t ip_size = ReadAs<Be16>(bytes + internal::kV4TotalSize).value();
  const size_t udp_size = ReadAs<Be16>(bytes + internal::kV4UdpSize).value();
  if (type_version_class >> 8 != 0x080045 || (fragment_hops_protocol & 0x3fff00ff) != 17 ||
      ip_size > frame.size() - kEthernetHeaderSize || udp_size < 8 || udp_size + 20 > ip_size ||
      !internal::IpHeaderSumIsRight(ip)) {
    return false;
  }
  udp->ip = ip;
  udp->v6 = false;
  udp->udp_offset_ = 20;
  udp->datagram_offset = kFrameHeaderSizeV4;
  udp->datagram_size = static_cast<uint16_t>(udp_size - 8);
  return true;
}
// Finds UDP in any frame, or says what the frame is instead.
FrameKind LocateAnyUdp(Bytes frame, UdpFrame* udp);

// Never reads outside `frame`. Received UDP checksums are not verified: every WARP message authenticates itself, and a
// kernel interface may hand over frames whose checksum was never filled in.
inline FrameKind LocateUdp(Bytes frame, UdpFrame* udp) {
  return LocatePlainUdp(frame, udp) ? FrameKind::kUdp : LocateAnyUdp(frame, udp);
}

// The same facts as in UdpFrame, but copied out.
struct ParsedFrame {
  MacAddress to_mac;
  Endpoint from;
  Endpoint to;
  uint16_t datagram_offset = 0;
  uint16_t datagram_size = 0;
};
FrameKind ParseFrame(Bytes frame, ParsedFrame* parsed);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_FRAME_FRAME_H_
