// The layouts of Ethernet, IPv4, IPv6 and UDP headers in memory (RFC 894, RFC 791, RFC 8200, RFC 768), for frame.cc and
// segments.cc, which build and read them.
#ifndef WARP_DATAPLANE_WIRE_FRAME_FRAME_LAYOUTS_H_
#define WARP_DATAPLANE_WIRE_FRAME_FRAME_LAYOUTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::wire::internal {

inline constexpr uint16_t kEtherTypeV4 = 0x0800;
inline constexpr uint16_t kEtherTypeV6 = 0x86dd;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kExtensionFragment = 44;  // RFC 8200 section 4.5
inline constexpr uint8_t kHopLimit = 64;
inline constexpr uint16_t kDoNotFragment = 0x4000;
inline constexpr uint16_t kMoreFragmentsOrOffset = 0x3fff;

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

template <typename Field>
auto FieldAt(const uint8_t* layout, size_t offset) {
  return ReadAs<Field>(layout + offset).value();
}

}  // namespace warp::wire::internal

#endif  // WARP_DATAPLANE_WIRE_FRAME_FRAME_LAYOUTS_H_
