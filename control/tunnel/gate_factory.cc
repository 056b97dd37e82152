#include "control/tunnel/gate_factory.h"

#include <utility>

#include "control/gate/loopback/loopback_gate.h"
#include "control/gate/unix/unix_datagram_gate.h"
#include "control/gate/unix/unix_seqpacket_gate.h"

namespace warp::control {

absl::StatusOr<std::unique_ptr<Gate>> GateFactory::Open(const config::TunnelConfig& tunnel,
                                                        GateSink& sink) {
  if (tunnel.gate.unix_socket.has_value()) return OpenUnix(tunnel, sink);
  const config::LoopbackGateConfig& config = *tunnel.gate.loopback;
  return LoopbackGate::Open(loop_, {.listen = config.listen, .deliver = config.deliver}, sink);
}

absl::StatusOr<std::unique_ptr<Gate>> GateFactory::OpenUnix(const config::TunnelConfig& tunnel,
                                                            GateSink& sink) {
  const config::UnixGateConfig& config = *tunnel.gate.unix_socket;
  if (receiver_ == nullptr) receiver_ = std::make_unique<UnixReceiver>();
  const UnixGateContext context{.loop = loop_, .receiver = *receiver_, .sink = sink};
  const os::UnixPathOptions path{
      .path = config.path, .mode = config.mode, .owner = config.owner, .group = config.group};
  if (config.type == config::UnixGateType::kSeqpacket) {
    return UnixSeqpacketGate::Open(
        context, {.path = path, .queue = config.queue, .deadline = tunnel.deadline});
  }
  if (sockets_ == nullptr) {
    absl::StatusOr<std::unique_ptr<ShortQueueSockets>> sockets = ShortQueueSockets::Open();
    if (!sockets.ok()) return sockets.status();
    sockets_ = *std::move(sockets);
  }
  return UnixDatagramGate::Open(context, *sockets_,
                                {.path = path,
                                 .queue = config.queue,
                                 .deliver = config.deliver,
                                 .deadline = tunnel.deadline});
}

}  // namespace warp::control
