// The way by which a datagram came and by which an answer goes: a local port and a remote endpoint.
#ifndef WARP_DATAPLANE_WIRE_ARRIVAL_H_
#define WARP_DATAPLANE_WIRE_ARRIVAL_H_

#include <compare>
#include <utility>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/mac_address.h"

namespace warp::wire {

// A local port and a remote endpoint. Paths, cookies and copies each belong to one route.
struct Route {
  PortId port = 0;
  Endpoint remote;

  friend bool operator==(const Route&, const Route&) = default;
  friend auto operator<=>(const Route&, const Route&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Route& r) {
    return H::combine(std::move(h), r.port, r.remote);
  }
};

struct Arrival {
  PortId port = 0;
  Endpoint from;
  IpAddress to;  // the address of ours that the sender wrote to
  // The station that handed us the frame: the sender or a router. Zeros where it came in no Ethernet frame.
  MacAddress from_mac = {};

  Route route() const { return {port, from}; }
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_ARRIVAL_H_
