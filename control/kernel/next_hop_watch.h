// The next hop of one flow through one interface, kept up to date for its subscriber.
//
// The kernel is asked for the route (RouteSearch), and the answer leads to a neighbour, which Neighbours keeps fresh.
// An outlet without a link layer needs none. One search is under way at a time; what changes meanwhile is asked for
// after its end.
//
//   AskRoute ──► answers ──► neighbour ──► Publish
//      │            └── no route ────────────┤
//      └── the interface cannot be used ─────┘
#ifndef WARP_CONTROL_KERNEL_NEXT_HOP_WATCH_H_
#define WARP_CONTROL_KERNEL_NEXT_HOP_WATCH_H_

#include <linux/netlink.h>

#include <cstddef>
#include <optional>
#include <string>

#include "control/kernel/interface_table.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/netlink_socket.h"
#include "control/kernel/next_hop.h"
#include "control/kernel/route.h"
#include "control/loop/subscribers.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

class NextHopWatch;
using NextHopWatches = Subscribers<NextHopWatch, NextHop>;

// The kernel as a next hop depends on it. All outlive every watch.
struct KernelTables {
  NetlinkSocket& socket;
  const InterfaceTable& interfaces;
  Neighbours& neighbours;
};

class NextHopWatch : public NextHopWatches::Subscriber {
 public:
  // Asks for the route at once.
  NextHopWatch(NextHopWatches& watches, const KernelTables& kernel, const Outlet& outlet,
               const Flow& flow, NextHopWatches::Handler handler);
  ~NextHopWatch() override;

  const std::string& interface() const { return outlet_.interface; }
  const wire::IpAddress& destination() const { return flow_.remote.address; }

  // The route may have changed. Asks for it, or says at once why there can be none.
  void AskRoute();
  // Answers were lost, a question of ours perhaps among those without one.
  void OnOverrun();
  bool OnNeighbourChanged(const Neighbours::Key& key);  // whether it concerns this one

 private:
  void AskNext(const InterfaceState& interface);
  void SendQuestion(const Flow& flow, const InterfaceState& interface, RouteQuestion question);
  void OnAnswer(RouteQuestion question, nlmsghdr* answer, int error);
  void SetRoute(Route route);
  void SetNeighbour(std::optional<Neighbours::Key> key);
  void Evaluate();

  const NextHopWatches& watches_;
  const KernelTables kernel_;
  const Outlet outlet_;
  const Flow flow_;
  RouteSearch search_;
  bool asked_ = false;      // a search is under way
  bool ask_again_ = false;  // something changed since it began
  bool in_tables_ = true;   // as the first of IPv4's two answers says
  Route route_;
  // Acquired; outlives its route while the interface cannot be used.
  std::optional<Neighbours::Key> neighbour_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NEXT_HOP_WATCH_H_
