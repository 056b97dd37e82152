#include "dataplane/os/kernel_ports.h"

#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
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

// The list has an entry of this family for each interface, whatever its addresses.
std::vector<Interface> ReadInterfaces() {
  std::vector<Interface> interfaces;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return interfaces;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET) continue;
    interfaces.push_back(
        {.name = entry->ifa_name,
         .index = reinterpret_cast<const sockaddr_ll*>(entry->ifa_addr)->sll_ifindex,
         .loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  freeifaddrs(list);
  std::sort(interfaces.begin(), interfaces.end(),
            [](const Interface& a, const Interface& b) { return a.index < b.index; });
  return interfaces;
}

}  // namespace warp::os
