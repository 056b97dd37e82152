// The MTU that a port without one in the file takes over from its interface.
#ifndef WARP_CONTROL_LINK_FOLLOWED_MTU_H_
#define WARP_CONTROL_LINK_FOLLOWED_MTU_H_

#include <algorithm>
#include <cstdint>

#include "control/config/node_config.h"

namespace warp::control {

// What an interface may say is 32 bits, and whoever gives out its address by DHCP may have set it. So packet buffers
// follow up to the largest that Ethernet has; those of af_xdp have to fit a page of the kernel's. More than an IP
// packet can have is what loopback says, which sends no such packets for us.
inline uint16_t FollowedMtu(const config::PortConfig& port, uint32_t interface_mtu) {
  constexpr uint32_t kMost = 9600, kMostInPages = 3310;
  constexpr uint16_t kUsual = 1500;
  if (interface_mtu > UINT16_MAX) return kUsual;
  const wire::KernelDevice* const device = port.kernel_device();
  const bool in_pages = device != nullptr && device->driver == wire::KernelDriver::kAfXdp;
  return static_cast<uint16_t>(std::min(interface_mtu, in_pages ? kMostInPages : kMost));
}

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_FOLLOWED_MTU_H_
