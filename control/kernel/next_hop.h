// How a datagram gets from an interface towards an address: what the kernel's routes and neighbours
// say.
#ifndef WARP_CONTROL_KERNEL_NEXT_HOP_H_
#define WARP_CONTROL_KERNEL_NEXT_HOP_H_

#include <cstdint>
#include <string>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {

struct NextHop {
  enum class State : uint8_t {
    kResolving,    // asked; nothing known yet
    kReachable,    // every field below is valid
    kUnreachable,  // `reason` says why; goes on trying
  };
  State state = State::kResolving;
  wire::IpAddress source;   // of ours, as the kernel would choose it; unspecified while unknown
  wire::IpAddress gateway;  // whose link-layer address it is: a router's (IPv6: often link-local),
                            // or the destination's own
  wire::MacAddress mac;
  uint32_t mtu = 0;  // bytes of IP packet that fit this route
  std::string
      reason;  // a sentence for status, empty where reachable: "no route to 192.0.2.1 through wan0"

  bool reachable() const { return state == State::kReachable; }
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NEXT_HOP_H_
