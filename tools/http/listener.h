// Where something is served: a listening socket at an address or at a path.
#ifndef WARP_TOOLS_HTTP_LISTENER_H_
#define WARP_TOOLS_HTTP_LISTENER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_path.h"

namespace warp::tools {

struct Listener {
  os::UniqueFd fd;
  std::optional<os::UnixPath> file;  // removed at the end

  // `where`: "127.0.0.1:9116", "[::1]:9116" or "unix:PATH". `refusal` says why an address that others reach is
  // InvalidArgument, and is empty where it is none. A Unix socket has the mode 0660. The socket does not block. Errors
  // name the place.
  static absl::StatusOr<Listener> Open(const std::string& where, absl::string_view refusal);
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_HTTP_LISTENER_H_
