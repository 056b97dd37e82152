// The control socket: whoever connects gets one text, and the connection ends. `warp status` reads
// it.
//
// Clients are the group's (mode 0660), yet not trusted: each has a limited time, and when there are
// too many the oldest is dropped for the newest, so that a hung one keeps nobody out. Control
// thread only.
#ifndef WARP_CONTROL_STATUS_STATUS_SERVER_H_
#define WARP_CONTROL_STATUS_STATUS_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control/loop/loop.h"

namespace warp::control {

struct StatusServerOptions {
  std::string path;  // its last directory is made if missing
  size_t max_clients = 16;
  wire::Duration patience = std::chrono::seconds(5);  // for one client to read everything
};

class StatusServer {
 public:
  // Asks `text` once for each client. A socket file nobody listens on is replaced; a live one is
  // AlreadyExists, another kind of file too.
  static absl::StatusOr<std::unique_ptr<StatusServer>> Create(Loop& loop,
                                                              const StatusServerOptions& options,
                                                              std::function<std::string()> text);
  virtual ~StatusServer() = default;  // closes the clients, removes the file
};

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_SERVER_H_
