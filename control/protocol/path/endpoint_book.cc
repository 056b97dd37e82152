#include "control/protocol/path/endpoint_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace warp::protocol {

bool AcceptableEndpoint(const wire::Endpoint& endpoint, bool allow_loopback) {
  const wire::IpAddress& address = endpoint.address;
  // "This network" (RFC 1122) and the reserved class E, with the limited broadcast in it.
  if (address.is_v4() && (address.v4_bytes()[0] == 0 || address.v4_bytes()[0] >= 240)) return false;
  return endpoint.port != 0 && !address.is_unspecified() && !address.is_multicast() &&
         (allow_loopback || !address.is_loopback());
}

void EndpointBook::Replace(Instant now, EndpointSource source, uint64_t instance,
                           std::span<const wire::Endpoint> endpoints, ActiveFunction active) {
  std::vector<Route> routes;
  for (const wire::Endpoint& endpoint : endpoints) routes.push_back({0, endpoint});
  ReplaceAll(now, source, instance, routes, active);
}

void EndpointBook::ReplaceAll(Instant now, EndpointSource source, uint64_t instance,
                              std::span<const Route> routes, ActiveFunction active) {
  for (Entry& entry : entries_) {
    if (entry.source == source && entry.instance == instance) entry.withdrawn = true;
  }
  size_t taken = 0;
  for (const Route& route : routes) {
    const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.source == source && entry.instance == instance &&
             entry.endpoint == route.remote && entry.port == route.port;
    });
    if (known != entries_.end() && !known->withdrawn) continue;  // named twice
    if (taken == kMaxEndpoints) break;
    ++taken;
    if (known != entries_.end()) {
      known->withdrawn = false;
    } else {
      entries_.push_back({.endpoint = route.remote,
                          .source = source,
                          .instance = instance,
                          .port = route.port,
                          .useful = now});
    }
  }
  // An endpoint that is no longer named stays while it is active. Those are bounded as the named ones are.
  size_t kept = 0;
  std::erase_if(entries_, [&](const Entry& entry) {
    if (entry.source != source || entry.instance != instance || !entry.withdrawn) return false;
    return !active(entry.endpoint) || ++kept > kMaxEndpoints;
  });
}

bool EndpointBook::Withdraw(EndpointSource source, InstanceFunction which, ActiveFunction active) {
  bool any = false;
  size_t kept = 0;
  std::erase_if(entries_, [&](Entry& entry) {
    if (entry.source != source || !which(entry.instance)) return false;
    any |= !entry.withdrawn;
    entry.withdrawn = true;
    return !active(entry.endpoint) || ++kept > kMaxEndpoints;
  });
  return any;
}

void EndpointBook::Renumber(EndpointSource source, absl::FunctionRef<uint64_t(uint64_t)> to) {
  for (Entry& entry : entries_) {
    if (entry.source == source) entry.instance = to(entry.instance);
  }
}

bool EndpointBook::Learn(Instant now, const Route& route, const wire::IpAddress& local,
                         uint16_t remote_port, UseFunction use) {
  const auto& [port, endpoint] = route;
  for (Entry& entry : entries_) {
    if (entry.endpoint != endpoint) continue;
    // It is another link's, perhaps.
    if (entry.source == EndpointSource::kConfig && entry.instance != 0) continue;
    if (entry.source == EndpointSource::kLan && endpoint.address.is_link_local() &&
        entry.instance != port) {
      continue;
    }
    const bool learned = entry.source == EndpointSource::kLearned;
    if (learned && endpoint.address.is_link_local() && entry.port != port) continue;
    if (!learned) return false;
    entry.newest = now;
    entry.port = port;
    entry.local = local;
    entry.remote_port = remote_port;
    return false;
  }
  const auto of_port = [&](const Entry& entry) {
    return entry.source == EndpointSource::kLearned && entry.remote_port == remote_port;
  };
  const auto count = static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), of_port));
  const bool port_full = count >= kMaxLearnedPerPort;
  if (port_full || Count(EndpointSource::kLearned) >= kMaxEndpoints) {
    auto victim = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->source != EndpointSource::kLearned || (port_full && !of_port(*it))) continue;
      if (use(it->endpoint) == Use::kCarries) continue;
      const auto rank = [&](const Entry& entry) {
        return std::pair(use(entry.endpoint), entry.newest);
      };
      if (victim == entries_.end() || rank(*it) < rank(*victim)) victim = it;
    }
    if (victim == entries_.end()) return false;
    entries_.erase(victim);
  }
  entries_.push_back({.endpoint = route.remote,
                      .source = EndpointSource::kLearned,
                      .port = port,
                      .local = local,
                      .remote_port = remote_port,
                      .newest = now,
                      .useful = now});
  return true;
}

bool EndpointBook::Expire(Instant now, Duration learned_lifetime, ActiveFunction active) {
  const size_t before = entries_.size();
  std::erase_if(entries_, [&](Entry& entry) {
    if (entry.source != EndpointSource::kLearned && !entry.withdrawn) return false;
    if (active(entry.endpoint)) {
      entry.useful = now;
      return false;
    }
    return entry.withdrawn || entry.useful + learned_lifetime <= now;
  });
  return entries_.size() != before;
}

Instant EndpointBook::NextExpiry(Duration learned_lifetime) const {
  Instant next = kNever;
  for (const Entry& entry : entries_) {
    if (entry.source == EndpointSource::kLearned)
      next = std::min(next, entry.useful + learned_lifetime);
  }
  return next;
}

std::vector<EndpointBook::Known> EndpointBook::All() const {
  std::vector<const Entry*> ordered;
  for (const Entry& entry : entries_) ordered.push_back(&entry);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Entry* a, const Entry* b) {
    // `newest` is the same in all that are not learned.
    return std::tie(a->source, a->instance, b->newest) <
           std::tie(b->source, b->instance, a->newest);
  });
  std::vector<Known> all;
  for (const Entry* entry : ordered) {
    Known known{.endpoint = entry->endpoint,
                .port = std::nullopt,
                .source = entry->source,
                .instance = entry->instance,
                .heard_on = entry->port,
                .local = entry->local};
    if (known.relayed() || (known.learned() && known.endpoint.address.is_link_local()))
      known.port = entry->port;
    if (known.source == EndpointSource::kLan && known.endpoint.address.is_link_local())
      known.port = static_cast<PortId>(entry->instance);
    const bool is_known = std::any_of(all.begin(), all.end(),
                                      [&](const Known& other) { return other.Covers(known); });
    if (!is_known) all.push_back(known);
  }
  return all;
}

size_t EndpointBook::Count(EndpointSource source) const {
  return static_cast<size_t>(
      std::count_if(entries_.begin(), entries_.end(),
                    [&](const Entry& entry) { return entry.source == source; }));
}

}  // namespace warp::protocol
