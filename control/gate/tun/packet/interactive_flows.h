// Which packets others wait for: they open a connection or keep it going, and whoever waits for them waits for
// everything behind them. These are segments of TCP without data (SYN, ACK), and DNS.
//
// They may overtake all that waits, but nothing of their own flow. A receiver would take an acknowledgement that comes
// before data of its own flow (RFC 9293 section 3.10.7.4: it lies in the window), and forget of it what it says of the
// window; but a FIN or a RST it must not overtake, and whoever watches the connection on the way may take it for a
// stranger's. So a segment counts as interactive only where its flow has sent none of the other kind in this direction
// for kQuiet, so that nothing of those is on its way any more. Segments that end a flow are of the other kind.
//
// Pure; any one thread.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_INTERACTIVE_FLOWS_H_
#define WARP_CONTROL_GATE_TUN_PACKET_INTERACTIVE_FLOWS_H_

#include <chrono>
#include <cstddef>
#include <memory>

#include "control/gate/tun/packet/inner_packet.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class InteractiveFlows {
 public:
  // For so long a flow has sent nothing but interactive segments before the next one counts as such: longer than
  // anything of it can be on its way.
  static constexpr wire::Duration kQuiet = std::chrono::seconds(1);

  InteractiveFlows();

  // Whether the packet, the next one of its flow in this direction, is interactive. `now` never falls.
  bool IsInteractive(wire::Instant now, wire::Bytes packet, const InnerPacket& inner);

 private:
  // Flows are told apart by so many slots. Two of one slot are one flow: then fewer packets count as interactive.
  static constexpr size_t kSlots = 8192;

  // When a flow has sent a segment of the other kind last.
  std::unique_ptr<wire::Instant[]> busy_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_INTERACTIVE_FLOWS_H_
