#include "control/protocol/map/map_registrations.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {
namespace {

bool Contains(std::span<const wire::Endpoint> endpoints, const wire::Endpoint& endpoint) {
  return std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
}

}  // namespace

// --- What happens. ---

bool MapRegistrations::SetEndpoints(Instant now, std::vector<wire::Endpoint> endpoints) {
  assert(!endpoints.empty());
  const bool more = std::any_of(
      endpoints.begin(), endpoints.end(),
      [this](const wire::Endpoint& endpoint) { return !Contains(options_.endpoints, endpoint); });
  options_.endpoints = std::move(endpoints);
  for (auto& [family, entry] : entries_) {
    if (entry.published || Contains(options_.endpoints, entry.at)) continue;
    Advance(family, entry);
    entry.tries = 0;
  }
  Renew(now);
  return Update(now) || (more && !entries_.empty());
}

bool MapRegistrations::only_own() const {
  const auto own = [this](const wire::Endpoint& endpoint) {
    return std::any_of(ports_.begin(), ports_.end(), [&](const auto& port) {
      const std::vector<wire::IpAddress>& addresses = port.second.addresses;
      return std::find(addresses.begin(), addresses.end(), endpoint.address) != addresses.end();
    });
  };
  return !options_.endpoints.empty() &&
         std::all_of(options_.endpoints.begin(), options_.endpoints.end(), own);
}

void MapRegistrations::Prefer(const wire::Endpoint& endpoint, bool all) {
  if (!Contains(options_.endpoints, endpoint)) return;
  for (auto& [family, entry] : entries_) {
    if (Reaches(family, endpoint) && (all || !entry.published)) entry.at = endpoint;
  }
}

bool MapRegistrations::SetPorts(Instant now, const std::map<PortId, PortState>& ports) {
  for (const auto& [port, state] : ports) {
    const auto it = ports_.find(port);
    if (it == ports_.end() || it->second == state) continue;
    // The map shall hear of new addresses, and may see the port elsewhere.
    for (auto& [family, entry] : entries_) {
      if (family.port == port) entry.next = now;
    }
  }
  ports_ = ports;
  return Update(now);
}

void MapRegistrations::Renew(Instant now) {
  for (auto& [family, entry] : entries_) entry.next = now;
}

void MapRegistrations::LookAgain(Instant now, PortId port) {
  for (auto& [family, entry] : entries_) {
    if (family.port == port)
      entry.next = std::min(entry.next, std::max<Instant>(now, entry.sent + kMapLookUpAgain));
  }
}

void MapRegistrations::Restart(Instant now) {
  for (auto& [family, entry] : entries_) {
    entry.next = now;
    entry.tries = 0;
    entry.echoes = 0;
  }
}

bool MapRegistrations::Update(Instant now) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool stays = Stays(it->first, it->second);
    if (!stays && it->second.published) withdrawn_.push_back(it->first.port);
    it = stays ? std::next(it) : entries_.erase(it);
  }
  bool more = false;
  for (const auto& [port, state] : ports_) {
    for (const bool v6 : {false, true}) {
      const PortFamily family{port, v6};
      const std::vector<wire::Endpoint> endpoints = EndpointsOf(family);
      if (!Carries(family) || endpoints.empty()) continue;
      const auto [it, fresh] = entries_.try_emplace(family);
      if (!fresh) continue;
      it->second.at = endpoints.front();
      it->second.next = now;
      more = true;
    }
  }
  return more;
}

wire::Drop MapRegistrations::HandleRegistered(Instant now, const Arrival& arrival,
                                              MessageOrder order, const MapRegistered& message) {
  const auto it = entries_.find({message.port, !arrival.from.address.is_v4()});
  if (it == entries_.end() || arrival.port != message.port || order <= it->second.heard) {
    return wire::Drop::kTooOld;
  }
  Entry& entry = it->second;
  entry.heard = order;
  entry.heard_at = now;
  if (entry.tries > 0) {
    const Duration sample = std::min<Duration>(now - entry.asked, kMapRoundTripMax);
    round_trip_ = round_trip_ == Duration::zero() ? sample : (round_trip_ * 7 + sample) / 8;
  }
  entry.tries = 0;
  entry.echo = message.challenge;
  if (message.state == MapState::kStale) {
    HandleStale(now, entry, message.mark);
    return wire::Drop::kNone;
  }
  entry.stales = 0;
  entry.observed = message.observed;
  entry.refused = message.state == MapState::kFull || message.state == MapState::kTooManyPorts;
  fresh_ |= !entry.published && message.state == MapState::kPublished;
  entry.published = message.state == MapState::kPublished;
  const Duration refresh = std::min<Duration>(
      options_.refresh,
      std::max<Duration>(std::chrono::milliseconds(message.refresh_ms), kMapRefreshFloor));
  entry.next = now + identity_.Jitter(refresh);
  if (message.state != MapState::kEcho) {
    entry.echoes = 0;
  } else if (++entry.echoes <= kMapEchoes) {
    // Not published, or not at this address: the echo goes back at once, but not in circles.
    entry.next = now;
  }
  return wire::Drop::kNone;
}

// Either a later register has overtaken this one, and then its answer comes too; or the registration that stands is of
// this node's last life, and our clock has gone back since.
void MapRegistrations::HandleStale(Instant now, Entry& entry, uint64_t standing) {
  ++entry.stales;
  if (standing > epoch_) {
    epoch_ = standing;
  } else if (entry.stales > 1 && standing == epoch_ && epoch_ + 1 != kMapNoEpoch) {
    ++epoch_;
  }
  // A map that always finds a higher one must not keep us registering at its pace.
  entry.next = entry.stales > kMapEchoes ? now + identity_.Jitter(options_.refresh) : now;
}

void MapRegistrations::Clear() {
  entries_.clear();
  ports_.clear();
}

// --- What to send. ---

Instant MapRegistrations::NextTimeout() const {
  if (!withdrawn_.empty()) return Instant{};  // at once
  Instant next = kNever;
  for (const auto& [family, entry] : entries_) next = std::min(next, entry.next);
  return next;
}

std::vector<MapRegistrations::Due> MapRegistrations::TakeDue(Instant now) {
  std::vector<Due> registers;
  for (auto& [family, entry] : entries_) {
    if (entry.next > now) continue;
    if (entry.tries == 0) entry.asked = now;
    if (entry.tries >= kMapSilentRequests) {
      unanswered_ = std::max(entry.asked, unanswered_.value_or(entry.asked));
      Advance(family, entry);
      entry.published = false;
    }
    MapRegister message;
    message.port = family.port;
    message.order = NextOrder();
    message.echo = entry.echo;
    message.candidates = Candidates(family.port);
    registers.push_back({Route{family.port, entry.at}, std::move(message)});
    // The back-off begins when all addresses have been tried.
    const int addresses = std::max(1, static_cast<int>(EndpointsOf(family).size()));
    entry.next = now + MapWait(identity_, Retry(), entry.tries++ / addresses);
    entry.sent = now;
  }
  // An address that has failed, and that nobody names any more, is of no use.
  std::erase_if(entries_, [this](const auto& one) { return !Stays(one.first, one.second); });
  return registers;
}

std::vector<PortId> MapRegistrations::TakeWithdrawn(Instant now) {
  for (auto& [family, entry] : entries_) {
    if (std::find(withdrawn_.begin(), withdrawn_.end(), family.port) != withdrawn_.end())
      entry.next = now;
  }
  return std::exchange(withdrawn_, {});
}

// --- What is. ---

bool MapRegistrations::Carries(const PortFamily& family) const {
  const auto port = ports_.find(family.port);
  return port != ports_.end() && port->second.up && port->second.HasFamily(family.v6);
}

bool MapRegistrations::Stays(const PortFamily& family, const Entry& entry) const {
  return Carries(family) && (entry.published || !EndpointsOf(family).empty());
}

// A port that is a stream leads to the map at its other end alone. Where the network translates, a name server gives
// the map's IPv4 address in its prefix as well (DNS64): that is the map of the other family once more, which would be
// thought silent, since what comes from there counts as IPv4.
bool MapRegistrations::Reaches(const PortFamily& family, const wire::Endpoint& map) const {
  const auto port = ports_.find(family.port);
  if (port == ports_.end() || !family.Has(map.address)) return false;
  if (port->second.Known(map) != map) return false;
  return !port->second.only.has_value() || *port->second.only == map.address;
}

std::vector<wire::Endpoint> MapRegistrations::EndpointsOf(const PortFamily& family) const {
  std::vector<wire::Endpoint> endpoints;
  for (const wire::Endpoint& map : options_.endpoints) {
    if (Reaches(family, map)) endpoints.push_back(map);
  }
  return endpoints;
}

// To the next address of the family, or the first where the one that it had is not named any more.
void MapRegistrations::Advance(const PortFamily& family, Entry& entry) const {
  const std::vector<wire::Endpoint> endpoints = EndpointsOf(family);
  if (endpoints.empty()) return;
  const auto at = std::find(endpoints.begin(), endpoints.end(), entry.at);
  entry.at = at == endpoints.end() || at + 1 == endpoints.end() ? endpoints.front() : *(at + 1);
}

std::vector<Way> MapRegistrations::Ways(std::span<const wire::Endpoint> more) const {
  std::vector<Way> ways;
  for (const auto& [port, state] : ports_) {
    for (const bool v6 : {false, true}) {
      const PortFamily family{port, v6};
      if (!Carries(family)) continue;
      std::vector<wire::Endpoint> endpoints = EndpointsOf(family);
      const auto entry = entries_.find(family);
      if (entry != entries_.end() && !Contains(endpoints, entry->second.at))
        endpoints.push_back(entry->second.at);
      for (const wire::Endpoint& map : more) {
        if (Reaches(family, map) && !Contains(endpoints, map)) endpoints.push_back(map);
      }
      for (const wire::Endpoint& map : endpoints) ways.emplace_back(Route{port, map});
    }
  }
  return ways;
}

std::vector<std::pair<PortFamily, Route>> MapRegistrations::PublishedRoutes() const {
  std::vector<std::pair<Instant, PortFamily>> heard;
  for (const auto& [family, entry] : entries_) {
    if (entry.published) heard.emplace_back(entry.heard_at, family);
  }
  std::sort(heard.rbegin(), heard.rend());
  std::vector<std::pair<PortFamily, Route>> routes;
  for (const auto& [when, family] : heard) {
    routes.emplace_back(family, Route{family.port, entries_.at(family).at});
  }
  return routes;
}

std::vector<MapRegistration> MapRegistrations::Published() const {
  std::vector<MapRegistration> published;
  for (const auto& [family, entry] : entries_) {
    if (entry.published) published.push_back({family.port, entry.observed});
  }
  return published;
}

std::vector<MapSilence> MapRegistrations::Unanswered() const {
  std::vector<MapSilence> silent;
  for (const auto& [family, entry] : entries_) {
    if (entry.tries > 0) silent.push_back({family.port, entry.asked});
  }
  return silent;
}

bool MapRegistrations::any_published() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.second.published; });
}

bool MapRegistrations::in_connection() const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.second.published && ports_.at(entry.first.port).only.has_value();
  });
}

bool MapRegistrations::refused() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.second.refused; });
}

std::vector<wire::Endpoint> MapRegistrations::Candidates(PortId port) const {
  std::vector<wire::Endpoint> global;
  std::vector<wire::Endpoint> all;
  for (const wire::IpAddress& address : ports_.at(port).addresses) {
    all.push_back({address, options_.listen_port});
    if (!address.is_link_local() && !address.is_loopback()) global.push_back(all.back());
  }
  // A message names one address at least. The map leaves out those that lead nowhere.
  std::vector<wire::Endpoint>& candidates = global.empty() ? all : global;
  assert(!candidates.empty());
  if (candidates.size() > kMapMaxCandidates) candidates.resize(kMapMaxCandidates);
  return candidates;
}

}  // namespace warp::protocol
