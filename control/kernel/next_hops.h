// All next hops under watch: what the kernel tells goes to the watches that it may concern.
//
// There may be thousands: eight paths to each of a thousand peers. So the watches are visited some in each turn of the
// loop, and where more events wait than kMostRounds, one round asks for everything anew instead of all the others.
#ifndef WARP_CONTROL_KERNEL_NEXT_HOPS_H_
#define WARP_CONTROL_KERNEL_NEXT_HOPS_H_

#include <linux/netlink.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "control/kernel/interface_state.h"
#include "control/kernel/next_hop_watch.h"
#include "control/loop/loop.h"
#include "control/loop/subscribers.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

class NextHops {
 public:
  NextHops(Loop& loop, const KernelTables& kernel);

  std::unique_ptr<Subscription> Watch(const Outlet& outlet, const Flow& flow,
                                      NextHopWatches::Handler handler);

  void OnInterfacesChanged();
  void OnRouteEvent(nlmsghdr* message);  // RTM_NEWROUTE, RTM_DELROUTE
  void OnRulesChanged();
  void OnNeighbourChanged(const Neighbours::Key& key);
  void OnOverrun();

 private:
  // Events do not tell everything (a path MTU learned from ICMP, a changed next hop group): this often, all routes are
  // asked for again.
  static constexpr wire::Duration kRefresh = std::chrono::seconds(30);

  static constexpr size_t kMostRounds = 16;

  void Visit(NextHopWatches::Visit visit);
  void AskForAll();

  const KernelTables kernel_;
  NextHopWatches watches_;
  uint64_t all_round_ = 0;                       // the last that asks for everything
  std::map<std::string, InterfaceState> known_;  // interfaces under watch, as last acted on
  Timer refresh_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NEXT_HOPS_H_
