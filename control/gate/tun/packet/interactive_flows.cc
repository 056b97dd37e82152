#include "control/gate/tun/packet/interactive_flows.h"

#include <algorithm>

namespace warp::control {
namespace {

constexpr uint8_t kFin = 0x01, kRst = 0x04, kUrg = 0x20;
constexpr uint16_t kDnsPort = 53;
// Ethernet pads a frame to 60 bytes (IEEE 802.3, clause 3.2.8), and bridges that add tags may leave the padding. What
// stands behind the packet beyond that is data, of which its header does not tell.
constexpr size_t kLeastFrame = 60 + 2 * kVlanTag;

bool IsWhole(wire::Bytes packet, const InnerPacket& inner) {
  return packet.size() <= std::max<size_t>(inner.end, kLeastFrame);
}

// A segment of TCP that carries nothing, and does not end the connection.
bool IsEmpty(wire::Bytes packet, const InnerPacket& inner) {
  const size_t header = TcpHeaderSize(packet, inner);
  return header != 0 && IsWhole(packet, inner) && inner.transport + header == inner.end &&
         (packet[inner.transport + kTcpFlags] & (kFin | kRst | kUrg)) == 0;
}

}  // namespace

InteractiveFlows::InteractiveFlows() : busy_(new wire::Instant[kSlots]) {
  std::fill_n(busy_.get(), kSlots, wire::Instant::min());
}

// All datagrams of a flow of DNS are of one kind, and so need not be remembered.
bool InteractiveFlows::IsInteractive(wire::Instant now, wire::Bytes packet,
                                     const InnerPacket& inner) {
  if (inner.version == 0 || !inner.has_ports()) return false;
  if (inner.is_udp()) {
    const PortPair ports = PortsOf(packet, inner);
    return (ports.source == kDnsPort || ports.destination == kDnsPort) && IsWhole(packet, inner);
  }
  wire::Instant& busy = busy_[FlowOf(packet, inner) % kSlots];
  if (!IsEmpty(packet, inner)) {
    busy = now;
    return false;
  }
  return busy == wire::Instant::min() || now - busy >= kQuiet;
}

}  // namespace warp::control
