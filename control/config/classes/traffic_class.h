// What of an interface's packets goes by a tunnel of its own (`tunnels[].gate.tun.classes`).
#ifndef WARP_CONTROL_CONFIG_CLASSES_TRAFFIC_CLASS_H_
#define WARP_CONTROL_CONFIG_CLASSES_TRAFFIC_CLASS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "control/config/text/ip_prefix.h"

namespace warp::config {

struct PortRange {
  uint16_t first = 0, last = 0;  // included
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Each condition that is set must hold, and one at least is. Of a list, one of its values must.
struct ClassMatch {
  std::vector<uint8_t> dscp;        // 0 to 63
  std::vector<uint8_t> protocols;   // key `protocol`; 1 means ICMP of both families
  std::vector<PortRange> ports;     // key `port`: of TCP or UDP, at either end
  std::vector<IpPrefix> addresses;  // key `address`: at either end
  bool interactive = false;

  bool says_nothing() const {
    return dscp.empty() && protocols.empty() && ports.empty() && addresses.empty() && !interactive;
  }
};

struct TrafficClass {
  ClassMatch match;
  std::string tunnel;  // the name of the tunnel that carries it
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_CLASSES_TRAFFIC_CLASS_H_
