// What the protocol knows of a local interface.
#ifndef WARP_CONTROL_PROTOCOL_PORT_STATE_H_
#define WARP_CONTROL_PROTOCOL_PORT_STATE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "control/protocol/port_use.h"
#include "dataplane/wire/endpoint.h"

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

  friend bool operator==(const PortState&, const PortState&) = default;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PORT_STATE_H_
