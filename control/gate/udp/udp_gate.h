// A UDP socket as a gate: at 127.0.0.1:port or [::1]:port for programs of this machine, or at an address of a network
// that it is in, for the devices there that may use it.
//
// From the application (journey out, step 1): the gate receives with UDP_GRO into buffers of its own. A sender's
// UDP_SEGMENT batch thus arrives as one receive of up to 64 payloads, and one system call makes several receives. To
// the application (journey in, step 6): payloads leave from the same socket, so that an unchanged application sees the
// address that it sends to answer, and payloads of equal size leave as one UDP_SEGMENT send (linux/udp.h;
// Documentation/networking/segmentation-offloads).
//
// With one flow, the receiver is `deliver` where that is set, and otherwise the last sender. With more, each sender has
// a flow of its own (flows.h). Only those who are allowed to may send, by default loopback addresses (foreign_sender).
// UDP cannot hold its sender back: what the application sends faster than the gate receives finds no room in the gate's
// socket buffer (gate_full), and what a receiver does not read is lost in its own buffer, which only the kernel counts
// (nstat UdpRcvbufErrors). The kernel reports a receiver that has gone afterwards, by ICMP. It costs no more than one
// failed send per Flush, and is sent to again each time.
#ifndef WARP_CONTROL_GATE_UDP_UDP_GATE_H_
#define WARP_CONTROL_GATE_UDP_UDP_GATE_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "control/gate/gate.h"
#include "control/gate/udp/flows.h"
#include "control/gate/udp/gro_receiver.h"
#include "control/gate/udp/gso_sender.h"
#include "control/gate/udp/udp_socket.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

struct UdpGateOptions {
  wire::Endpoint
      listen;  // a loopback address, unless `allowed` is set; port 0: the kernel chooses one (tests)
  // Of the same family, and other than `listen`; a loopback address, unless `allowed` is set.
  std::optional<wire::Endpoint> deliver;
  // Bytes of the socket's buffer: room for some 3,000 payloads of 1,400 bytes.
  size_t receive_buffer = size_t{4} << 20;
  // 1 to Flows::kMost. Further senders than that are dropped as no_flow.
  size_t flows = 1;
  wire::Duration flow_idle = Flows::kIdle;
  // Whether somebody at this address may send; null: loopback addresses may.
  std::function<bool(const wire::IpAddress&)> allowed = nullptr;
  Multicast multicast = {};
  bool marks = false;  // payloads bring their DSCP along, and leave with it
  // Called with a sentence for the log, once a minute at most, when another sender takes the answers over.
  std::function<void(const std::string&)> say = nullptr;
};

class UdpGate : public Gate {
 public:
  // `sink` and `loop` outlive the gate. InvalidArgument: the addresses are not as described above. Any other error is
  // the kernel's, with a sentence that names the address.
  static absl::StatusOr<std::unique_ptr<UdpGate>> Open(Loop& loop, const UdpGateOptions& options,
                                                       GateSink& sink);

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override;
  void Drain() override { GiveToSink(); }
  void SetPeer(const GatePeer& peer) override;
  const GateCounters& counters() const override;
  GateStatus status() const override;

  wire::Endpoint local() const { return local_; }
  // Returns where the peer's payloads go now, at a gate with one flow.
  std::optional<wire::Endpoint> receiver() const { return sender_.receiver().ToEndpoint(); }

 private:
  // The most system calls and payloads of one turn, so that the loop's other callbacks run too.
  static constexpr size_t kReceivesPerTurn = 16;
  static constexpr size_t kPayloadsPerTurn = 128;

  // A socket of the gate's: that of a flow of the peer's, or its own.
  using Door = std::optional<uint8_t>;

  UdpGate(Loop& loop, os::UniqueFd fd, const wire::Endpoint& local, const UdpGateOptions& options,
          GateSink& sink);
  void NoteReady(Door door);
  void Work();
  bool ReceiveFrom(Door door);
  std::optional<wire::Flow> FlowOfNext();
  std::optional<wire::Flow> FlowOfSender();
  void Learn(const os::SocketAddress& sender);
  void DropAnswers();
  bool GiveToSink();
  bool tells_apart() const { return flows_ != nullptr && peer_.has_flows; }

  Loop& loop_;
  const os::UniqueFd fd_;
  const wire::Endpoint local_;
  GateSink& sink_;
  const GroReceiver::Admits admits_;        // at the gate's own socket
  const GroReceiver::Admits from_deliver_;  // at those of flows
  const std::function<void(const std::string&)> say_;
  wire::Instant say_after_{};
  bool learn_receiver_ = true;  // `deliver` is not set
  bool held_ = false;           // the sink took fewer than all: nothing is received until Resume
  GatePeer peer_ = {.has_flows = true};
  mutable GateCounters counters_;
  mutable uint32_t overruns_ = 0;  // of the socket's buffer, as far as they are in counters_
  GsoSender sender_;
  GroReceiver receiver_;
  Door received_by_;        // what the receiver has came by this one
  std::deque<Door> ready_;  // there may be more in these
  Task more_;
  std::unique_ptr<Flows> flows_;  // null: there is one flow
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_UDP_GATE_H_
