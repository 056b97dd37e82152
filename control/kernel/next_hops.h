// Next hops under watch: for each, the kernel is asked for the route (RTM_GETROUTE through the
// given interface), then for the neighbour the route leads to; both are asked again when an event
// may have changed the answer. rtnetlink(7).
#ifndef WARP_CONTROL_KERNEL_NEXT_HOPS_H_
#define WARP_CONTROL_KERNEL_NEXT_HOPS_H_

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "control/kernel/interface_table.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/netlink.h"
#include "control/kernel/netlink_socket.h"
#include "control/kernel/next_hop.h"
#include "control/loop/loop.h"

namespace warp::control {

class NextHops {
 public:
  NextHops(Loop& loop, NetlinkSocket& socket, const InterfaceTable& interfaces);
  ~NextHops();

  std::unique_ptr<Netlink::Subscription> Watch(absl::string_view interface,
                                               const wire::IpAddress& destination,
                                               Netlink::NextHopHandler handler);

  void OnInterfacesChanged();
  void OnRouteEvent(nlmsghdr* message);  // RTM_NEWROUTE, RTM_DELROUTE
  void OnRulesChanged();
  void OnNeighbourEvent(nlmsghdr* message);  // RTM_NEWNEIGH, RTM_DELNEIGH
  void OnAnswer(nlmsghdr* message, uint32_t sequence);
  void OnEnd(uint32_t sequence, int error);
  void OnOverrun();

 private:
  // Events do not tell everything (a path MTU learned from ICMP, a changed next hop group): all
  // routes are asked for again.
  static constexpr wire::Duration kRefresh = std::chrono::seconds(30);

  struct Route {
    wire::IpAddress gateway;
    wire::IpAddress source;
    uint32_t mtu = 0;    // 0: the interface's
    std::string reason;  // why there is none
  };
  class Hop;
  struct Question {
    uint64_t hop = 0;
    bool only_whether = false;  // there is a route at all: see Hop::Ask
  };

  void Answered(Hop& hop, Route route);
  void NeighbourChanged(const Neighbours::Key& key);
  void Evaluate(Hop& hop);
  void Notify();
  Route ReadRoute(const Hop& hop, nlmsghdr* message) const;

  NetlinkSocket& socket_;
  const InterfaceTable& interfaces_;
  std::map<uint64_t, Hop*> hops_;  // in the order they were made
  uint64_t next_id_ = 1;
  absl::flat_hash_map<uint32_t, Question> questions_;  // by sequence number
  std::map<std::string, InterfaceState> known_;        // interfaces under watch, as last acted on
  Neighbours neighbours_;
  Task notify_;
  Timer refresh_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NEXT_HOPS_H_
