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

  // Endpoint by endpoint, so that the limit of paths leaves no port without any.
  for (const EndpointBook::Known& known : endpoints) {
    for (const auto& [id, port] : ports) {
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

bool PathSet::Carries(const wire::Endpoint& endpoint) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const Path& path) {
    return path.carries() && path.route().remote == endpoint;
  });
}

namespace {

bool AreAlternatives(const Path& a, const Path& b) {
  if (a.route().port != b.route().port) return false;
  return a.remote_port().has_value() && a.remote_port() == b.remote_port();
}

// Whether `a` should rather carry than `b`; both may.
bool IsBetter(const Path& a, const Path& b) {
  if (a.carries() != b.carries()) return a.carries();
  return a.rtt().value_or(Duration::max()) < b.rtt().value_or(Duration::max());
}

}  // namespace

bool PathSet::Elect(Instant now) {
  std::vector<bool> chosen(paths_.size(), false);
  const auto choose = [&](auto may) {
    bool any = false;
    for (size_t i = 0; i < paths_.size(); ++i) {
      if (!may(paths_[i])) continue;
      bool best = true;
      for (size_t j = 0; j < paths_.size() && best; ++j) {
        if (j == i || !may(paths_[j]) || !AreAlternatives(paths_[i], paths_[j])) continue;
        best = IsBetter(paths_[i], paths_[j]) || (!IsBetter(paths_[j], paths_[i]) && i < j);
      }
      chosen[i] = best;
      any |= best;
    }
    return any;
  };
  if (!choose([now](const Path& path) { return path.active() && !path.blocked(now); }) &&
      !choose([](const Path& path) { return path.active(); })) {
    size_t last = paths_.size();
    for (size_t i = 0; i < paths_.size(); ++i) {
      if (!paths_[i].usable() || paths_[i].last_active() == Instant{}) continue;
      if (last == paths_.size() || paths_[i].last_active() > paths_[last].last_active()) last = i;
    }
    if (last != paths_.size()) chosen[last] = true;
  }
  bool changed = false;
  for (size_t i = 0; i < paths_.size(); ++i) {
    changed |= paths_[i].carries() != chosen[i];
    paths_[i].SetCarries(chosen[i]);
  }
  return changed;
}

bool PathSet::HasAlternative(const Path& path, Instant now) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const Path& other) {
    return other.id() != path.id() && other.active() && !other.blocked(now) &&
           AreAlternatives(path, other);
  });
}

Instant PathSet::NextElection(Instant now) const {
  Instant next = kNever;
  for (const Path& path : paths_) {
    if (path.active() && path.blocked(now)) next = std::min(next, path.blocked_until());
  }
  return next;
}

std::vector<Route> PathSet::BestRoutes(size_t most, std::optional<PortId> avoid) const {
  std::vector<const Path*> active;
  for (const Path& path : paths_) {
    if (path.active()) active.push_back(&path);
  }
  std::stable_sort(active.begin(), active.end(),
                   [](const Path* a, const Path* b) { return IsBetter(*a, *b); });
  std::vector<Route> routes;
  const auto has_port = [&](PortId port) {
    return std::any_of(routes.begin(), routes.end(),
                       [port](const Route& route) { return route.port == port; });
  };
  for (const bool another_port : {true, false}) {
    for (const Path* path : active) {
      if (routes.size() >= most) return routes;
      const Route& route = path->route();
      if (another_port && (route.port == avoid || has_port(route.port))) continue;
      if (std::find(routes.begin(), routes.end(), route) == routes.end()) routes.push_back(route);
    }
  }
  return routes;
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
