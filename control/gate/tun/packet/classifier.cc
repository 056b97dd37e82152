#include "control/gate/tun/packet/classifier.h"

#include <algorithm>

namespace warp::control {
namespace {

using wire::Bytes;

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

}  // namespace

std::optional<size_t> Classifier::ClassOf(Bytes packet, const InnerPacket& inner,
                                          bool interactive) const {
  if (inner.version == 0) return std::nullopt;
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

}  // namespace warp::control
