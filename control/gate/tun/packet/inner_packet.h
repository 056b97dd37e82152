// What a packet of the kernel's network stack is: where its headers stand, and whether they are what they say (RFC 791,
// RFC 8200, IEEE 802.3 and 802.1Q). Pure; any thread. Nothing here reads outside the bytes that it is given.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_INNER_PACKET_H_
#define WARP_CONTROL_GATE_TUN_PACKET_INNER_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// What packets begin with: an IP header (TUN), or an Ethernet header (TAP).
enum class Layer : uint8_t { kIp, kEthernet };

inline constexpr size_t kInnerEthernetHeader = 14;
inline constexpr size_t kVlanTag = 4;
// The largest packet of either layer: what an IP header can say, behind Ethernet with two tags.
inline constexpr size_t kMaxInnerPacket = 65535 + kInnerEthernetHeader + 2 * kVlanTag;
inline constexpr uint8_t kProtocolIcmp = 1, kProtocolTcp = 6, kProtocolUdp = 17,
                         kProtocolIcmpV6 = 58;
// Offsets in headers.
inline constexpr size_t kIpv4TotalLength = 2, kIpv4Id = 4, kIpv4Fragment = 6, kIpv4Checksum = 10,
                        kIpv4Addresses = 12, kIpv4Header = 20;
inline constexpr size_t kIpv6PayloadLength = 4, kIpv6Addresses = 8, kIpv6Header = 40;
inline constexpr size_t kTcpSequence = 4, kTcpAcknowledged = 8, kTcpFlags = 13, kTcpChecksum = 16,
                        kTcpHeader = 20;
inline constexpr size_t kUdpLength = 4, kUdpChecksum = 6, kUdpHeader = 8;

struct InnerPacket {
  uint8_t version = 0;  // 4 or 6; 0: an Ethernet frame of something else, of which no more is known
  uint8_t protocol = 0;  // of what stands at `transport`
  bool fragment =
      false;  // a part of a packet: whatever stands at `transport` is not a whole header
  // No IPv4 options, IPv6 extensions, VLAN tag or fragment, and the packet ends where its header says.
  bool plain = false;
  uint16_t ip = 0;         // offset of the IP header
  uint16_t transport = 0;  // offset of what follows it with its options and extensions
  uint32_t end = 0;        // of the IP packet; what stands behind it is padding of a short frame

  bool is_tcp() const { return protocol == kProtocolTcp && !fragment; }
  bool is_udp() const { return protocol == kProtocolUdp && !fragment; }
  // The source port stands at `transport`, and the destination port behind it.
  bool has_ports() const { return (is_tcp() || is_udp()) && transport + 4u <= end; }
  // Of a packet whose `version` is not 0: where its source address stands, and the bytes of both.
  size_t addresses() const { return ip + (version == 4 ? kIpv4Addresses : kIpv6Addresses); }
  size_t addresses_size() const { return version == 4 ? 8 : 32; }
};

// Nothing: the packet is none of this layer, or its headers contradict its size. The frame of a TAP may hold anything;
// where that looks like IP and is none, `version` is 0.
std::optional<InnerPacket> ReadInnerPacket(wire::Bytes packet, Layer layer);

// Of a packet that has ports.
struct PortPair {
  uint16_t source = 0, destination = 0;
};
PortPair PortsOf(wire::Bytes packet, const InnerPacket& inner);

// Of a packet whose `version` is not 0.
wire::IpAddress SourceOf(wire::Bytes packet, const InnerPacket& inner);
wire::IpAddress DestinationOf(wire::Bytes packet, const InnerPacket& inner);

// The six bits of the DSCP (RFC 2474). Of a packet whose `version` is not 0.
uint8_t DscpOf(wire::Bytes packet, const InnerPacket& inner);

// A number that two packets of one flow share in one direction, and others hardly ever. 0: there are no ports, and so
// no flow that is known.
uint64_t FlowOf(wire::Bytes packet, const InnerPacket& inner);

// The size of the TCP header, with options; 0: it contradicts the packet, or there is none.
size_t TcpHeaderSize(wire::Bytes packet, const InnerPacket& inner);

// The one's complement sum of what the checksum of TCP and UDP covers outside the packet: addresses, protocol, and the
// length of header and data (RFC 9293 section 3.1, RFC 8200 section 8.1). Not complemented. Only of packets without
// routing headers, as plain ones are.
uint64_t PseudoSum(wire::Bytes packet, const InnerPacket& inner, size_t length);
// Folds a sum into 16 bits; the checksum is its complement.
uint16_t FoldSum(uint64_t sum);

// Writes the lengths of a packet that ends at `end`, and the checksum of its IPv4 header. No IPv6 jumbo payloads.
void WriteIpLength(uint8_t* packet, const InnerPacket& inner, size_t end);

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_INNER_PACKET_H_
