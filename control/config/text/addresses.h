// Addresses that no configuration can mean, however well they are written.
#ifndef WARP_CONTROL_CONFIG_TEXT_ADDRESSES_H_
#define WARP_CONTROL_CONFIG_TEXT_ADDRESSES_H_

#include "dataplane/wire/endpoint.h"

namespace warp::config {

// ::, and 0.0.0.0/8 ("this network", RFC 1122): nothing can be sent to it.
inline bool NamesNobody(const wire::IpAddress& address) {
  return address.is_unspecified() || (address.is_v4() && address.v4_bytes()[0] == 0);
}

// 240.0.0.0/4 (RFC 1112), the limited broadcast included.
inline bool IsReserved(const wire::IpAddress& address) {
  return address.is_v4() && address.v4_bytes()[0] >= 240;
}

// The broadcast addresses that are one everywhere: 255.255.255.255, and that of the loopback interface. That of a
// network is known to its interface alone.
inline bool IsBroadcast(const wire::IpAddress& address) {
  return address == wire::IpAddress::V4({255, 255, 255, 255}) ||
         address == wire::IpAddress::V4({127, 255, 255, 255});
}

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_ADDRESSES_H_
