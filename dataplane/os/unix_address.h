// The address of a Unix socket.
#ifndef WARP_DATAPLANE_OS_UNIX_ADDRESS_H_
#define WARP_DATAPLANE_OS_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>

namespace warp::tools {

class UnixAddress {
 public:
  static constexpr size_t kMaxSize = sizeof(sockaddr_un);

  UnixAddress() = default;  // to be filled by the kernel

  // None if the kernel would cut the path (unix(7): 107 bytes).
  static std::optional<UnixAddress> Of(const std::string& path) {
    UnixAddress result;
    if (path.empty() || path.size() >= sizeof result.address_.sun_path) return std::nullopt;
    result.address_.sun_family = AF_UNIX;
    path.copy(result.address_.sun_path, path.size());
    return result;
  }

  // Its path; empty for what has none: unnamed, abstract or of another family.
  std::string path() const {
    const size_t room = size_ > kPathAt ? size_ - kPathAt : 0;
    if (address_.sun_family != AF_UNIX || room == 0) return "";
    return std::string(address_.sun_path, ::strnlen(address_.sun_path, room));
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&address_); }
  socklen_t& size() { return size_; }
  socklen_t size() const { return size_; }

 private:
  static constexpr size_t kPathAt = offsetof(sockaddr_un, sun_path);

  sockaddr_un address_{};
  socklen_t size_ = sizeof address_;
};

}  // namespace warp::tools

#endif  // WARP_DATAPLANE_OS_UNIX_ADDRESS_H_
