// Routes of the kernel: the question for one, and what its answer says (rtnetlink(7), RTM_GETROUTE). No I/O.
#ifndef WARP_CONTROL_KERNEL_ROUTE_H_
#define WARP_CONTROL_KERNEL_ROUTE_H_

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "control/kernel/interface_state.h"
#include "control/kernel/netlink_message.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// The way to one destination through one interface, or the reason why there is none.
struct Route {
  wire::IpAddress gateway;  // of a router, or the destination itself
  wire::IpAddress source;   // one of the interface's own addresses, as the kernel would choose it
  uint32_t mtu = 0;         // bytes of IP packet
  std::string reason;       // a sentence; empty where there is a route
};

// What a question for a route is about.
enum class RouteQuestion : uint8_t {
  kRoute,    // the route that the kernel would take, with its source address
  kWhether,  // only whether its tables have one, IPv4: see NextHopWatch::AskRoute
};

NetlinkRequest AskForRoute(const wire::IpAddress& destination, const InterfaceState& interface,
                           RouteQuestion question);

// Reads the answer to RouteQuestion::kRoute. `in_tables`: false where kWhether was refused, so that the answer is a
// guess. The MTU is the smaller of the route's and the interface's.
Route ReadRoute(nlmsghdr* answer, bool in_tables, const wire::IpAddress& destination,
                const InterfaceState& interface);

// The route of a question that the kernel refused with `error` (a negative errno).
Route NoRoute(int error, const wire::IpAddress& destination, const InterfaceState& interface);

// Whether the address begins with the first `length` bits of the prefix; both are of one family.
bool Covers(const wire::IpAddress& prefix, size_t length, const wire::IpAddress& address);

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_ROUTE_H_
