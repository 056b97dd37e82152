// The kernel's view of the network, followed by its events (rtnetlink(7)): interfaces by name, next
// hops by destination.
//
// One non-blocking socket carries dumps, questions and multicast events alike, so that what arrives
// later is newer. An overrun (ENOBUFS) leads to a new dump, during which the old state stands (make
// before break). Questions are sent by AsyncSend, since the kernel answers them in the sender's own call
// and under its RTNL lock. Control thread only.
//
// Callbacks run from Loop::RunOnce, never from within a call made here; several changes of one
// moment give one callback, none where nothing changed. They may make and destroy subscriptions,
// their own included.
#ifndef WARP_CONTROL_KERNEL_NETLINK_H_
#define WARP_CONTROL_KERNEL_NETLINK_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/kernel/interface_state.h"
#include "control/kernel/next_hop.h"
#include "control/loop/loop.h"
#include "control/loop/subscribers.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

class Netlink {
 public:
  using InterfaceHandler = std::function<void(const InterfaceState&)>;
  using NextHopHandler = std::function<void(const NextHop&)>;

  // Opens the socket and waits for the first dump (milliseconds), so that Find knows everything
  // from the start.
  static absl::StatusOr<std::unique_ptr<Netlink>> Create(Loop& loop);
  virtual ~Netlink() = default;

  // The interface of that name as last heard of; not present() where there is none. No system call.
  virtual InterfaceState Find(absl::string_view name) const = 0;

  // Calls with the state of the interface of that name, once soon and then at each change: link,
  // addresses, MTU, its end (not present()) and return (another index), also by renaming.
  [[nodiscard]] virtual std::unique_ptr<Subscription> WatchInterface(absl::string_view name,
                                                                     InterfaceHandler handler) = 0;

  // Calls with the next hop of `destination` through the interface of that name, once it is known
  // or found to be unreachable, and then at each change of interface, route or neighbour. While the
  // subscription lives, the neighbour is kept fresh: one that has become stale is confirmed (and
  // used meanwhile), one that does not answer is asked again.
  [[nodiscard]] virtual std::unique_ptr<Subscription> WatchNextHop(
      absl::string_view interface, const wire::IpAddress& destination, NextHopHandler handler) = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NETLINK_H_
