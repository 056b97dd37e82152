#include "tools/run/run_gate.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {

bool RunGate::IsAt(const std::string& path, pid_t thread) const {
  if (path.empty()) return false;
  if (path == path_) return true;
  struct stat gate, other;
  if (::stat(path_.c_str(), &gate) != 0) return false;
  std::string seen = path;
  if (thread != 0) {
    seen = absl::StrCat("/proc/", thread, path.front() == '/' ? "/root" : "/cwd/", path);
  }
  return ::stat(seen.c_str(), &other) == 0 && other.st_dev == gate.st_dev &&
         other.st_ino == gate.st_ino;
}

std::optional<RunGate::Identity> RunGate::Now() const {
  struct stat status;
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

bool RunGate::StillIs(const Identity& identity) const {
  const absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(path_);
  const os::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Connecting to the file of a closed socket is refused. The order matters, since a socket that was found alive may be
  // a successor.
  return address.ok() && ::connect(fd.get(), address->get(), address->size()) == 0 &&
         Now() == identity;
}

}  // namespace warp::tools
