#include "control/protocol/path/path_set.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <set>
#include <utility>

#include "control/protocol/path/path_choice.h"
#include "control/protocol/path/path_room.h"

namespace warp::protocol {
namespace {

// Whether the endpoint may be behind this port at all.
bool IsOf(const EndpointBook::Known& known, PortId id, const PortState& port) {
  if (known.port && *known.port != id) return false;
  if (port.only && *port.only != known.endpoint.address) return false;
  if (known.bound_to() != 0 && known.bound_to() != port.number) return false;
  return std::find(port.link_locals.begin(), port.link_locals.end(), known.endpoint.address) ==
         port.link_locals.end();
}

}  // namespace

bool PathSet::Reconcile(Instant now, const Ports& ports,
                        std::span<const EndpointBook::Known> endpoints, PathId* next_id) {
  bool changed = false;
  std::vector<Wanted> wanted;
  std::set<Route> named;
  for (const auto& [id, port] : ports) {
    for (const EndpointBook::Known& known : endpoints) {
      // A name server that translates tells the embedded address beside the one that it holds.
      const Route route{id, port.Known(known.endpoint)};
      if (!IsOf(known, id, port) || !named.insert(route).second) continue;
      const absl::string_view why = WhyUnusable(port, route.remote);
      const wire::IpAddress target = port.Sent(route.remote.address);
      Path* path = Find(route);
      if (path != nullptr && why.empty() && path->target() != target) {
        Forget(route);
        path = nullptr;
        changed = true;
      }
      if (path == nullptr && !why.empty()) continue;
      if (path != nullptr && path->usable() != why.empty()) {
        path->SetUsable(now, why.empty(), why.empty() ? "port up" : why);
        changed = true;
      }
      wanted.push_back({route, target, &known, port.MtuTo(route.remote.address), port.use});
    }
  }
  const Path* const last = LastActive();
  std::vector<PathWish> wishes;
  for (const auto& [route, target, known, mtu, use] : wanted) {
    const Path* const path = Find(route);
    const bool held =
        path != nullptr && path->usable() && (path->active() || path->carries() || path == last);
    wishes.push_back({route.port, known->source, known->instance, held});
  }
  const std::vector<bool> granted = ShareRoom(wishes, kMaxPaths);
  without_room_ = static_cast<size_t>(std::count(granted.begin(), granted.end(), false));
  std::vector<Wanted> chosen;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (granted[i]) chosen.push_back(wanted[i]);
  }
  return HaveExactly(now, chosen, next_id) || changed;
}

bool PathSet::HaveExactly(Instant now, std::span<const Wanted> wanted, PathId* next_id) {
  std::set<Route> routes;
  for (const Wanted& one : wanted) routes.insert(one.route);
  bool changed =
      std::erase_if(paths_, [&](const Path& path) { return !routes.contains(path.route()); }) > 0;
  for (const auto& [route, target, known, mtu, use] : wanted) {
    Path* path = Find(route);
    if (path == nullptr) {
      const auto place = std::upper_bound(
          paths_.begin(), paths_.end(), route.port,
          [](PortId port, const Path& other) { return port < other.route().port; });
      path = &*paths_.emplace(place, (*next_id)++, route, true, "new", now);
      path->SetTarget(target);
      if (known->learned() && known->heard_on == route.port) path->NoteLocal(known->local);
      for (const Path& other : paths_) {
        if (other.id() != path->id() && other.route().port == route.port &&
            other.route().remote.address == route.remote.address)
          path->Inherit(other);
      }
      changed = true;
    }
    path->SetLearned(known->learned());
    if (path->relayed() != known->relayed()) {
      path->SetRelayed(known->relayed());
      changed = true;
    }
    changed |= path->SetLimit(mtu);
    if (path->use().SetOwn(use)) {
      changed = true;
      path->Wake(now);  // the peer is told at once
    }
  }
  assert(paths_.size() <= kMaxPaths);
  assert(std::is_sorted(paths_.begin(), paths_.end(), [](const Path& a, const Path& b) {
    return a.route().port < b.route().port;
  }));
  return changed;
}

bool PathSet::SetOutside(Instant now, std::span<const wire::IpAddress> outside) {
  bool changed = false;
  for (Path& path : paths_) {
    const bool is_outside =
        std::find(outside.begin(), outside.end(), path.route().remote.address) != outside.end();
    if (is_outside == (path.hairpin_until() == kNever)) continue;
    changed |= is_outside != path.hairpin(now);
    path.SetHairpin(is_outside ? kNever : now + kHairpinStays);
  }
  return changed;
}

bool PathSet::HandleTimeouts(Instant now) {
  bool changed = false;
  uint32_t shrunk = std::numeric_limits<uint32_t>::max();
  for (Path& path : paths_) {
    const uint32_t before = path.size().size();
    changed |= path.HandleTimeout(now);
    if (path.size().size() < before) shrunk = std::min(shrunk, path.size().size());
  }
  for (Path& path : paths_) {
    if (path.size().size() > shrunk) path.SuspectSize(now);
  }
  return changed;
}

bool PathSet::HintSize(Instant now, std::optional<PortId> port, const wire::IpAddress& remote,
                       uint32_t size) {
  bool found = false;
  for (Path& path : paths_) {
    if (path.route().port != port.value_or(path.route().port)) continue;
    if (path.route().remote.address != remote) continue;
    path.HintSize(now, size);
    found = true;
  }
  return found;
}

Path* PathSet::Find(const Route& route) {
  // By port first, since the paths are in that order.
  auto it =
      std::lower_bound(paths_.begin(), paths_.end(), route.port,
                       [](const Path& path, PortId port) { return path.route().port < port; });
  for (; it != paths_.end() && it->route().port == route.port; ++it) {
    if (it->route() == route) return &*it;
  }
  return nullptr;
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

bool PathSet::Elect(Instant now) {
  std::vector<bool> chosen(paths_.size(), false);
  // A relay is left when another path has worked for a moment, so that nothing is lost meanwhile.
  const bool leave = std::any_of(paths_.begin(), paths_.end(), [now](const Path& path) {
    return !path.relayed() && Works(path, now) && path.since() + kRelayOverlap <= now;
  });
  const auto choose = [&](auto may_carry) {
    const auto may = [&](const Path& path) {
      return may_carry(path) && !(leave && path.relayed());
    };
    for (size_t i = 0; i < paths_.size(); ++i) {
      if (paths_[i].use().refused() || !may(paths_[i])) continue;
      bool best = true;
      for (size_t j = 0; j < paths_.size() && best; ++j) {
        if (j == i || paths_[j].use().refused() || !may(paths_[j]) ||
            !AreAlternatives(paths_[i], paths_[j]))
          continue;
        best =
            IsBetter(paths_[i], paths_[j], now) || (!IsBetter(paths_[j], paths_[i], now) && i < j);
      }
      chosen[i] = best;
    }
  };
  const bool any_good = std::any_of(paths_.begin(), paths_.end(),
                                    [now](const Path& path) { return Works(path, now); });
  if (any_good) {
    choose([now](const Path& path) {
      return (path.active() || JustLost(path, now)) && !path.blocked(now);
    });
  } else if (any_active()) {
    choose([](const Path& path) { return path.active(); });
  } else {
    Instant last{};
    for (const Path& path : paths_) {
      if (path.usable()) last = std::max(last, path.last_active());
    }
    choose([last](const Path& path) {
      return path.usable() && path.last_active() != Instant{} &&
             path.last_active() + kCarryOn >= last;
    });
  }
  bool changed = false;
  for (size_t i = 0; i < paths_.size(); ++i) {
    changed |= paths_[i].carries() != chosen[i];
    paths_[i].SetCarries(now, chosen[i]);
  }
  return changed;
}

bool PathSet::HasAlternative(const Path& path, Instant now) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const Path& other) {
    return other.id() != path.id() && other.active() && other.delivery(now) > kArrivingShare &&
           AreAlternatives(path, other);
  });
}

Instant PathSet::NextElection(Instant now) const {
  Instant next = kNever;
  const bool relayed = std::any_of(paths_.begin(), paths_.end(), [](const Path& path) {
    return path.relayed() && path.carries();
  });
  for (const Path& path : paths_) {
    if (relayed && !path.relayed() && path.active() && path.since() + kRelayOverlap > now)
      next = std::min(next, path.since() + kRelayOverlap);
    if (path.active() && path.delivery_until() > now) next = std::min(next, path.delivery_until());
    if (JustLost(path, now)) next = std::min(next, path.last_active() + kLostCarries);
    if (path.hairpin(now)) next = std::min(next, path.hairpin_until());
  }
  return next;
}

std::vector<Way> PathSet::BestWays(Instant now, size_t most, std::optional<PortId> avoid) {
  const auto is_free = [](const Path& path) {
    return path.active() && (!path.use().sparing() || path.in_use());
  };
  const bool any_free = std::any_of(paths_.begin(), paths_.end(), is_free);
  std::vector<Path*> active;
  for (Path& path : paths_) {
    if (path.active() && (!any_free || is_free(path))) active.push_back(&path);
  }
  std::stable_sort(active.begin(), active.end(),
                   [now](const Path* a, const Path* b) { return IsBetter(*a, *b, now); });
  std::vector<Path*> best;
  const auto is_other = [&](const Path& path, bool local, bool remote) {
    if (local && path.route().port == avoid) return false;
    return std::none_of(best.begin(), best.end(), [&](const Path* taken) {
      return taken == &path || (local && taken->route().port == path.route().port) ||
             (remote && taken->remote_port() == path.remote_port());
    });
  };
  constexpr std::pair<bool, bool> kRounds[] = {{true, true}, {true, false}, {false, true}, {}};
  for (const auto& [local, remote] : kRounds) {
    for (Path* path : active) {
      if (best.size() < most && is_other(*path, local, remote)) best.push_back(path);
    }
  }
  std::vector<Way> ways;
  for (Path* path : best) ways.push_back(path->NextWay());
  return ways;
}

bool PathSet::WorksDirectly(Instant now) const {
  return std::any_of(paths_.begin(), paths_.end(),
                     [now](const Path& path) { return !path.relayed() && Works(path, now); });
}

std::vector<PortId> PathSet::ActivePorts() const {
  std::vector<PortId> ports;  // in order, as the paths are
  for (const Path& path : paths_) {
    if (path.active() && (ports.empty() || ports.back() != path.route().port))
      ports.push_back(path.route().port);
  }
  return ports;
}

bool PathSet::AnyUsable(PortId port) const {
  return std::any_of(paths_.begin(), paths_.end(), [port](const Path& path) {
    return path.route().port == port && path.usable();
  });
}

bool PathSet::any_active() const {
  return std::any_of(paths_.begin(), paths_.end(), [](const Path& path) { return path.active(); });
}

const Path* PathSet::LastActive() const {
  const Path* last = nullptr;
  for (const Path& path : paths_) {
    if (path.active() || !path.usable() || path.last_active() == Instant{}) continue;
    if (last == nullptr || path.last_active() > last->last_active()) last = &path;
  }
  return last;
}

void PathSet::InTurns(absl::FunctionRef<bool(Path&)> use) {
  const auto turn = std::find_if(paths_.begin(), paths_.end(),
                                 [this](const Path& path) { return path.id() == turn_; });
  const size_t first = turn == paths_.end() ? 0 : static_cast<size_t>(turn - paths_.begin());
  bool refused = false;
  for (size_t i = 0; i < paths_.size(); ++i) {
    Path& path = paths_[(first + i) % paths_.size()];
    if (use(path) || refused) continue;
    refused = true;
    turn_ = path.id();
  }
}

std::vector<Way> PathSet::AllWays(absl::FunctionRef<bool()> allow) {
  std::vector<Way> ways;
  for (Path& path : paths_) {
    if (path.active()) ways.push_back(path.NextWay());
  }
  const Path* const last = LastActive();
  bool allowed = last == nullptr || allow();
  if (last != nullptr && allowed) ways.push_back(Find(last->route())->NextWay());
  InTurns([&](Path& path) {
    if (path.active() || !path.usable() || &path == last) return true;
    allowed = allowed && allow();
    if (allowed) ways.push_back(path.NextWay());
    return allowed;
  });
  return ways;
}

}  // namespace warp::protocol
