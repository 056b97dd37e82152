// Ethernet, IPv4/IPv6 and UDP around a WARP datagram: templates for sending, one parse for receiving.
// RFC 894, RFC 791, RFC 8200, RFC 768. No VLAN tag, no IP options when sending.
#ifndef WARP_DATAPLANE_WIRE_FRAME_H_
#define WARP_DATAPLANE_WIRE_FRAME_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"

namespace warp::wire {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  std::string ToString() const;
  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};

inline constexpr size_t kEthernetHeaderSize = 14;
inline constexpr size_t kFrameHeaderSizeV4 = 14 + 20 + 8;
inline constexpr size_t kFrameHeaderSizeV6 = 14 + 40 + 8;
inline constexpr size_t kMaxFrameHeaderSize = kFrameHeaderSizeV6;

// The headers of one path, all but lengths and checksums filled in. Constant once made; any thread may read it.
struct FrameTemplate {
  alignas(16) std::array<uint8_t, 64> bytes{};
  uint8_t size = 0;  // kFrameHeaderSizeV4 or kFrameHeaderSizeV6
  uint32_t partial_sum =
      0;  // one's complement sum of the constant words of the IPv4 header, or of the IPv6 pseudo-header
          // and UDP ports
  bool is_v6() const { return size == kFrameHeaderSizeV6; }
};

// `from` and `to` are of one family. Do-not-fragment is set on IPv4; hop limit 64.
FrameTemplate MakeFrameTemplate(const MacAddress& from_mac, const MacAddress& to_mac,
                                const Endpoint& from, const Endpoint& to);

// The one's complement sum of a datagram, not folded to its complement: the part of the IPv6 UDP checksum that all paths
// share. `start_odd` is not supported: the datagram begins at an even offset.
uint32_t DatagramSum(Bytes datagram);

namespace internal {

// Where the fields stand that differ from datagram to datagram; frame.cc checks them against its layouts.
inline constexpr size_t kV4TotalSize = 16, kV4Checksum = 24, kV4UdpSize = 38;
inline constexpr size_t kV6PayloadSize = 18, kV6UdpSize = 58, kV6Checksum = 60;

inline uint16_t FoldedComplement(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace internal

// Writes frame.size bytes in front of a datagram of `datagram_size` bytes. `datagram_sum` is used for IPv6 alone; on IPv4
// the UDP checksum is 0 (RFC 768: none). Inline: once for each copy.
inline void WriteFrameHeader(const FrameTemplate& frame, uint16_t datagram_size,
                             uint32_t datagram_sum, uint8_t* out) {
  const auto udp_size = static_cast<uint16_t>(8 + datagram_size);
  if (frame.is_v6()) {
    std::memcpy(out, frame.bytes.data(), kFrameHeaderSizeV6);
    // The length counts twice: in the pseudo-header and in the UDP header.
    const uint16_t checksum =
        internal::FoldedComplement(uint64_t{frame.partial_sum} + 2u * udp_size + datagram_sum);
    WriteAs(Be16(udp_size), out + internal::kV6PayloadSize);
    WriteAs(Be16(udp_size), out + internal::kV6UdpSize);
    // RFC 768: a sum that comes out as zero is sent as all ones, zero meaning none.
    WriteAs(Be16(checksum == 0 ? 0xffff : checksum), out + internal::kV6Checksum);
  } else {
    std::memcpy(out, frame.bytes.data(), kFrameHeaderSizeV4);
    const auto total_size = static_cast<uint16_t>(20 + udp_size);
    WriteAs(Be16(total_size), out + internal::kV4TotalSize);
    WriteAs(Be16(internal::FoldedComplement(uint64_t{frame.partial_sum} + total_size)),
            out + internal::kV4Checksum);
    WriteAs(Be16(udp_size), out + internal::kV4UdpSize);
  }
}

enum class FrameKind : uint8_t {
  kUdp,        // UDP over IP, whole; `parsed` is filled
  kOther,      // not UDP, or not IP: the kernel's
  kTruncated,  // shorter than its headers say
  kFragment,   // an IP fragment
  kBadChecksum,
};

// A UDP datagram in a frame, where it stands: nothing is taken out before somebody asks. Valid while the frame's headers are.
struct UdpFrame {
  const uint8_t* ip = nullptr;  // the IP header
  bool v6 = false;
  uint16_t datagram_offset = 0;  // of the UDP payload in the frame
  uint16_t datagram_size = 0;

  Endpoint from() const { return {.address = Address(kFromV4, kFromV6), .port = Port(0)}; }
  Endpoint to() const { return {.address = Address(kToV4, kToV6), .port = Port(2)}; }
  // The same as from() == endpoint and to().address == address, to().port.
  bool IsFrom(const Endpoint& endpoint) const {
    return IsAddress(endpoint.address, kFromV4, kFromV6) && Port(0) == endpoint.port;
  }
  bool IsToAddress(const IpAddress& address) const { return IsAddress(address, kToV4, kToV6); }
  uint16_t to_port() const { return Port(2); }
  // The same as from() == other.from() within one family.
  bool HasSourceOf(const UdpFrame& other) const {
    return v6 == other.v6 && Port(0) == other.Port(0) &&
           (v6 ? std::memcmp(ip + kFromV6, other.ip + kFromV6, 16) == 0
               : std::memcmp(ip + kFromV4, other.ip + kFromV4, 4) == 0);
  }

 private:
  friend FrameKind LocateUdp(Bytes frame, UdpFrame* udp);
  // Where the addresses stand in the IP headers.
  static constexpr size_t kFromV4 = 12, kToV4 = 16, kFromV6 = 8, kToV6 = 24;

  IpAddress Address(size_t v4, size_t v6_offset) const;
  bool IsAddress(const IpAddress& address, size_t v4, size_t v6_offset) const {
    if (v6) return std::memcmp(address.bytes().data(), ip + v6_offset, 16) == 0;
    return std::memcmp(address.bytes().data() + 12, ip + v4, 4) == 0 && address.is_v4();
  }
  uint16_t Port(size_t offset) const { return ReadAs<Be16>(ip + udp_offset_ + offset).value(); }
  uint16_t udp_offset_ = 0;  // from the IP header
};
// Never reads outside `frame`. Received UDP checksums are not verified: every WARP message authenticates itself, and a
// kernel interface may hand over frames whose checksum was never filled in.
FrameKind LocateUdp(Bytes frame, UdpFrame* udp);

// The same, everything taken out.
struct ParsedFrame {
  MacAddress to_mac;
  Endpoint from;
  Endpoint to;
  uint16_t datagram_offset = 0;
  uint16_t datagram_size = 0;
};
FrameKind ParseFrame(Bytes frame, ParsedFrame* parsed);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_FRAME_H_
