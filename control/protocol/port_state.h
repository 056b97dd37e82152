// What the protocol knows of a local interface.
#ifndef WARP_CONTROL_PROTOCOL_PORT_STATE_H_
#define WARP_CONTROL_PROTOCOL_PORT_STATE_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/protocol/port_use.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/nat64_prefix.h"

namespace warp::protocol {

struct PortState {
  bool up = false;  // link up and administratively up
  // Those that are usable now: an IPv6 address only after duplicate address detection.
  std::vector<wire::IpAddress> addresses;
  // The broadcast addresses of its IPv4 subnets, which are nobody's.
  std::vector<wire::IpAddress> broadcasts = {};
  uint16_t mtu = 1500;  // of the IP packet
  // Those that count on its own link alone. Others may have the same ones on other links.
  std::vector<wire::IpAddress> link_locals = {};
  uint64_t down = 0;    // bits a second of frames that may come in by it; 0: no bound
  uint32_t number = 0;  // by which the configuration binds endpoints to it; 0: it binds none
  PortUse use = PortUse::kFree;
  // The only address that is reached by it: that of the map at the end of its connection. Unset: any.
  std::optional<wire::IpAddress> only = {};
  // Where it has no IPv4 address, and its network translates: the prefix by which IPv4 endpoints are reached. The
  // protocol knows those by their IPv4 addresses alone; whoever sends for it embeds them.
  std::optional<wire::Nat64Prefix> nat64 = {};

  // The address as datagrams by this port have it.
  wire::IpAddress Sent(const wire::IpAddress& known) const {
    return nat64 && nat64->Reaches(known) ? nat64->Embed(known) : known;
  }
  // The largest IP packet for this address, of the family that the address has.
  uint16_t MtuTo(const wire::IpAddress& known) const {
    const uint16_t growth = Sent(known) == known ? uint16_t{0} : wire::Nat64Prefix::kGrowth;
    return static_cast<uint16_t>(mtu - growth);
  }
  // Whether it reaches anybody by that family.
  bool HasFamily(bool v6) const {
    return (!v6 && nat64) ||
           std::any_of(addresses.begin(), addresses.end(),
                       [v6](const wire::IpAddress& address) { return address.is_v4() != v6; });
  }
  // Of an arrival by this port: the endpoint as the protocol knows it.
  wire::Endpoint Known(const wire::Endpoint& endpoint) const {
    return nat64 ? nat64->Extract(endpoint) : endpoint;
  }

  friend bool operator==(const PortState&, const PortState&) = default;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PORT_STATE_H_
