// One rtnetlink socket: requests out, by Post; answers, dumps and multicast events in, as one
// stream in the kernel's order.
#ifndef WARP_CONTROL_KERNEL_NETLINK_SOCKET_H_
#define WARP_CONTROL_KERNEL_NETLINK_SOCKET_H_

#include <linux/netlink.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/kernel/netlink_message.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

class NetlinkSocket {
 public:
  // All calls come from Loop::RunOnce, or from Pump.
  class Handler {
   public:
    virtual ~Handler() = default;
    // A message with contents. `sequence` is that of the request it answers, 0: an event. The
    // message may be changed.
    virtual void OnMessage(nlmsghdr* message, uint32_t sequence) = 0;
    // The end of a dump (`error` 0; -EINTR: the tables changed meanwhile, ask again), or the
    // refusal of a request (negative errno).
    virtual void OnEnd(uint32_t sequence, int error) = 0;
    // Messages were lost, answers perhaps among them: everything is to be asked again.
    virtual void OnOverrun() = 0;
    // What was to be read for now has been: time to draw conclusions.
    virtual void OnBatchEnd() = 0;
  };

  // Joins the groups of links, addresses, routes, rules and neighbours. `handler` and `loop`
  // outlive the socket.
  static absl::StatusOr<std::unique_ptr<NetlinkSocket>> Open(Loop& loop, Handler& handler);

  // Sends the request in this turn or the next; returns its sequence number, never 0.
  uint32_t Ask(const NetlinkRequest& request);

  // Set-up only: sends what was asked and handles what comes, without the loop, until `done` says
  // so or two seconds have passed.
  absl::Status Pump(const std::function<bool()>& done);

 private:
  static constexpr size_t kBufferSize = size_t{1} << 16;  // the kernel fills up to 32 KiB
  static constexpr size_t kReadsPerTurn = 16;
  static constexpr size_t kPostSize = size_t{1} << 14;

  NetlinkSocket(Loop& loop, Handler& handler, os::UniqueFd fd, uint32_t port_id);
  bool ReadOnce();
  void Read();
  void Handle(wire::MutableBytes datagram);
  void Flush();
  std::vector<uint8_t> NextPost();

  Loop& loop_;
  Handler& handler_;
  const os::UniqueFd fd_;
  const uint32_t port_id_;  // by which the kernel addresses answers to us
  uint32_t sequence_ = 0;
  bool interrupted_ = false;  // a part of the running dump was
  bool overrun_ = false;      // messages were lost; the queue is being emptied
  std::deque<std::vector<uint8_t>> outbox_;
  const std::unique_ptr<uint8_t[]> buffer_;
  Timer refused_;
  Post post_;
  Task flush_;
  Task more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NETLINK_SOCKET_H_
