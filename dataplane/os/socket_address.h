// Endpoints as the socket calls want them.
#ifndef WARP_DATAPLANE_OS_SOCKET_ADDRESS_H_
#define WARP_DATAPLANE_OS_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "dataplane/wire/endpoint.h"

namespace warp::os {

// One sockaddr_in or sockaddr_in6; the endpoint's family decides which. No flow label.
class SocketAddress {
 public:
  SocketAddress() = default;  // AF_UNSPEC
  // `interface`: the index of the one that a link-local address belongs to; 0: none.
  explicit SocketAddress(const wire::Endpoint& endpoint, uint32_t interface = 0);

  // nullopt of other families.
  std::optional<wire::Endpoint> ToEndpoint() const;

  int family() const { return any_.sa_family; }
  // Of a link-local address of IPv6: the index of its interface. 0 of others.
  uint32_t interface() const { return any_.sa_family == AF_INET6 ? v6_.sin6_scope_id : 0; }
  sockaddr* get() { return &any_; }
  const sockaddr* get() const { return &any_; }
  socklen_t size() const { return any_.sa_family == AF_INET6 ? sizeof(v6_) : sizeof(v4_); }
  static constexpr socklen_t capacity() { return sizeof(sockaddr_in6); }

  // 127.0.0.0/8 or ::1.
  bool is_loopback() const;

  // Compares only addresses and ports.
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  union {
    sockaddr any_;
    sockaddr_in v4_;
    sockaddr_in6 v6_{};
  };
};

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_SOCKET_ADDRESS_H_
