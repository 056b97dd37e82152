// The address of a Unix socket, a sockaddr_un (unix(7)): a path, an abstract name, or none.
#ifndef WARP_DATAPLANE_OS_UNIX_ADDRESS_H_
#define WARP_DATAPLANE_OS_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "absl/status/statusor.h"

namespace warp::os {

class UnixAddress {
 public:
  static constexpr socklen_t capacity() { return sizeof(sockaddr_un); }

  UnixAddress() = default;  // none
  // InvalidArgument unless the path has 1 to 107 bytes: the kernel would cut a longer one.
  static absl::StatusOr<UnixAddress> Of(const std::string& path);
  // A name without a file, which lasts as long as its socket, in its network namespace. InvalidArgument unless it has 1
  // to 107 bytes.
  static absl::StatusOr<UnixAddress> Abstract(const std::string& name);
  // As the kernel tells a sender's; `size` is msg_namelen's.
  static UnixAddress Of(const sockaddr_un& address, socklen_t size);

  // Returns whether the address can be answered from any network namespace and directory: it is an absolute path, and
  // neither abstract nor missing.
  bool is_reachable() const { return size_ > 0 && address_.sun_path[0] == '/'; }
  // Returns the path. Empty for an address without one: unnamed, abstract or of another family.
  std::string path() const;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return size_; }
  // A system call may fill the address in through get(): at most capacity() bytes. set_size then says how many.
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&address_); }
  void set_size(socklen_t size) { size_ = size; }

  friend bool operator==(const UnixAddress& a, const UnixAddress& b);

 private:
  sockaddr_un address_{.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t size_ = 0;
};

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_UNIX_ADDRESS_H_
