// Where metrics are read: a listening socket at an address or at a path.
#ifndef WARP_TOOLS_METRICS_LISTENER_H_
#define WARP_TOOLS_METRICS_LISTENER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"

namespace warp::tools {

struct Listener {
  os::UniqueFd fd;
  std::optional<os::UnixPath> file;  // removed at the end

  // `where`: "127.0.0.1:9116", "[::1]:9116" or "unix:PATH". Metrics are neither encrypted nor behind a password, so
  // that an address that others reach is InvalidArgument unless `allow_remote`. A Unix socket has the mode 0660. Errors
  // name the place.
  static absl::StatusOr<Listener> Open(const std::string& where, bool allow_remote);
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_LISTENER_H_
