// IP packets for the tests of TUN and TAP gates, and a second, plain implementation of their checksums.
#ifndef WARP_TESTS_CONTROL_GATE_TUN_PACKET_PACKETS_H_
#define WARP_TESTS_CONTROL_GATE_TUN_PACKET_PACKETS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "control/gate/tun/packet/inner_packet.h"
#include "control/gate/tun/packet/offload_header.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

using PacketBytes = std::vector<uint8_t>;

inline constexpr uint8_t kFinFlag = 1, kSynFlag = 2, kRstFlag = 4, kPshFlag = 8, kAckFlag = 16,
                         kEceFlag = 64, kCwrFlag = 128;

struct PacketSpec {
  bool v6 = false;
  bool ethernet = false;
  size_t vlan_tags = 0;
  uint8_t protocol = kProtocolTcp;
  uint8_t host = 1;  // the last byte of the source address; the destination ends with 2
  uint16_t port = 1000;
  uint32_t sequence = 7, acknowledged = 9;
  uint8_t flags = kAckFlag;
  uint16_t window = 500;
  uint16_t id = 40;
  uint16_t fragment = 0x4000;  // DF
  uint8_t traffic_class = 0, hops = 64;
  PacketBytes options;     // of TCP; a multiple of four
  PacketBytes extensions;  // of IPv6, which begin with the protocol number of the first one
  size_t data = 100;
  uint8_t first = 1;  // the first byte of the data, which ascends
};

// RFC 1071, a byte at a time.
inline uint16_t PlainChecksum(const PacketBytes& bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += bytes[i] * (i % 2 == 0 ? 256u : 1u);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(~sum);
}

inline void Put16(PacketBytes& out, size_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}
inline void Put32(PacketBytes& out, uint32_t value) {
  Put16(out, value >> 16);
  Put16(out, value & 0xffff);
}
inline void Set16(PacketBytes& out, size_t at, size_t value) {
  out[at] = static_cast<uint8_t>(value >> 8);
  out[at + 1] = static_cast<uint8_t>(value);
}
inline size_t Get16(wire::Bytes bytes, size_t at) { return bytes[at] * 256u + bytes[at + 1]; }
inline uint32_t Get32(wire::Bytes bytes, size_t at) {
  return static_cast<uint32_t>(Get16(bytes, at) << 16 | Get16(bytes, at + 2));
}

// The checksum over pseudo-header, header and data. `packet` has no routing header.
inline uint16_t PlainTransportChecksum(wire::Bytes packet, const InnerPacket& inner) {
  PacketBytes all;
  const size_t at = inner.ip + (inner.version == 4 ? 12u : 8u);
  const size_t size = inner.version == 4 ? 8 : 32;
  all.insert(all.end(), packet.begin() + static_cast<ptrdiff_t>(at),
             packet.begin() + static_cast<ptrdiff_t>(at + size));
  Put16(all, inner.protocol);
  Put16(all, inner.end - inner.transport);
  all.insert(all.end(), packet.begin() + inner.transport, packet.begin() + inner.end);
  return PlainChecksum(all);
}

inline bool ChecksumsAreRight(wire::Bytes packet, Layer layer) {
  const auto inner = ReadInnerPacket(packet, layer);
  if (!inner.has_value() || inner->version == 0) return false;
  if (inner->version == 4) {
    const PacketBytes header(packet.begin() + inner->ip, packet.begin() + inner->transport);
    if (PlainChecksum(header) != 0) return false;
  }
  return PlainTransportChecksum(packet, *inner) == 0;
}

// With right lengths and checksums.
inline PacketBytes MakePacket(const PacketSpec& spec) {
  PacketBytes out;
  if (spec.ethernet) {
    out = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, spec.host};
    for (size_t i = 0; i < spec.vlan_tags; ++i) Put32(out, 0x81000005);
    Put16(out, spec.v6 ? 0x86dd : 0x0800);
  }
  const bool tcp = spec.protocol == kProtocolTcp, udp = spec.protocol == kProtocolUdp;
  const size_t header = tcp ? 20 + spec.options.size() : udp ? 8 : 0;
  const size_t ip = out.size();
  if (spec.v6) {
    Put32(out, 0x60000000u | uint32_t{spec.traffic_class} << 20 | 0x12345);
    const bool extended = !spec.extensions.empty();
    const size_t more = extended ? spec.extensions.size() - 1 : 0;
    Put16(out, more + header + spec.data);
    out.push_back(extended ? spec.extensions[0] : spec.protocol);
    out.push_back(spec.hops);
    for (const uint8_t last : {spec.host, uint8_t{2}}) {
      out.push_back(0xfd);
      out.insert(out.end(), 14, 0);
      out.push_back(last);
    }
    if (extended) out.insert(out.end(), spec.extensions.begin() + 1, spec.extensions.end());
  } else {
    out.insert(out.end(), {0x45, spec.traffic_class});
    Put16(out, 20 + header + spec.data);
    Put16(out, spec.id);
    Put16(out, spec.fragment);
    out.insert(out.end(), {spec.hops, spec.protocol, 0, 0, 10, 9, 0, spec.host, 10, 9, 0, 2});
    const PacketBytes all(out.begin() + static_cast<ptrdiff_t>(ip), out.end());
    Set16(out, ip + 10, PlainChecksum(all));
  }
  const size_t transport = out.size();
  if (tcp || udp) {
    Put16(out, spec.port);
    Put16(out, 80);
  }
  if (tcp) {
    Put32(out, spec.sequence);
    Put32(out, spec.acknowledged);
    out.push_back(static_cast<uint8_t>(header / 4 << 4));
    out.push_back(spec.flags);
    Put16(out, spec.window);
    Put32(out, 0);
    out.insert(out.end(), spec.options.begin(), spec.options.end());
  } else if (udp) {
    Put16(out, 8 + spec.data);
    Put16(out, 0);
  }
  for (size_t i = 0; i < spec.data; ++i) out.push_back(static_cast<uint8_t>(spec.first + i));
  if (tcp || udp) {
    const auto inner = ReadInnerPacket(out, spec.ethernet ? Layer::kEthernet : Layer::kIp);
    const uint16_t sum = PlainTransportChecksum(out, *inner);
    Set16(out, transport + (tcp ? 16 : 6), udp && sum == 0 ? 0xffff : sum);
  }
  return out;
}

// What the kernel would say of this packet as a super-packet, whose checksum it begins.
inline OffloadHeader MakeSuper(PacketBytes& packet, Layer layer, uint8_t gso, size_t segment) {
  const InnerPacket inner = *ReadInnerPacket(packet, layer);
  const bool tcp = inner.protocol == kProtocolTcp;
  const size_t field = tcp ? 16 : 6;
  Set16(packet, inner.transport + field, 0);
  // The sum of the pseudo-header alone.
  PacketBytes pseudo;
  const size_t at = inner.ip + (inner.version == 4 ? 12u : 8u);
  const size_t size = inner.version == 4 ? 8 : 32;
  pseudo.insert(pseudo.end(), packet.begin() + static_cast<ptrdiff_t>(at),
                packet.begin() + static_cast<ptrdiff_t>(at + size));
  Put16(pseudo, inner.protocol);
  Put16(pseudo, inner.end - inner.transport);
  Set16(packet, inner.transport + field, static_cast<uint16_t>(~PlainChecksum(pseudo)));
  OffloadHeader offload;
  offload.flags = OffloadHeader::kNeedsChecksum;
  offload.gso = gso;
  offload.header_size = wire::Le16(static_cast<uint16_t>(inner.transport + (tcp ? 20 : 8)));
  offload.segment_size = wire::Le16(static_cast<uint16_t>(segment));
  offload.checksum_start = wire::Le16(inner.transport);
  offload.checksum_offset = wire::Le16(static_cast<uint16_t>(field));
  return offload;
}

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_GATE_TUN_PACKET_PACKETS_H_
