// What the kernel says of a network interface, as far as a port cares.
#ifndef WARP_CONTROL_KERNEL_INTERFACE_STATE_H_
#define WARP_CONTROL_KERNEL_INTERFACE_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {

struct InterfaceState {
  std::string name;
  int index = 0;          // 0: there is no interface of that name
  bool admin_up = false;  // ip link set up
  bool carrier = false;   // the link has a signal
  bool ethernet = false;  // has Ethernet addresses (ARPHRD_ETHER)
  wire::MacAddress mac;   // where ethernet
  uint32_t mtu = 0;       // bytes of IP packet
  // Usable now, in the kernel's order: no tentative (IPv6 duplicate address detection is going on)
  // or failed ones, no multicast.
  std::vector<wire::IpAddress> addresses;  // of global scope: what a peer may be told
  std::vector<wire::IpAddress>
      link_locals;  // fe80::/10 and 169.254.0.0/16: ours, but of no use beyond the link

  bool present() const { return index != 0; }
  bool up() const { return present() && admin_up && carrier; }
  friend bool operator==(const InterfaceState&, const InterfaceState&) = default;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_INTERFACE_STATE_H_
