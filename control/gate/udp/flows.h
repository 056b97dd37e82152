// The flows of a gate that tells its applications apart: who has which number, and by which socket each is sent to.
//
//   applications here   ──► the gate's socket ──► NumberOf ──► the peer          number: ours
//                       ◄── the gate's socket ◄── Deliver  ◄── answers           (wire::Flow::answer)
//   `deliver` here      ◄── the flow's socket ◄── Deliver  ◄── applications there  number: the peer's
//                       ──► the flow's socket ──► answers  ──► the peer
//
// Both sides may have applications, since each number is that of the side that gave it. A number of ours lasts a little
// longer than the peer's socket for it, so that whoever gets it next finds nothing of whoever had it before. While the
// peer is out of reach none of ours ends, as a server there may go on sending what does not arrive here. Control thread
// only.
#ifndef WARP_CONTROL_GATE_UDP_FLOWS_H_
#define WARP_CONTROL_GATE_UDP_FLOWS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "control/gate/delivery.h"
#include "control/gate/gate.h"
#include "control/gate/udp/flow_numbers.h"
#include "control/gate/udp/flow_socket.h"
#include "control/gate/udp/gso_sender.h"
#include "control/loop/loop.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Flows {
 public:
  static constexpr size_t kMost = 256;
  // How long the peer's flows last while nothing is sent by them either way; ours last a fifth longer. RFC 4787 asks
  // for two minutes at least and recommends five.
  static constexpr wire::Duration kIdle = std::chrono::minutes(5);

  struct Options {
    size_t limit = 2;  // numbers of each side are below; at most kMost
    wire::Duration idle = kIdle;
    wire::IpAddress local;                  // that the peer's flows are sent from
    std::optional<wire::Endpoint> deliver;  // where the peer's flows begin; unset: it may have none
    size_t receive_buffer = 0;              // bytes, of each of the peer's flows
    bool marks = false;                     // DSCPs are carried both ways
  };

  // `fd` is the gate's socket; it, `loop` and `counters` outlive this. `ready` is told the number of a flow of the
  // peer's by whose socket something has come.
  Flows(Loop& loop, int fd, const Options& options, GateCounters& counters,
        std::function<void(uint8_t number)> ready);

  // Of a sender at the gate's socket. nullopt: all numbers are in use.
  std::optional<wire::Flow> FlowOf(const os::SocketAddress& sender);

  // Takes a payload of the peer. It leaves with the next Flush, or is dropped and counted: unknown_flow, no_receiver,
  // or no_flow where there is no socket.
  void Deliver(Delivery payload);
  void Flush();

  // A flow of the peer's; null: there is none of this number.
  FlowSocket* Find(uint8_t number) { return sockets_[number].get(); }
  // Ends all flows of the peer's, of which it knows nothing any more.
  void ForgetPeer();
  // Whether the peer can be sent to.
  void SetReached(bool reached);

  size_t ours() const { return numbers_.used(); }
  size_t of_peer() const { return of_peer_; }

 private:
  GsoSender* SenderTo(const wire::Flow& flow, wire::Drop* drop);
  GsoSender* SenderToOurs(uint8_t number, wire::Drop* drop);
  void Expire();

  Loop& loop_;
  const int fd_;
  const Options options_;
  GateCounters& counters_;
  const std::function<void(uint8_t)> ready_;
  FlowNumbers numbers_;                       // ours
  std::array<uint32_t, kMost> interfaces_{};  // by number of ours: that of a link-local sender
  bool reached_ = true;
  std::array<std::unique_ptr<GsoSender>, kMost>
      senders_;  // by number of ours, where one is sent to
  std::array<std::unique_ptr<FlowSocket>, kMost> sockets_;  // by number of the peer's
  size_t of_peer_ = 0;
  std::vector<GsoSender*> to_flush_;
  Timer expire_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_FLOWS_H_
