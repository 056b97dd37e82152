// The ports of a node: which of them reaches an endpoint now, and which endpoints are the node's own.
#ifndef WARP_CONTROL_PROTOCOL_PORTS_H_
#define WARP_CONTROL_PROTOCOL_PORTS_H_

#include <cstdint>
#include <map>
#include <optional>

#include "absl/strings/string_view.h"
#include "control/protocol/port_state.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/ids.h"

namespace warp::protocol {

using wire::Arrival;
using wire::PortId;

using Ports = std::map<PortId, PortState>;

// Why a port cannot reach an endpoint now: "data cap reached", "port down", or "no address" of the endpoint's family
// and scope. Empty where it can.
absl::string_view WhyUnusable(const PortState& port, const wire::Endpoint& endpoint);

// The address of ours that was written to, where the port has several from which it can answer. Unspecified where it
// has one: that leaves the choice to the kernel, which follows every change of that address.
wire::IpAddress ChosenLocal(const Ports& ports, const Arrival& arrival);

// Whether nobody else can have this endpoint: its address is ours, or the broadcast address of a subnet of ours. What
// is ours on one link may be another's on the next, so that link-local addresses are compared with those of the port
// `arrived` alone. Two nodes of one machine (a test), which share loopback addresses, tell each other apart by the UDP
// port.
bool IsOwnEndpoint(const Ports& ports, uint16_t listen_port, const wire::Endpoint& endpoint,
                   std::optional<PortId> arrived = std::nullopt);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PORTS_H_
