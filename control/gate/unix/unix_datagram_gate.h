// A gate at a Unix datagram socket, whose send() blocks until there is room on a path.
//
// From the application (journey out, step 1): the socket holds one datagram, and whoever sends another waits in the
// kernel. The gate looks at the datagram (MSG_PEEK), gives it to the sink, and removes it only when it is done. With
// `queue: 1`, a send therefore returns when the payload before it was sent, whichever client sent that, and a connected
// client that polls POLLOUT knows that its own was. With `queue: N`, for throughput, the gate takes several payloads at
// once and the socket holds several; never more than N in both are not done.
//
// To the application (journey in, step 6): payloads leave from the same socket, to `deliver` where that is set, and
// otherwise to the last sender that has an absolute path. What a receiver does not take waits in an outbox up to the
// deadline. The kernel does not tell when a receiver has read, so the gate tries again: at once for a moment, and then
// ever less often, down to once a millisecond.
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
#include "control/gate/unix/unix_gate.h"
#include "control/gate/unix/unix_outbox.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/loop.h"
#include "dataplane/os/unix_address.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {

struct UnixDatagramGateOptions {
  os::UnixPathOptions path;
  size_t queue = 1;                    // the most payloads that are taken and not done
  std::optional<std::string> deliver;  // the path of a datagram socket
  // How long a payload waits for its receiver.
  wire::Duration deadline = std::chrono::milliseconds(250);
};

class UnixDatagramGate : public Gate {
 public:
  // `sockets` is needed during the call alone. Errors are those of os::UnixPath and ShortQueueSockets.
  static absl::StatusOr<std::unique_ptr<UnixDatagramGate>> Open(
      const UnixGateContext& context, ShortQueueSockets& sockets,
      const UnixDatagramGateOptions& options);

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

  UnixDatagramGate(const UnixGateContext& context, UnixGateSocket socket,
                   const os::UnixAddress& destination, const UnixDatagramGateOptions& options);
  int fd() const { return socket_.fd.get(); }

  // Out of the application.
  void Take();
  bool TakeSome(size_t& budget);
  bool GiveToSink();

  // These send to the application.
  size_t SendPending();
  void BuildHeaders();
  UnixSend TrySend(wire::Bytes payload);
  void SendWaiting();
  void DropReceiver(size_t payloads);
  void LookAgain();

  Loop& loop_;
  UnixReceiver& receiver_;
  GateSink& sink_;
  const UnixGateSocket socket_;
  const size_t in_socket_;  // the most datagrams that the socket holds
  const size_t takes_;      // the most payloads that are taken out of the socket and not done
  const bool learn_destination_;
  const wire::Duration deadline_;
  GateCounters counters_;

  HeldPayloads held_;
  bool peeked_ = false;  // the newest of the held payloads is still in the socket
  std::vector<std::vector<uint8_t>> kept_;  // received, and refused by the sink: until Resume
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
