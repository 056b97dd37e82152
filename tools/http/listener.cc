#include "tools/http/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/wire/endpoint.h"

namespace warp::tools {
namespace {

constexpr int kBacklog = 16;
constexpr int kKind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

absl::StatusOr<Listener> AtPath(const std::string& path) {
  Listener listener{.fd = os::UniqueFd(socket(AF_UNIX, kKind, 0))};
  if (!listener.fd) return os::ErrnoStatus(errno, "unix:", path);
  absl::StatusOr<os::UnixPath> file = os::UnixPath::Bind(listener.fd.get(), {.path = path});
  if (!file.ok()) return file.status();
  listener.file.emplace(*std::move(file));
  return listener;
}

absl::StatusOr<Listener> AtAddress(const std::string& where, absl::string_view refusal) {
  const absl::StatusOr<wire::Endpoint> endpoint = wire::Endpoint::Parse(where);
  if (!endpoint.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", where, "\" is neither unix:PATH nor an address such as 127.0.0.1:9116"));
  }
  if (!endpoint->address.is_loopback() && !refusal.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", refusal));
  }
  const os::SocketAddress address(*endpoint);
  Listener listener{.fd = os::UniqueFd(socket(address.family(), kKind, 0))};
  const int on = 1;
  setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!listener.fd || bind(listener.fd.get(), address.get(), address.size()) != 0) {
    return os::ErrnoStatus(errno, where);
  }
  return listener;
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const std::string& where, absl::string_view refusal) {
  absl::string_view path = where;
  absl::StatusOr<Listener> listener =
      absl::ConsumePrefix(&path, "unix:") ? AtPath(std::string(path)) : AtAddress(where, refusal);
  if (listener.ok() && listen(listener->fd.get(), kBacklog) != 0) {
    return os::ErrnoStatus(errno, where);
  }
  return listener;
}

}  // namespace warp::tools
