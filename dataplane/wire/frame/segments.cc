#include "dataplane/wire/frame/segments.h"

#include <cstring>

#include "dataplane/wire/frame/frame_layouts.h"

namespace warp::wire {

using namespace internal;

namespace {

// The offsets, in a whole frame, of fields that may differ between datagrams of a flow.
constexpr size_t kV4Varying = kEthernetHeaderSize + offsetof(Ipv4Layout, total_size);  // and the id
constexpr size_t kV4Flags = kEthernetHeaderSize + offsetof(Ipv4Layout, flags_and_offset);
constexpr size_t kV4Addresses = kEthernetHeaderSize + offsetof(Ipv4Layout, from);
constexpr size_t kV6Next = kEthernetHeaderSize + offsetof(Ipv6Layout, next_header);

template <size_t kFrom, size_t kTo>
bool Same(const uint8_t* a, const uint8_t* b) {
  return std::memcmp(a + kFrom, b + kFrom, kTo - kFrom) == 0;
}

// Returns the sum of the pseudo-header (RFC 768, RFC 8200 section 8.1), folded and not complemented.
uint16_t PseudoHeaderSum(Bytes addresses, size_t udp_size) {
  return static_cast<uint16_t>(
      ~FoldedComplement(uint64_t{DatagramSum(addresses)} + kProtocolUdp + udp_size));
}

}  // namespace

size_t JoinableHeaderSize(Bytes frame) {
  if (frame.size() < kFrameHeaderSizeV4) return 0;
  const uint8_t* const ip = frame.data() + kEthernetHeaderSize;
  switch (FieldAt<Be16>(frame.data(), offsetof(EthernetLayout, type))) {
    case kEtherTypeV4:
      return ip[offsetof(Ipv4Layout, version_and_words)] == 0x45 &&
                     ip[offsetof(Ipv4Layout, protocol)] == kProtocolUdp &&
                     (FieldAt<Be16>(ip, offsetof(Ipv4Layout, flags_and_offset)) &
                      kMoreFragmentsOrOffset) == 0
                 ? kFrameHeaderSizeV4
                 : 0;
    case kEtherTypeV6:
      return frame.size() >= kFrameHeaderSizeV6 && ip[0] >> 4 == 6 &&
                     ip[offsetof(Ipv6Layout, next_header)] == kProtocolUdp
                 ? kFrameHeaderSizeV6
                 : 0;
    default:
      return 0;
  }
}

bool SameFlow(const uint8_t* headers, const uint8_t* others, size_t header_size) {
  if (header_size == kFrameHeaderSizeV4) {
    return Same<0, kV4Varying>(headers, others) && Same<kV4Flags, kV4Checksum>(headers, others) &&
           Same<kV4Addresses, kV4UdpSize>(headers, others);
  }
  return Same<0, kV6PayloadSize>(headers, others) && Same<kV6Next, kV6UdpSize>(headers, others);
}

FrameFlow FlowOf(const uint8_t* headers, size_t header_size) {
  const uint8_t* const ip = headers + kEthernetHeaderSize;
  const uint8_t* const udp = headers + header_size - sizeof(UdpLayout);
  FrameFlow flow;
  if (header_size == kFrameHeaderSizeV4) {
    flow.from.address =
        IpAddress::V4(ReadAs<std::array<uint8_t, 4>>(ip + offsetof(Ipv4Layout, from)));
    flow.to.address = IpAddress::V4(ReadAs<std::array<uint8_t, 4>>(ip + offsetof(Ipv4Layout, to)));
    flow.traffic_class = ip[offsetof(Ipv4Layout, traffic_class)];
  } else {
    flow.from.address =
        IpAddress::V6(ReadAs<std::array<uint8_t, 16>>(ip + offsetof(Ipv6Layout, from)));
    flow.to.address = IpAddress::V6(ReadAs<std::array<uint8_t, 16>>(ip + offsetof(Ipv6Layout, to)));
    flow.traffic_class = static_cast<uint8_t>(FieldAt<Be32>(ip, 0) >> 20);
  }
  flow.from.port = FieldAt<Be16>(udp, offsetof(UdpLayout, from));
  flow.to.port = FieldAt<Be16>(udp, offsetof(UdpLayout, to));
  return flow;
}

void WriteSegmentHeaders(const uint8_t* headers, size_t header_size, size_t payload_size,
                         uint8_t* out) {
  std::memmove(out, headers, header_size);
  const size_t udp_size = sizeof(UdpLayout) + payload_size;
  uint8_t* const ip = out + kEthernetHeaderSize;
  uint8_t* const udp = out + header_size - sizeof(UdpLayout);
  Bytes addresses;
  if (header_size == kFrameHeaderSizeV4) {
    WriteAs(Be16(static_cast<uint16_t>(sizeof(Ipv4Layout) + udp_size)), out + kV4TotalSize);
    WriteAs(Be16(), out + kV4Checksum);
    WriteAs(Be16(FoldedComplement(DatagramSum({ip, sizeof(Ipv4Layout)}))), out + kV4Checksum);
    addresses = {ip + offsetof(Ipv4Layout, from), 8};
  } else {
    WriteAs(Be16(static_cast<uint16_t>(udp_size)), out + kV6PayloadSize);
    addresses = {ip + offsetof(Ipv6Layout, from), 32};
  }
  WriteAs(Be16(static_cast<uint16_t>(udp_size)), udp + offsetof(UdpLayout, size));
  WriteAs(Be16(PseudoHeaderSum(addresses, udp_size)), udp + offsetof(UdpLayout, checksum));
  static_assert(offsetof(UdpLayout, checksum) == kUdpChecksumOffset);
}

}  // namespace warp::wire
