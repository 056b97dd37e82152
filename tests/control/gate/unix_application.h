// An application at a Unix gate. It has a socket of either type, as unmodified programs do, which blocks only on
// demand.
#ifndef WARP_TESTS_CONTROL_GATE_UNIX_APPLICATION_H_
#define WARP_TESTS_CONTROL_GATE_UNIX_APPLICATION_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "dataplane/os/unix_path.h"

namespace warp::control {

class UnixApplication {
 public:
  explicit UnixApplication(int type = SOCK_DGRAM, int flags = SOCK_NONBLOCK)
      : fd_(socket(AF_UNIX, type | flags | SOCK_CLOEXEC, 0)) {}

  int Bind(const std::string& path) {
    const os::UnixAddress address = *os::UnixAddress::Of(path);
    return bind(fd_.get(), address.get(), address.size()) == 0 ? 0 : errno;
  }
  int Connect(const std::string& path) {
    const os::UnixAddress address = *os::UnixAddress::Of(path);
    return connect(fd_.get(), address.get(), address.size()) == 0 ? 0 : errno;
  }
  // Sends to the connected gate, or to `path`. Returns 0 or the errno.
  int Send(const std::string& payload) {
    return send(fd_.get(), payload.data(), payload.size(), MSG_NOSIGNAL) >= 0 ? 0 : errno;
  }
  int SendTo(const std::string& path, const std::string& payload) {
    const os::UnixAddress address = *os::UnixAddress::Of(path);
    const ssize_t sent = sendto(fd_.get(), payload.data(), payload.size(), MSG_NOSIGNAL,
                                address.get(), address.size());
    return sent >= 0 ? 0 : errno;
  }
  std::optional<std::string> Receive() {
    std::string payload(1 << 17, '\0');
    const ssize_t size = recv(fd_.get(), payload.data(), payload.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    payload.resize(static_cast<size_t>(size));
    return payload;
  }
  std::vector<std::string> ReceiveAll() {
    std::vector<std::string> all;
    while (const std::optional<std::string> payload = Receive()) all.push_back(*payload);
    return all;
  }
  bool Writable() const { return Ready(POLLOUT); }
  bool Ready(int16_t events, int timeout_ms = 0) const {
    pollfd entry = {.fd = fd_.get(), .events = events, .revents = 0};
    return poll(&entry, 1, timeout_ms) == 1 && (entry.revents & events) != 0;
  }
  int fd() const { return fd_.get(); }
  void Close() { fd_.Close(); }

 private:
  os::UniqueFd fd_;
};

// A temporary directory for one test. It is removed with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = ::testing::TempDir() + "warp-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    if (std::system(("rm -rf " + path_).c_str()) != 0) ADD_FAILURE() << path_;
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_GATE_UNIX_APPLICATION_H_
