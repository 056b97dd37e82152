#include "map-server/server/status_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "map-server/constants.h"

namespace warp::map {
namespace {

absl::Status Failure(const std::string& path, int error) {
  return os::ErrnoStatus(error, "control socket ", path);
}

int Bind(int fd, const sockaddr_un& address) {
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

// Removes the file where it is a socket that nobody listens on.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) return Failure(path, errno);
  if (!S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat("control socket ", path, ": another file stands there"));
  }
  const os::UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return Failure(path, errno);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        absl::StrCat("control socket ", path, ": another program is listening there"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : Failure(path, errno);
}

}  // namespace

StatusSocket::StatusSocket(os::UniqueFd fd, std::string path, const struct stat& file)
    : fd_(std::move(fd)), path_(std::move(path)), device_(file.st_dev), inode_(file.st_ino) {}

StatusSocket::~StatusSocket() {
  // Only our own: somebody may have replaced it.
  struct stat file;
  if (lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_)
    unlink(path_.c_str());
}

absl::StatusOr<std::unique_ptr<StatusSocket>> StatusSocket::Open(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("control socket \"", path,
                                                   "\": a path has 1 to ",
                                                   sizeof(address.sun_path) - 1, " characters"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure(path, errno);
  if (const size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    mkdir(path.substr(0, slash).c_str(), 0755);
  }
  // The file gets the socket's mode, less the umask: it is never wider than in the end.
  fchmod(fd.get(), 0660);
  int error = Bind(fd.get(), address);
  if (error == EADDRINUSE) {
    if (absl::Status status = RemoveStale(path, address); !status.ok()) return status;
    error = Bind(fd.get(), address);
  }
  if (error != 0) return Failure(path, error);
  struct stat file;
  if (chmod(path.c_str(), 0660) != 0 || lstat(path.c_str(), &file) != 0 ||
      listen(fd.get(), static_cast<int>(kMaxStatusClients)) != 0) {
    error = errno;
    unlink(path.c_str());
    return Failure(path, error);
  }
  return std::unique_ptr<StatusSocket>(new StatusSocket(std::move(fd), path, file));
}

void StatusSocket::Serve(absl::FunctionRef<std::string()> text) {
  for (size_t i = 0; i < kMaxStatusClients; ++i) {
    const os::UniqueFd client(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) return;
    // A few kilobytes into an empty buffer: it takes all of it, or the client has gone.
    const std::string answer = text();
    (void)!send(client.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    // What the client said is of no interest, but left unread it would turn the end of our text into an error.
    std::array<char, 4096> nothing;
    (void)!recv(client.get(), nothing.data(), nothing.size(), MSG_DONTWAIT);
  }
}

}  // namespace warp::map
