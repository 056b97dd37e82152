// The kernel's view of the network, followed by its events (rtnetlink(7)): interfaces by name, next
// hops by destination.
//
// One non-blocking socket carries dumps, questions and multicast events, so that what arrives later is newer. After an
// overrun (ENOBUFS) everything is dumped again, and the old state stands meanwhile (make before break). Questions are
// sent by a worker thread of the kernel, because the kernel answers them within the sender's own call and under its
// RTNL lock. Control thread only; handlers are called as control/loop/subscribers.h says.
#ifndef WARP_CONTROL_KERNEL_NETLINK_H_
#define WARP_CONTROL_KERNEL_NETLINK_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/kernel/interface_state.h"
#include "control/kernel/next_hop.h"
#include "control/loop/loop.h"
#include "control/loop/subscribers.h"
#include "dataplane/os/kernel_ports.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

class Netlink {
 public:
  using InterfaceHandler = std::function<void(const InterfaceState&)>;
  using InterfacesHandler = std::function<void(const std::vector<os::Interface>&)>;
  using NextHopHandler = std::function<void(const NextHop&)>;

  // Opens the socket and waits for the first dump, which takes milliseconds, so that Find knows every interface from
  // the start.
  static absl::StatusOr<std::unique_ptr<Netlink>> Open(Loop& loop);
  virtual ~Netlink() = default;

  // The interface of that name as last reported by the kernel; not present() where there is none. No system call.
  virtual InterfaceState Find(absl::string_view name) const = 0;

  // Calls `handler` with the state of the interface of that name, in the loop's next tasks and then at each change of
  // its link, addresses or MTU. Its end (not present()) and its return (under another index) are changes too, be it by
  // renaming.
  [[nodiscard]] virtual std::unique_ptr<Subscription> WatchInterface(absl::string_view name,
                                                                     InterfaceHandler handler) = 0;

  // All interfaces there are, by index, as last reported by the kernel. No system call.
  virtual std::vector<os::Interface> All() const = 0;

  // Calls `handler` with all interfaces in the loop's next tasks, and then whenever one has come, gone or been renamed.
  [[nodiscard]] virtual std::unique_ptr<Subscription> WatchAll(InterfacesHandler handler) = 0;

  // Calls `handler` with the next hop of `flow` through the outlet once it is known or found to be unreachable, and
  // then at each change of interface, route or neighbour. While the subscription lives, the neighbour is kept fresh: a
  // stale one is confirmed and used meanwhile, and a silent one is asked again.
  [[nodiscard]] virtual std::unique_ptr<Subscription> WatchNextHop(const Outlet& outlet,
                                                                   const Flow& flow,
                                                                   NextHopHandler handler) = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NETLINK_H_
