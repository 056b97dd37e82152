// How a datagram gets from an interface towards an address, as the kernel's routes and neighbours say.
#ifndef WARP_CONTROL_KERNEL_NEXT_HOP_H_
#define WARP_CONTROL_KERNEL_NEXT_HOP_H_

#include <cstdint>
#include <string>
#include <utility>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {

// The datagrams between two endpoints. The rules of a machine may give each flow another route (ip-rule(8)).
struct Flow {
  wire::Endpoint local;  // its address is unspecified: as the kernel chooses
  wire::Endpoint remote;

  friend bool operator==(const Flow&, const Flow&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Flow& f) {
    return H::combine(std::move(h), f.local, f.remote);
  }
};

// Where datagrams leave.
struct Outlet {
  std::string interface;
  // Frames carry the link-layer address of the next hop, which must therefore be known. False: the kernel finds it by
  // itself, as for an interface that has no such addresses, and a route is enough.
  bool link_layer = true;
};

struct NextHop {
  enum class State : uint8_t {
    kResolving,    // the kernel or the neighbour has not answered yet
    kReachable,    // every field below is valid
    kUnreachable,  // `reason` says why; it is asked for again
  };
  State state = State::kResolving;
  // Of this machine: the flow's, as long as the interface has it and prefers no other, and else as the kernel would
  // choose it. Unspecified while unknown.
  wire::IpAddress source;
  wire::IpAddress
      gateway;           // the router (IPv6: often a link-local address), or the destination itself
  wire::MacAddress mac;  // of the gateway; zero where the outlet has no link layer
  uint32_t mtu = 0;  // bytes of IP packet that fit this route, as interface and configuration say
  // What routers have told the kernel of the size; 0: nothing. A hint, which anybody may have made up.
  uint32_t learned_mtu = 0;
  // A sentence for the status, empty where reachable: "no route to 192.0.2.1 through wan0".
  std::string reason;

  bool reachable() const { return state == State::kReachable; }
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NEXT_HOP_H_
