// A gate at a Unix datagram socket, whose send() blocks until there is room on a path.
//
// From the application (journey out, step 1): the socket holds one datagram, a sender of another
// waits in the kernel. The gate looks at it (MSG_PEEK), gives it to the sink, and removes it only
// when the sink is done with it: so with `queue: 1` a send returns when the payload before it, of
// whichever client, was sent; and a connected client that polls POLLOUT knows that its own was.
// `queue: N` is for throughput: the gate takes some payloads at once, the socket holds some, and
// there are never more than N in both that are not done.
//
// To the application (journey in, step 6): from the same socket, to `deliver` where set, else to
// whoever sent last from an absolute path. What a receiver does not take waits in an outbox up to
// the deadline. The kernel does not tell when a receiver has read: the gate looks again, at once for
// a moment, then ever less often down to each millisecond.
//
// docs/gates.md has what applications may rely on.
#ifndef WARP_CONTROL_GATE_UNIX_UNIX_DATAGRAM_GATE_H_
#define WARP_CONTROL_GATE_UNIX_UNIX_DATAGRAM_GATE_H_

#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/gate/gate.h"
#include "control/gate/unix/short_queue_sockets.h"
#include "control/gate/unix/unix_outbox.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {

struct UnixDatagramGateOptions {
  os::UnixPathOptions path;
  size_t queue = 1;                                          // payloads taken and not done, at most
  std::optional<std::string> deliver;                        // a datagram socket's path
  wire::Duration deadline = std::chrono::milliseconds(250);  // of what waits for the receiver
};

class UnixDatagramGate : public Gate {
 public:
  // All outlive the gate. Errors are those of os::UnixPath and UnixSocketRoom.
  static absl::StatusOr<std::unique_ptr<UnixDatagramGate>> Create(
      Loop& loop, UnixSocketRoom& room, UnixReceiver& receiver,
      const UnixDatagramGateOptions& options, GateSink& sink);

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override;
  void Drain() override {
    if (!kept_.empty()) GiveToSink();
  }
  void OnDone(size_t payloads) override;
  const GateCounters& counters() const override { return counters_; }
  GateStatus status() const override;

 private:
  static constexpr size_t kPayloadsPerTurn = 64;
  static constexpr size_t kPending = 64;  // payloads gathered before a flush happens by itself
  static constexpr wire::Duration kLookAtOnce = std::chrono::microseconds(50);
  static constexpr wire::Duration kFirstLook = std::chrono::microseconds(50);
  static constexpr wire::Duration kLastLook = std::chrono::milliseconds(1);

  UnixDatagramGate(Loop& loop, os::UniqueFd fd, os::UnixPath path, UnixReceiver& receiver,
                   const UnixDatagramGateOptions& options, GateSink& sink);

  // Out of the application.
  void Take();
  bool TakeSome(size_t& budget);
  bool GiveToSink();

  // To the application.
  size_t SendPending();
  void SendWaiting();
  void DropReceiver(size_t payloads);
  void LookAgain();

  Loop& loop_;
  const os::UniqueFd fd_;
  const os::UnixPath path_;  // after fd_: the file goes away first
  UnixReceiver& receiver_;
  GateSink& sink_;
  const size_t in_socket_;  // datagrams that it holds at most
  const size_t takes_;      // payloads that may be taken out of the socket and not be done
  const bool learn_destination_;
  const wire::Duration deadline_;
  GateCounters counters_;

  size_t holding_ = 0;                      // payloads the sink has and is not done with
  size_t done_ = 0;                         // of them, told since
  bool peeked_ = false;                     // the newest of them is still in the socket
  std::vector<std::vector<uint8_t>> kept_;  // taken, and refused by the sink: until Resume
  Task more_;

  os::UnixAddress destination_;
  std::vector<Delivery> pending_;
  std::array<mmsghdr, kPending> headers_{};
  std::array<iovec, kPending> vectors_{};
  UnixOutbox outbox_;
  wire::Instant last_progress_{};
  wire::Duration look_after_ = kFirstLook;
  Task look_soon_;
  Timer look_later_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_UNIX_DATAGRAM_GATE_H_
