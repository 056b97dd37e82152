// A gate on the loopback interface: one UDP socket at 127.0.0.1:port or [::1]:port.
//
// From the application (journey out, step 1): datagrams are taken with UDP_GRO, so that a sender's
// UDP_SEGMENT batch arrives as one receive of up to 64 payloads, several receives per system call,
// into buffers of the gate's own. To the application (journey in, step 6): from the same socket, so
// that an unchanged application sees the address it sends to answer; runs of equal size leave as
// one UDP_SEGMENT send (linux/udp.h; Documentation/networking/segmentation-offloads).
//
// The receiver is `deliver` where set, else whoever sent last. Only loopback addresses may send
// (foreign_sender). UDP cannot hold its sender back: what the application sends faster than the
// gate takes finds no room in the socket's buffer (gate_full); what a receiver does not read is lost in
// its own, and told by the kernel alone (nstat UdpRcvbufErrors). A receiver that is gone is told by ICMP,
// after the fact, and costs no more than a look per Flush; it is sent to again each time.
#ifndef WARP_CONTROL_GATE_LOOPBACK_LOOPBACK_GATE_H_
#define WARP_CONTROL_GATE_LOOPBACK_LOOPBACK_GATE_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "control/gate/gate.h"
#include "control/gate/loopback/gro_receiver.h"
#include "control/gate/loopback/gso_sender.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

struct LoopbackGateOptions {
  wire::Endpoint listen;  // a loopback address; port 0: one of the kernel's choice (tests)
  std::optional<wire::Endpoint>
      deliver;  // a loopback address of the same family, not `listen` itself
  size_t receive_buffer = size_t{4}
                          << 20;  // bytes of the socket's buffer: some 3,000 payloads of 1,400 B
};

class LoopbackGate : public Gate {
 public:
  // `sink` and `loop` outlive the gate. InvalidArgument for addresses as above; AlreadyExists,
  // PermissionDenied, Unavailable with a sentence that names the address, as the kernel answers.
  static absl::StatusOr<std::unique_ptr<LoopbackGate>> Create(Loop& loop,
                                                              const LoopbackGateOptions& options,
                                                              GateSink& sink);

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override;
  void Drain() override { GiveToSink(); }
  const GateCounters& counters() const override;

  wire::Endpoint local() const { return local_; }
  std::optional<wire::Endpoint> receiver() const {
    return sender_.receiver().ToEndpoint();
  }  // where payloads go now

 private:
  // One turn's work: system calls, and payloads given to the sink. Then the loop's other callbacks
  // have theirs.
  static constexpr size_t kReceivesPerTurn = 16;
  static constexpr size_t kPayloadsPerTurn = 128;

  LoopbackGate(Loop& loop, os::UniqueFd fd, const wire::Endpoint& local, GateSink& sink);
  void OnReady(uint32_t events);
  void Receive();
  bool GiveToSink();

  const os::UniqueFd fd_;
  const wire::Endpoint local_;
  GateSink& sink_;
  bool learn_receiver_ = true;  // no `deliver`
  bool held_ = false;           // the sink took less than all: nothing is received until Resume
  mutable GateCounters counters_;
  mutable uint32_t overruns_ = 0;  // of the socket's buffer, as counted so far
  GsoSender sender_;
  GroReceiver receiver_;
  Task more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_LOOPBACK_LOOPBACK_GATE_H_
