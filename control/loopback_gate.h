// A gate on the loopback interface: one UDP socket at 127.0.0.1:port or [::1]:port.
//
// From the application (journey out, step 1): datagrams are taken with UDP_GRO, so that a sender's
// UDP_SEGMENT batch arrives as one receive of up to 64 payloads, several receives per system call,
// into buffers of the gate's own. To the application (journey in, step 5): from the same socket, so
// that an unchanged application sees the address it sends to answer; runs of equal size leave as
// one UDP_SEGMENT send (linux/udp.h; Documentation/networking/segmentation-offloads).
//
// The receiver is `deliver` where set, else whoever sent last. Only loopback addresses may send
// (foreign_sender). UDP cannot hold its sender back: what the application sends faster than the
// gate takes is lost in the socket's buffer, and told by the kernel alone (nstat UdpRcvbufErrors);
// likewise a receiver that does not read fast enough. A receiver that is gone is told by ICMP,
// after the fact, and costs no more than a look per Flush; it is sent to again each time.
#ifndef WARP_CONTROL_LOOPBACK_GATE_H_
#define WARP_CONTROL_LOOPBACK_GATE_H_

#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "control/gate.h"
#include "control/loop.h"
#include "control/unique_fd.h"
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
  ~LoopbackGate() override;

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override;
  const GateCounters& counters() const override { return counters_; }

  wire::Endpoint local() const { return local_; }
  std::optional<wire::Endpoint> receiver() const;  // where payloads go now

 private:
  class Receiver;
  class Sender;

  LoopbackGate(Loop& loop, UniqueFd fd, const wire::Endpoint& local,
               const LoopbackGateOptions& options, GateSink& sink);
  void Receive();

  const UniqueFd fd_;
  const wire::Endpoint local_;
  GateCounters counters_;
  std::unique_ptr<Sender> sender_;
  std::unique_ptr<Receiver> receiver_;
  std::unique_ptr<Task> more_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOPBACK_GATE_H_
