#include "dataplane/os/kernel_ports.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cstdio>

#include "dataplane/os/socket_options.h"
#include "dataplane/os/unique_fd.h"

namespace warp::os {
namespace {

constexpr int kSomeBuffer = 1 << 20;

bool IsEthernet(const std::string& interface) {
  ifreq request{};
  if (interface.size() >= sizeof(request.ifr_name)) return false;
  interface.copy(request.ifr_name, interface.size());
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd && ioctl(fd.get(), SIOCGIFHWADDR, &request) == 0 &&
         request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
}

// With protocol 0 the socket receives nothing. Its buffer needs another right than itself.
bool PacketSocketsAllowed() {
  const UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  return fd && EnlargeSocketBuffer(fd.get(), SocketBuffer::kReceive, kSomeBuffer);
}

}  // namespace

bool PacketSocketsJoin() {
  utsname kernel{};
  int major = 0, minor = 0;
  return uname(&kernel) == 0 && std::sscanf(kernel.release, "%d.%d", &major, &minor) == 2 &&
         (major > 6 || (major == 6 && minor >= 2));
}

wire::DriverFacts ReadDriverFacts(const std::string& interface) {
  return {.ethernet = IsEthernet(interface),
          .packet_sockets_allowed = PacketSocketsAllowed(),
          .packet_sockets_join = PacketSocketsJoin()};
}

}  // namespace warp::os
