#include "control/protocol/path/path_set.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {
namespace {

bool CanReach(const wire::IpAddress& own, const wire::IpAddress& remote) {
  if (own.is_unspecified() || own.is_v4() != remote.is_v4()) return false;
  if (own.is_loopback() != remote.is_loopback()) return false;
  // A link-local address reaches its own link only. IPv4's is used like any other by hosts that have no better one.
  return own.is_v4() || own.is_link_local() == remote.is_link_local();
}

}  // namespace

absl::string_view WhyUnusable(const PortState& port, const wire::Endpoint& endpoint) {
  if (!port.up) return "port down";
  const bool reachable =
      std::any_of(port.addresses.begin(), port.addresses.end(),
                  [&](const wire::IpAddress& own) { return CanReach(own, endpoint.address); });
  return reachable ? "" : "no address";
}

bool PathSet::Reconcile(Instant now, const Ports& ports,
                        std::span<const EndpointBook::Known> endpoints, PathId* next_id) {
  const auto wanted = [&](const Route& route) {
    if (!ports.contains(route.port)) return false;
    return std::any_of(endpoints.begin(), endpoints.end(), [&](const EndpointBook::Known& known) {
      return known.endpoint == route.remote && (!known.port || *known.port == route.port);
    });
  };
  bool changed = std::erase_if(paths_, [&](const Path& path) { return !wanted(path.route()); }) > 0;

  for (const auto& [id, port] : ports) {
    for (const EndpointBook::Known& known : endpoints) {
      if (known.port && *known.port != id) continue;
      const Route route{id, known.endpoint};
      const absl::string_view why = WhyUnusable(port, known.endpoint);
      if (Path* path = Find(route); path != nullptr) {
        if (path->usable() == why.empty()) continue;
        path->SetUsable(now, why.empty(), why.empty() ? "port up" : why);
        changed = true;
      } else if (why.empty() && paths_.size() < kMaxPaths) {
        const auto place = std::find_if(paths_.begin(), paths_.end(), [&](const Path& other) {
          return other.route().port > route.port;
        });
        paths_.emplace(place, (*next_id)++, route, true, "new", now);
        changed = true;
      }
    }
  }
  assert(paths_.size() <= kMaxPaths);
  assert(std::is_sorted(paths_.begin(), paths_.end(), [](const Path& a, const Path& b) {
    return a.route().port < b.route().port;
  }));
  return changed;
}

Path* PathSet::Find(const Route& route) {
  const auto it = std::find_if(paths_.begin(), paths_.end(),
                               [&](const Path& path) { return path.route() == route; });
  return it != paths_.end() ? &*it : nullptr;
}

bool PathSet::IsActive(const wire::Endpoint& endpoint) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const Path& path) {
    return path.active() && path.route().remote == endpoint;
  });
}

std::vector<Route> PathSet::ActiveRoutes() const {
  std::vector<Route> routes;
  for (const Path& path : paths_) {
    if (path.active()) routes.push_back(path.route());
  }
  return routes;
}

std::vector<Route> PathSet::AllRoutes(absl::FunctionRef<bool()> allow) {
  std::vector<Route> routes = ActiveRoutes();
  const size_t first = paths_.empty() ? 0 : rotations_++ % paths_.size();
  for (size_t i = 0; i < paths_.size(); ++i) {
    const Path& path = paths_[(first + i) % paths_.size()];
    if (path.active() || !path.usable()) continue;
    if (!allow()) break;
    routes.push_back(path.route());
  }
  return routes;
}

}  // namespace warp::protocol
