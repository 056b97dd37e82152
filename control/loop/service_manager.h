// What a daemon tells the service manager that started it (systemd), by datagrams as sd_notify(3) describes them: that
// it serves, how it is, that it lives, and that it ends.
//
// The library call for it (libsystemd) waits while the manager does not read, and whoever turns a loop must not. So
// datagrams are sent without waiting here, and what could not be told is told later: each datagram says everything that
// is still to be told. A daemon that no manager started, or one that wants to hear nothing, tells nobody.
//
// The watchdog's sign of life is a timer of the loop: a loop that no longer turns gives none, and is then restarted.
#ifndef WARP_CONTROL_LOOP_SERVICE_MANAGER_H_
#define WARP_CONTROL_LOOP_SERVICE_MANAGER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// What the manager says to a process that it starts.
struct ServiceEnvironment {
  std::string socket;  // NOTIFY_SOCKET: a path, or @ and an abstract name; empty: nobody listens
  wire::Duration watchdog;  // WATCHDOG_USEC: a longer silence is taken for a fault; 0: no watchdog

  // Reads the environment of this process, and removes from it what is not for processes that this one starts. Before
  // any other thread is started.
  static ServiceEnvironment Take();
};

class ServiceManager {
 public:
  // Unavailable where the process is out of descriptors. An address that cannot be one is as none.
  static absl::StatusOr<std::unique_ptr<ServiceManager>> Open(
      Loop& loop, const ServiceEnvironment& environment);

  // The daemon serves. From now on it gives signs of life.
  void Ready();
  // The daemon begins to end, and gives no more signs of life.
  void Stopping();
  // What it is doing, in a line for people, which replaces the one before. Told once a second at most.
  void SetStatus(absl::string_view status);

 private:
  ServiceManager(Loop& loop, os::UniqueFd socket, os::UnixAddress address, wire::Duration watchdog);
  bool listens() const { return address_.size() > 0; }
  void Tell();
  void GiveSign();

  Loop& loop_;
  const os::UniqueFd socket_;
  const os::UnixAddress address_;
  const wire::Duration sign_interval_;  // 0: no watchdog
  // What is still to be told: lines of the protocol.
  std::string news_;
  std::string status_;
  bool status_told_ = true;
  wire::Instant next_status_;
  Timer tell_;  // tells later
  Timer sign_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_SERVICE_MANAGER_H_
