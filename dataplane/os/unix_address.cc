#include "dataplane/os/unix_address.h"

#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace warp::os {
namespace {

constexpr size_t kPathAt = offsetof(sockaddr_un, sun_path);

}  // namespace

absl::StatusOr<UnixAddress> UnixAddress::Of(const std::string& path) {
  UnixAddress made;
  if (path.empty() || path.size() >= sizeof(made.address_.sun_path))
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\": a socket's path has 1 to ",
                                                   sizeof(made.address_.sun_path) - 1, " bytes"));
  std::memcpy(made.address_.sun_path, path.data(), path.size());
  made.size_ = static_cast<socklen_t>(kPathAt + path.size() + 1);
  return made;
}

absl::StatusOr<UnixAddress> UnixAddress::Abstract(const std::string& name) {
  UnixAddress made;
  if (name.empty() || name.size() >= sizeof(made.address_.sun_path))
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\": a socket's name has 1 to ",
                                                   sizeof(made.address_.sun_path) - 1, " bytes"));
  std::memcpy(made.address_.sun_path + 1, name.data(), name.size());
  made.size_ = static_cast<socklen_t>(kPathAt + 1 + name.size());
  return made;
}

UnixAddress UnixAddress::Of(const sockaddr_un& address, socklen_t size) {
  UnixAddress made;
  if (size <= kPathAt || size > sizeof(address)) return made;
  std::memcpy(&made.address_, &address, size);
  made.size_ = size;
  return made;
}

std::string UnixAddress::path() const {
  if (address_.sun_family != AF_UNIX || size_ <= kPathAt || size_ > capacity()) return "";
  return {address_.sun_path, strnlen(address_.sun_path, size_ - kPathAt)};
}

bool operator==(const UnixAddress& a, const UnixAddress& b) {
  return a.size_ == b.size_ && std::memcmp(&a.address_, &b.address_, a.size_) == 0;
}

}  // namespace warp::os
