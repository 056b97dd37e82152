// The control socket: whoever connects gets one text, and the connection ends. `warp status` reads it.
#ifndef WARP_MAP_SERVER_SERVER_STATUS_SOCKET_H_
#define WARP_MAP_SERVER_SERVER_STATUS_SOCKET_H_

#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::map {

class StatusSocket {
 public:
  // Mode 0660. The last directory of `path` is made if it is missing; a socket file nobody listens on is replaced. Errors
  // are one sentence that names the path.
  static absl::StatusOr<std::unique_ptr<StatusSocket>> Open(const std::string& path);
  ~StatusSocket();  // removes the file

  int fd() const { return fd_.get(); }
  // Answers those who wait, at most kMaxStatusClients of them; never blocks.
  void Serve(absl::FunctionRef<std::string()> text);

 private:
  StatusSocket(os::UniqueFd fd, std::string path, const struct stat& file);

  const os::UniqueFd fd_;
  const std::string path_;
  const dev_t device_;
  const ino_t inode_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_STATUS_SOCKET_H_
