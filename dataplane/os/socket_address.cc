#include "dataplane/os/socket_address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace warp::os {

SocketAddress::SocketAddress(const wire::Endpoint& endpoint, uint32_t interface) {
  if (endpoint.address.is_v4()) {
    v4_ = {.sin_family = AF_INET, .sin_port = htons(endpoint.port)};
    const auto bytes = endpoint.address.v4_bytes();
    std::memcpy(&v4_.sin_addr, bytes.data(), bytes.size());
  } else {
    v6_ = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port), .sin6_scope_id = interface};
    const auto& bytes = endpoint.address.bytes();
    std::memcpy(&v6_.sin6_addr, bytes.data(), bytes.size());
  }
}

std::optional<wire::Endpoint> SocketAddress::ToEndpoint() const {
  if (any_.sa_family == AF_INET) {
    std::array<uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4_.sin_addr, bytes.size());
    return wire::Endpoint{wire::IpAddress::V4(bytes), ntohs(v4_.sin_port)};
  }
  if (any_.sa_family == AF_INET6) {
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &v6_.sin6_addr, bytes.size());
    return wire::Endpoint{wire::IpAddress::V6(bytes), ntohs(v6_.sin6_port)};
  }
  return std::nullopt;
}

bool SocketAddress::is_loopback() const {
  if (any_.sa_family == AF_INET) return ntohl(v4_.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return any_.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6_.sin6_addr);
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  if (a.family() != b.family()) return false;
  if (a.family() == AF_INET)
    return a.v4_.sin_port == b.v4_.sin_port && a.v4_.sin_addr.s_addr == b.v4_.sin_addr.s_addr;
  return a.v6_.sin6_port == b.v6_.sin6_port &&
         IN6_ARE_ADDR_EQUAL(&a.v6_.sin6_addr, &b.v6_.sin6_addr);
}

}  // namespace warp::os
