#include "dataplane/wire/frame/frame.h"

#include <algorithm>
#include <cstring>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/frame/frame_layouts.h"

namespace warp::wire {

using namespace internal;

namespace {

// ThreadSanitizer instruments what the compiler adds for the loader's choice below, which then crashes because the
// loader calls it before the sanitizer has begun.
#if defined(__SANITIZE_THREAD__)
#define WARP_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WARP_THREAD_SANITIZER 1
#endif
#endif

// The processor's widest vectors sum a datagram in a third of the time that its words take. One binary runs everywhere:
// the loader picks the version. Only glibc's can.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(WARP_THREAD_SANITIZER)
#define WARP_FOR_EACH_VECTOR_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WARP_FOR_EACH_VECTOR_WIDTH
#endif

// RFC 1071 section 2(B): the sum does not depend on byte order, so it is taken in the machine's own and swapped at the
// end.
WARP_FOR_EACH_VECTOR_WIDTH uint32_t SumWords(const uint8_t* bytes, size_t size) {
  // Two 16-bit words are added to a lane at a time, so that none overflows below two megabytes.
  using Lanes = uint32_t __attribute__((vector_size(64)));
  Lanes lanes{};
  size_t i = 0;
  for (; i + sizeof(lanes) <= size; i += sizeof(lanes)) {
    Lanes words;
    std::memcpy(&words, bytes + i, sizeof(words));
    lanes += (words & 0xffff) + (words >> 16);
  }
  uint64_t sum = 0;
  for (size_t lane = 0; lane < sizeof(lanes) / sizeof(uint32_t); ++lane) sum += lanes[lane];
  for (; i + sizeof(uint32_t) <= size; i += sizeof(uint32_t)) {
    uint32_t word;
    std::memcpy(&word, bytes + i, sizeof(word));
    sum += word;
  }
  for (; i < size; i += 2) {
    uint16_t word = 0;  // a last odd byte is followed by zero
    std::memcpy(&word, bytes + i, std::min(sizeof(word), size - i));
    sum += word;
  }
  // 2^16 is 1 in one's complement arithmetic, so the upper half may be added to the lower.
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const auto folded = static_cast<uint16_t>(sum);
  return ReadAs<Be16>(reinterpret_cast<const uint8_t*>(&folded)).value();
}

uint32_t SumWords(Bytes bytes) { return SumWords(bytes.data(), bytes.size()); }

template <typename Layout>
Bytes BytesOf(const Layout& layout) {
  return {reinterpret_cast<const uint8_t*>(&layout), sizeof(layout)};
}

}  // namespace

FrameTemplate MakeFrameTemplate(const MacAddress& from_mac, const MacAddress& to_mac,
                                const Endpoint& from, const Endpoint& to, UdpChecksum checksum) {
  const bool v6 = !to.address.is_v4();
  const UdpLayout udp{.from = Be16(from.port), .to = Be16(to.port)};
  FrameTemplate frame;
  frame.has_udp_checksum = v6 || checksum == UdpChecksum::kAlways;
  WriteAs(EthernetLayout{.to = to_mac.bytes,
                         .from = from_mac.bytes,
                         .type = Be16(v6 ? kEtherTypeV6 : kEtherTypeV4)},
          frame.bytes.data());
  uint8_t* ip_start = frame.bytes.data() + kEthernetHeaderSize;
  if (v6) {
    const Ipv6Layout ip{.from = from.address.bytes(), .to = to.address.bytes()};
    WriteAs(ip, ip_start);
    WriteAs(udp, ip_start + sizeof(ip));
    frame.size = kFrameHeaderSizeV6;
    // The pseudo-header of RFC 8200 section 8.1 without its length, and the ports.
    frame.udp_sum = SumWords(BytesOf(ip.from)) + SumWords(BytesOf(ip.to)) + kProtocolUdp +
                    SumWords(BytesOf(udp));
  } else {
    const Ipv4Layout ip{.flags_and_offset = Be16(kDoNotFragment),
                        .from = from.address.v4_bytes(),
                        .to = to.address.v4_bytes()};
    WriteAs(ip, ip_start);
    WriteAs(udp, ip_start + sizeof(ip));
    frame.size = kFrameHeaderSizeV4;
    frame.ip_sum = SumWords(BytesOf(ip));
    // That of RFC 768 is alike.
    frame.udp_sum = SumWords(BytesOf(ip.from)) + SumWords(BytesOf(ip.to)) + kProtocolUdp +
                    SumWords(BytesOf(udp));
  }
  return frame;
}

uint32_t DatagramSum(Bytes datagram) { return SumWords(datagram); }

// The fields that WriteFrameHeader fills in and LocatePlainUdp reads.
static_assert(kEtherType == offsetof(EthernetLayout, type));
static_assert(kV4FlagsAndOffset == kEthernetHeaderSize + offsetof(Ipv4Layout, flags_and_offset));
static_assert(kV4TrafficClass == kEthernetHeaderSize + offsetof(Ipv4Layout, traffic_class));
static_assert(kV6VersionAndClass == kEthernetHeaderSize + offsetof(Ipv6Layout, version_class_flow));
static_assert(kV4TotalSize == kEthernetHeaderSize + offsetof(Ipv4Layout, total_size));
static_assert(kV4Checksum == kEthernetHeaderSize + offsetof(Ipv4Layout, checksum));
static_assert(kV4UdpSize == kEthernetHeaderSize + sizeof(Ipv4Layout) + offsetof(UdpLayout, size));
static_assert(kV4UdpChecksum ==
              kV4UdpSize + offsetof(UdpLayout, checksum) - offsetof(UdpLayout, size));
static_assert(kV6PayloadSize == kEthernetHeaderSize + offsetof(Ipv6Layout, payload_size));
static_assert(kV6UdpSize == kEthernetHeaderSize + sizeof(Ipv6Layout) + offsetof(UdpLayout, size));
static_assert(kV6Checksum ==
              kV6UdpSize + offsetof(UdpLayout, checksum) - offsetof(UdpLayout, size));

FrameKind LocateAnyUdp(Bytes frame, UdpFrame* udp) {
  if (frame.size() < kEthernetHeaderSize) return FrameKind::kTruncated;
  const size_t room = frame.size() - kEthernetHeaderSize;
  const uint8_t* const ip = frame.data() + kEthernetHeaderSize;
  size_t header_size = 0, udp_room = 0;
  switch (FieldAt<Be16>(frame.data(), offsetof(EthernetLayout, type))) {
    case kEtherTypeV4: {
      if (room < sizeof(Ipv4Layout)) return FrameKind::kTruncated;
      const uint8_t version_and_words = ip[offsetof(Ipv4Layout, version_and_words)];
      const size_t total_size = FieldAt<Be16>(ip, offsetof(Ipv4Layout, total_size));
      header_size = size_t{version_and_words & 0x0fu} * 4;
      if (version_and_words >> 4 != 4) return FrameKind::kOther;
      // Bytes behind the total size are the padding of a short Ethernet frame.
      if (header_size < sizeof(Ipv4Layout) || total_size < header_size || total_size > room) {
        return FrameKind::kTruncated;
      }
      if (SumWords({ip, header_size}) != 0xffff) return FrameKind::kBadChecksum;
      if (ip[offsetof(Ipv4Layout, protocol)] != kProtocolUdp) return FrameKind::kOther;
      if ((FieldAt<Be16>(ip, offsetof(Ipv4Layout, flags_and_offset)) & kMoreFragmentsOrOffset) !=
          0) {
        return FrameKind::kFragment;
      }
      udp_room = total_size - header_size;
      udp->v6 = false;
      break;
    }
    case kEtherTypeV6: {
      if (room < sizeof(Ipv6Layout)) return FrameKind::kTruncated;
      header_size = sizeof(Ipv6Layout);
      udp_room = FieldAt<Be16>(ip, offsetof(Ipv6Layout, payload_size));
      if (ip[0] >> 4 != 6) return FrameKind::kOther;
      if (udp_room > room - header_size) return FrameKind::kTruncated;
      const uint8_t next_header = ip[offsetof(Ipv6Layout, next_header)];
      if (next_header == kExtensionFragment) return FrameKind::kFragment;
      // WARP sends no other extension headers, so that a frame with one is for the kernel.
      if (next_header != kProtocolUdp) return FrameKind::kOther;
      udp->v6 = true;
      break;
    }
    default:
      return FrameKind::kOther;
  }
  if (udp_room < sizeof(UdpLayout)) return FrameKind::kTruncated;
  // The datagram may end before the IP packet does, never after.
  const size_t udp_size = FieldAt<Be16>(ip + header_size, offsetof(UdpLayout, size));
  if (udp_size < sizeof(UdpLayout) || udp_size > udp_room) return FrameKind::kTruncated;
  udp->ip = ip;
  udp->udp_offset_ = static_cast<uint16_t>(header_size);
  udp->datagram_offset =
      static_cast<uint16_t>(kEthernetHeaderSize + header_size + sizeof(UdpLayout));
  udp->datagram_size = static_cast<uint16_t>(udp_size - sizeof(UdpLayout));
  return FrameKind::kUdp;
}

FrameKind ParseFrame(Bytes frame, ParsedFrame* parsed) {
  UdpFrame udp;
  const FrameKind kind = LocateUdp(frame, &udp);
  if (kind != FrameKind::kUdp) return kind;
  parsed->to_mac.bytes = ReadAs<EthernetLayout>(frame.data()).to;
  parsed->from = udp.from();
  parsed->to = udp.to();
  parsed->datagram_offset = udp.datagram_offset;
  parsed->datagram_size = udp.datagram_size;
  return kind;
}

}  // namespace warp::wire
