// A running warpd: its parts (assembly.h), and the turns of the control thread that drive them (turn.h).
#ifndef WARP_CONTROL_DAEMON_DAEMON_H_
#define WARP_CONTROL_DAEMON_DAEMON_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/daemon/assembly.h"
#include "control/daemon/turn.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Daemon {
 public:
  // `file` is where the configuration is from, and is read again at a reload. `hooks`: of hook::StartHookProcess, or
  // invalid. The error says in one sentence what could not be opened; nothing is left behind then.
  static absl::StatusOr<std::unique_ptr<Daemon>> Open(config::NodeConfig config,
                                                      const std::string& file, os::UniqueFd hooks);

  // Runs until SIGTERM or SIGINT comes; then sends what waits, says goodbye to peers and maps, and returns. The thread
  // that called Open calls it, once.
  void Run();

 private:
  explicit Daemon(std::unique_ptr<Assembly> parts);
  void Stop();
  bool SaidGoodbye() const;
  template <typename Done>
  void TurnFor(wire::Duration time, Done done);

  const std::unique_ptr<Assembly> parts_;
  Turn turn_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_DAEMON_H_
