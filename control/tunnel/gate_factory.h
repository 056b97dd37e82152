// Opens the gate that a tunnel's configuration asks for, and owns what the gates of one kind share.
// Control thread only.
#ifndef WARP_CONTROL_TUNNEL_GATE_FACTORY_H_
#define WARP_CONTROL_TUNNEL_GATE_FACTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/gate/gate.h"
#include "control/gate/unix/short_queue_sockets.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/loop.h"

namespace warp::control {

class GateFactory {
 public:
  // `loop` outlives it; it outlives its gates.
  explicit GateFactory(Loop& loop) : loop_(loop) {}

  // `sink` outlives the gate. The error is one sentence and names the address or path.
  absl::StatusOr<std::unique_ptr<Gate>> Open(const config::TunnelConfig& tunnel, GateSink& sink);

 private:
  absl::StatusOr<std::unique_ptr<Gate>> OpenUnix(const config::TunnelConfig& tunnel,
                                                 GateSink& sink);

  Loop& loop_;
  // Made for the first gate that needs them.
  std::unique_ptr<ShortQueueSockets> sockets_;
  std::unique_ptr<UnixReceiver> receiver_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_GATE_FACTORY_H_
