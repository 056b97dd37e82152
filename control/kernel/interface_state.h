// What a port needs to know of a network interface of the kernel.
#ifndef WARP_CONTROL_KERNEL_INTERFACE_STATE_H_
#define WARP_CONTROL_KERNEL_INTERFACE_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/nat64_prefix.h"

namespace warp::control {

struct InterfaceState {
  std::string name;
  int index = 0;          // 0: there is no interface of that name
  bool admin_up = false;  // ip link set up
  bool carrier = false;   // the link has a signal
  bool ethernet = false;  // has Ethernet addresses (ARPHRD_ETHER)
  wire::MacAddress mac;   // where ethernet
  uint32_t mtu = 0;       // bytes of IP packet
  int over = 0;  // the index of the interface that it stands on, such as that of a VLAN; 0: none
  // The addresses that can be used now, in the kernel's order. An IPv6 address is missing while duplicate address
  // detection goes on, or where it has failed.
  std::vector<wire::IpAddress> addresses;  // of global scope: what a peer may be told
  // fe80::/10 and 169.254.0.0/16: ours, but of no use beyond the link.
  std::vector<wire::IpAddress> link_locals;
  // Of both: still ours, but with a successor that the kernel prefers (RFC 4862).
  std::vector<wire::IpAddress> deprecated;
  std::vector<wire::IpAddress>
      broadcasts;  // of its IPv4 subnets; those of 31 and 32 bits have none
  // By which its network translates to IPv4, as its routers advertise (RFC 8781), the one that has stood longest first.
  std::vector<wire::Nat64Prefix> translating;

  bool present() const { return index != 0; }
  bool up() const { return present() && admin_up && carrier; }
  friend bool operator==(const InterfaceState&, const InterfaceState&) = default;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_INTERFACE_STATE_H_
