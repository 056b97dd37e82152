// The socket that stands for one application at the peer, as that of a NAT does: a server behind the gate sees each
// of them at an address of its own, and what it answers there comes back to the right one. Control thread only.
//
// The flow begins at the gate's `deliver`. A server may answer from another port of that address, as TFTP does; from
// then on the flow goes on with that port, until nobody is there any more: then it begins anew at `deliver`. Nobody
// else may send here (foreign_sender).
#ifndef WARP_CONTROL_GATE_UDP_FLOW_SOCKET_H_
#define WARP_CONTROL_GATE_UDP_FLOW_SOCKET_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "control/gate/gate.h"
#include "control/gate/udp/gso_sender.h"
#include "control/loop/loop.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class FlowSocket {
 public:
  struct Options {
    wire::IpAddress local;   // that it is bound to; the kernel chooses the port
    wire::Endpoint deliver;  // of the same family
    size_t receive_buffer = 0;
    bool marks = false;  // DSCPs are carried both ways
  };

  // `ready` is called when something can be received. Null: the kernel gives no socket or port.
  static std::unique_ptr<FlowSocket> Open(Loop& loop, const Options& options,
                                          GateCounters& counters, std::function<void()> ready);

  int fd() const { return fd_.get(); }
  // To whom the flow goes on now.
  GsoSender& sender() {
    if (sender_.TakeGone()) sender_.SetReceiver(deliver_);
    return sender_;
  }
  // The server answered from here.
  void Follow(const os::SocketAddress& source) { sender_.SetReceiver(source); }

  void NoteUse(wire::Instant now) { used_ = now; }
  wire::Instant used() const { return used_; }

 private:
  FlowSocket(Loop& loop, os::UniqueFd fd, const Options& options, GateCounters& counters,
             std::function<void()> ready);

  const os::UniqueFd fd_;
  const os::SocketAddress deliver_;
  GsoSender sender_;
  wire::Instant used_{};
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_FLOW_SOCKET_H_
