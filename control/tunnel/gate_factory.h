// Opens the gate that a tunnel's configuration asks for, and owns what the gates of one kind share.
// Control thread only.
#ifndef WARP_CONTROL_TUNNEL_GATE_FACTORY_H_
#define WARP_CONTROL_TUNNEL_GATE_FACTORY_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/gate/gate.h"
#include "control/gate/tun/tun_interface.h"
#include "control/gate/unix/short_queue_sockets.h"
#include "control/gate/unix/unix_receiver.h"
#include "control/loop/helper_thread.h"
#include "control/loop/loop.h"

namespace warp::control {

class GateFactory {
 public:
  // `loop` outlives it; it outlives its gates.
  explicit GateFactory(Loop& loop) : loop_(loop) {}

  // Called with a sentence for the log, where an interface vanishes or is back, or another sender takes answers over.
  void set_warn(std::function<void(const std::string&)> warn) { warn_ = std::move(warn); }

  // `sink` outlives the gate. The error is one sentence and names the address, path or interface.
  absl::StatusOr<std::unique_ptr<Gate>> Open(const config::TunnelConfig& tunnel, GateSink& sink);

 private:
  absl::StatusOr<std::unique_ptr<Gate>> OpenUdp(const config::TunnelConfig& tunnel, GateSink& sink);
  absl::StatusOr<std::unique_ptr<Gate>> OpenUnix(const config::TunnelConfig& tunnel,
                                                 GateSink& sink);
  absl::StatusOr<std::unique_ptr<Gate>> OpenInterface(const config::TunnelConfig& tunnel,
                                                      GateSink& sink);
  absl::StatusOr<std::shared_ptr<TunInterface>> InterfaceOf(
      const config::InterfaceGateConfig& config, Layer layer);

  Loop& loop_;
  std::function<void(const std::string&)> warn_;
  // Made for the first gate that needs them.
  std::unique_ptr<ShortQueueSockets> sockets_;
  std::unique_ptr<UnixReceiver> receiver_;
  // Changes interfaces, for which the kernel may take its time.
  std::unique_ptr<HelperThread> helper_;
  std::unique_ptr<Watch> helper_watch_;
  absl::flat_hash_map<std::string, std::weak_ptr<TunInterface>> interfaces_;  // by name
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_GATE_FACTORY_H_
