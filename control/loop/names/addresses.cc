#include "control/loop/names/addresses.h"

#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {

void AddAddress(const sockaddr* address, socklen_t size, std::vector<wire::IpAddress>& addresses) {
  if (size > os::SocketAddress::capacity()) return;
  os::SocketAddress copy;
  std::memcpy(copy.get(), address, size);
  if (const std::optional<wire::Endpoint> endpoint = copy.ToEndpoint())
    addresses.push_back(endpoint->address);
}

absl::StatusOr<std::vector<wire::IpAddress>> SystemLookUp(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0)
    return absl::NotFoundError(error == EAI_SYSTEM ? os::ErrnoText(errno) : gai_strerror(error));
  std::vector<wire::IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    AddAddress(entry->ai_addr, entry->ai_addrlen, addresses);
  }
  freeaddrinfo(list);
  return addresses;
}

}  // namespace warp::control
