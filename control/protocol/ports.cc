#include "control/protocol/ports.h"

#include <algorithm>

namespace warp::protocol {
namespace {

bool CanReach(const wire::IpAddress& own, const wire::IpAddress& remote) {
  if (own.is_unspecified() || own.is_v4() != remote.is_v4()) return false;
  if (own.is_loopback() != remote.is_loopback()) return false;
  // A link-local address reaches its own link only. IPv4's is used like any other by hosts that have no better one.
  return own.is_v4() || own.is_link_local() == remote.is_link_local();
}

// How many addresses of the port can reach this one.
size_t CountSources(const PortState& port, const wire::IpAddress& known) {
  const wire::IpAddress remote = port.Sent(known);
  size_t sources = 0;
  for (const auto* list : {&port.addresses, &port.link_locals}) {
    sources += static_cast<size_t>(
        std::count_if(list->begin(), list->end(),
                      [&](const wire::IpAddress& own) { return CanReach(own, remote); }));
  }
  return sources;
}

bool Contains(const std::vector<wire::IpAddress>& addresses, const wire::IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

}  // namespace

absl::string_view WhyUnusable(const PortState& port, const wire::Endpoint& endpoint) {
  if (port.use == PortUse::kNone) return "data cap reached";
  if (!port.up) return "port down";
  return CountSources(port, endpoint.address) > 0 ? "" : "no address";
}

wire::IpAddress ChosenLocal(const Ports& ports, const Arrival& arrival) {
  const auto port = ports.find(arrival.port);
  if (port == ports.end()) return {};
  return CountSources(port->second, arrival.from.address) > 1 ? arrival.to : wire::IpAddress();
}

bool IsOwnEndpoint(const Ports& ports, uint16_t listen_port, const wire::Endpoint& endpoint,
                   std::optional<PortId> arrived) {
  const wire::IpAddress& address = endpoint.address;
  if (address.is_loopback()) return endpoint.port == listen_port;
  return std::any_of(ports.begin(), ports.end(), [&](const auto& entry) {
    const auto& [id, port] = entry;
    return Contains(port.addresses, address) || Contains(port.broadcasts, address) ||
           (id == arrived && Contains(port.link_locals, address));
  });
}

}  // namespace warp::protocol
