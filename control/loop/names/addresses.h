// Addresses out of the answers of name services, and the system's own name service.
#ifndef WARP_CONTROL_LOOP_NAMES_ADDRESSES_H_
#define WARP_CONTROL_LOOP_NAMES_ADDRESSES_H_

#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// Adds the address where it is one of IP.
void AddAddress(const sockaddr* address, socklen_t size, std::vector<wire::IpAddress>& addresses);

// getaddrinfo(3): whatever nsswitch.conf names, multicast DNS and directories included. May block for as long as it
// likes. NotFound, with the reason but not the name.
absl::StatusOr<std::vector<wire::IpAddress>> SystemLookUp(const std::string& host);

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_NAMES_ADDRESSES_H_
