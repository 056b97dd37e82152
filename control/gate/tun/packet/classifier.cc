#include "control/gate/tun/packet/classifier.h"

#include <algorithm>

#include "dataplane/wire/byte_order.h"

namespace warp::control {
namespace {

using wire::Bytes;

constexpr uint8_t kFin = 0x01, kRst = 0x04, kUrg = 0x20;
constexpr uint16_t kDnsPort = 53;

struct PortPair {
  uint16_t source = 0, destination = 0;
};

PortPair PortsOf(Bytes packet, const InnerPacket& inner) {
  const auto read = [packet](size_t at) { return wire::ReadAs<wire::Be16>(&packet[at]).value(); };
  return {read(inner.transport), read(inner.transport + size_t{2})};
}

bool HasProtocol(const PacketMatch& match, uint8_t protocol) {
  const auto has = [&](uint8_t one) {
    return std::find(match.protocols.begin(), match.protocols.end(), one) != match.protocols.end();
  };
  return match.protocols.empty() || has(protocol) ||
         (protocol == kProtocolIcmpV6 && has(kProtocolIcmp));
}

bool HasPort(const PacketMatch& match, Bytes packet, const InnerPacket& inner) {
  if (match.ports.empty()) return true;
  if (!inner.has_ports()) return false;
  const PortPair ports = PortsOf(packet, inner);
  return std::any_of(match.ports.begin(), match.ports.end(), [&](const PacketMatch::Ports& range) {
    const auto within = [&](uint16_t port) { return range.first <= port && port <= range.last; };
    return within(ports.source) || within(ports.destination);
  });
}

bool HasNetwork(const PacketMatch& match, Bytes packet, const InnerPacket& inner) {
  if (match.networks.empty()) return true;
  const wire::IpAddress source = SourceOf(packet, inner),
                        destination = DestinationOf(packet, inner);
  return std::any_of(match.networks.begin(), match.networks.end(), [&](const TunPrefix& network) {
    return network.Contains(source) || network.Contains(destination);
  });
}

bool HasDscp(const PacketMatch& match, uint8_t dscp) {
  return match.dscp.empty() ||
         std::find(match.dscp.begin(), match.dscp.end(), dscp) != match.dscp.end();
}

// A segment of TCP that carries nothing, and does not end the connection.
bool IsEmpty(Bytes packet, const InnerPacket& inner) {
  const size_t header = TcpHeaderSize(packet, inner);
  return header != 0 && inner.transport + header == inner.end &&
         (packet[inner.transport + kTcpFlags] & (kFin | kRst | kUrg)) == 0;
}

}  // namespace

Classifier::Classifier(std::vector<PacketMatch> classes) : classes_(std::move(classes)) {
  const bool asked = std::any_of(classes_.begin(), classes_.end(),
                                 [](const PacketMatch& match) { return match.interactive; });
  if (!asked) return;
  busy_.reset(new wire::Instant[kSlots]);
  std::fill_n(busy_.get(), kSlots, wire::Instant::min());
}

std::optional<size_t> Classifier::ClassOf(wire::Instant now, Bytes packet,
                                          const InnerPacket& inner) {
  if (inner.version == 0) return std::nullopt;
  const bool interactive = busy_ != nullptr && IsInteractive(now, packet, inner);
  const uint8_t dscp = DscpOf(packet, inner);
  for (size_t i = 0; i < classes_.size(); ++i) {
    const PacketMatch& match = classes_[i];
    if ((interactive || !match.interactive) && HasDscp(match, dscp) &&
        HasProtocol(match, inner.protocol) && HasPort(match, packet, inner) &&
        HasNetwork(match, packet, inner)) {
      return i;
    }
  }
  return std::nullopt;
}

// All datagrams of a flow of DNS are of one kind, and so need not be remembered.
bool Classifier::IsInteractive(wire::Instant now, Bytes packet, const InnerPacket& inner) {
  if (!inner.has_ports()) return false;
  if (inner.is_udp()) {
    const PortPair ports = PortsOf(packet, inner);
    return ports.source == kDnsPort || ports.destination == kDnsPort;
  }
  wire::Instant& busy = busy_[FlowOf(packet, inner) % kSlots];
  if (!IsEmpty(packet, inner)) {
    busy = now;
    return false;
  }
  return busy == wire::Instant::min() || now - busy >= kQuiet;
}

}  // namespace warp::control
