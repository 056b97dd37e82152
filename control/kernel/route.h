// Routes of the kernel: the question for one, and what its answer says (rtnetlink(7), RTM_GETROUTE). No I/O.
#ifndef WARP_CONTROL_KERNEL_ROUTE_H_
#define WARP_CONTROL_KERNEL_ROUTE_H_

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/kernel/interface_state.h"
#include "control/kernel/netlink_message.h"
#include "control/kernel/next_hop.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// The way to one destination through one interface, or the reason why there is none.
struct Route {
  wire::IpAddress gateway;  // of a router, or the destination itself
  wire::IpAddress source;   // one of the interface's own addresses, as the kernel would choose it
  uint32_t mtu = 0;         // bytes of IP packet
  // What ICMP or a router's advertisement has told the kernel; 0: nothing.
  uint32_t learned_mtu = 0;
  std::string reason;  // a sentence; empty where there is a route

  bool found() const { return reason.empty(); }
};

// What a question for a route is about.
enum class RouteQuestion : uint8_t {
  kRoute,    // the route that the kernel would take, with its source address
  kWhether,  // only whether its tables have one, IPv4: see NextHopWatch::AskRoute
};

// The question names everything that a rule of the kernel may tell datagrams apart by: both addresses, where the source
// is known already, UDP and both ports. A kernel before Linux 4.18 knows no ports, and does not look at them.
NetlinkRequest AskForRoute(const Flow& flow, const InterfaceState& interface,
                           RouteQuestion question);

// Reads the answer to RouteQuestion::kRoute. `in_tables`: false where kWhether was refused, so that the answer is a
// guess. The MTU is the smaller of the route's and the interface's.
Route ReadRoute(nlmsghdr* answer, bool in_tables, const Flow& flow,
                const InterfaceState& interface);

// The route of a question that the kernel refused with `error` (a negative errno).
Route NoRoute(int error, const wire::IpAddress& destination, const InterfaceState& interface);

// The questions for the route of one flow, one after the other.
//
// Where each uplink has a table of its own and a rule chooses it by the source address, the kernel knows no route for a
// datagram without a source. So it is asked first which source it would choose, then for the route from there, as
// connect(2) does, and where it would choose none, for the route from every address of the interface. The first one
// with a route wins.
class RouteSearch {
 public:
  RouteSearch() = default;  // over at once
  RouteSearch(const Flow& flow, const InterfaceState& interface);

  // The flow to ask for next; nullopt: the search is over.
  std::optional<Flow> Next() const;
  // The answer to that question.
  void Take(Route route, const InterfaceState& interface);
  // What was found, once the search is over: with the flow's own source, where the interface has it for good.
  Route Result() const;

 private:
  // Of so many addresses the kernel is asked, where it chooses none itself.
  static constexpr size_t kMostSources = 32;

  Flow flow_;
  // The flow's own source. Unspecified where the interface does not have it, or has it no longer for good: then the
  // remote end must hear of its successor in time.
  wire::IpAddress wanted_;
  bool begun_ = false;
  Route kernels_;                         // for a datagram without a source
  std::vector<wire::IpAddress> sources_;  // to ask for yet, the last one next
  std::optional<Route> found_;            // for one with a source
};

// Whether the address begins with the first `length` bits of the prefix; both are of one family.
bool Covers(const wire::IpAddress& prefix, size_t length, const wire::IpAddress& address);

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_ROUTE_H_
