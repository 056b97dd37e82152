// A gate on the loopback interface: one UDP socket at 127.0.0.1:port or [::1]:port.
//
// From the application (journey out, step 1): the gate receives with UDP_GRO into buffers of its own. A sender's
// UDP_SEGMENT batch thus arrives as one receive of up to 64 payloads, and one system call makes several receives. To
// the application (journey in, step 6): payloads leave from the same socket, so that an unchanged application sees the
// address that it sends to answer, and payloads of equal size leave as one UDP_SEGMENT send (linux/udp.h;
// Documentation/networking/segmentation-offloads).
//
// The receiver is `deliver` where that is set, and otherwise the last sender. Only loopback addresses may send
// (foreign_sender). UDP cannot hold its sender back: what the application sends faster than the gate receives finds no
// room in the gate's socket buffer (gate_full), and what a receiver does not read is lost in its own buffer, which only
// the kernel counts (nstat UdpRcvbufErrors). The kernel reports a receiver that has gone afterwards, by ICMP. It costs
// no more than one failed send per Flush, and is sent to again each time.
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
  wire::Endpoint listen;  // a loopback address; port 0: the kernel chooses one (tests)
  // A loopback address of the same family, other than `listen`.
  std::optional<wire::Endpoint> deliver;
  // Bytes of the socket's buffer: room for some 3,000 payloads of 1,400 bytes.
  size_t receive_buffer = size_t{4} << 20;
};

class LoopbackGate : public Gate {
 public:
  // `sink` and `loop` outlive the gate. InvalidArgument: the addresses are not as described above. Any other error is
  // the kernel's, with a sentence that names the address.
  static absl::StatusOr<std::unique_ptr<LoopbackGate>> Open(Loop& loop,
                                                            const LoopbackGateOptions& options,
                                                            GateSink& sink);

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override;
  void Drain() override { GiveToSink(); }
  const GateCounters& counters() const override;

  wire::Endpoint local() const { return local_; }
  // Returns where the peer's payloads go now.
  std::optional<wire::Endpoint> receiver() const { return sender_.receiver().ToEndpoint(); }

 private:
  // The most system calls and payloads of one turn, so that the loop's other callbacks run too.
  static constexpr size_t kReceivesPerTurn = 16;
  static constexpr size_t kPayloadsPerTurn = 128;

  LoopbackGate(Loop& loop, os::UniqueFd fd, const wire::Endpoint& local, GateSink& sink);
  void OnReady(uint32_t events);
  void Receive();
  bool GiveToSink();

  const os::UniqueFd fd_;
  const wire::Endpoint local_;
  GateSink& sink_;
  bool learn_receiver_ = true;  // `deliver` is not set
  bool held_ = false;           // the sink took fewer than all: nothing is received until Resume
  mutable GateCounters counters_;
  mutable uint32_t overruns_ = 0;  // of the socket's buffer, as far as they are in counters_
  GsoSender sender_;
  GroReceiver receiver_;
  Task more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_LOOPBACK_LOOPBACK_GATE_H_
