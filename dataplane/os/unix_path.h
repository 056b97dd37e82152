// Unix sockets at paths: how a server's socket gets its file, and how the file goes away.
//
// A file that a dead server left is replaced; one that a live server answers at, or that is no
// socket, is an error and stays. A server that was killed a moment ago still answers until the
// kernel has torn it down: it is looked at again for a second. Nobody can reach the socket before
// its owner and mode are set. Set-up path: may sleep.
#ifndef WARP_DATAPLANE_OS_UNIX_PATH_H_
#define WARP_DATAPLANE_OS_UNIX_PATH_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace warp::os {

struct UnixPathOptions {
  std::string path;  // its last directory is made if missing
  mode_t mode = 0660;
  std::optional<std::string> owner;  // names of this machine's; unset: as the process
  std::optional<std::string> group;
};

// Owns the file, not the socket.
class UnixPath {
 public:
  // Binds `fd`, an unbound Unix socket of any type. Errors name the path: InvalidArgument (length),
  // NotFound (no such user or group), AlreadyExists, PermissionDenied, Unavailable.
  static absl::StatusOr<UnixPath> Bind(int fd, const UnixPathOptions& options);

  UnixPath(UnixPath&& other) noexcept;
  UnixPath& operator=(UnixPath&&) = delete;
  ~UnixPath();  // removes the file, if it is still this one

  const std::string& path() const { return path_; }

 private:
  UnixPath(std::string path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}

  std::string path_;  // empty: moved away
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_UNIX_PATH_H_
