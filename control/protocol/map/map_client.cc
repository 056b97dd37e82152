#include "control/protocol/map/map_client.h"

#include <algorithm>
#include <utility>

namespace warp::protocol {
namespace {

bool Carries(const PortState& port, bool v6) {
  return port.up &&
         std::any_of(port.addresses.begin(), port.addresses.end(),
                     [v6](const wire::IpAddress& address) { return address.is_v4() != v6; });
}

}  // namespace

MapClient::MapClient(Local& local, MapClientOptions options)
    : local_(local),
      options_(std::move(options)),
      association_(local, MapAssociation(options_.public_key, options_.rekey_after, true)),
      lookups_(local) {}

// --- What the node knows -------------------------------------------------------------------------

void MapClient::SetEndpoints(Instant now, std::vector<wire::Endpoint> endpoints) {
  if (endpoints.empty() || endpoints == options_.endpoints) return;
  options_.endpoints = std::move(endpoints);
  for (auto& [place, registering] : registrations_) registering.next = now;
  UpdatePlaces(now);
}

void MapClient::SetPorts(Instant now, const std::map<PortId, PortState>& ports) {
  for (const auto& [port, state] : ports) {
    const auto it = ports_.find(port);
    if (it == ports_.end() || it->second == state) continue;
    // New addresses: the map shall hear of them, and may see the port elsewhere.
    for (auto& [place, registering] : registrations_) {
      if (place.port == port) registering.next = now;
    }
  }
  ports_ = ports;
  UpdatePlaces(now);
}

void MapClient::UpdatePlaces(Instant now) {
  const auto reachable = [this](const Place& place) {
    const auto port = ports_.find(place.port);
    return port != ports_.end() && Carries(port->second, place.v6) &&
           std::any_of(options_.endpoints.begin(), options_.endpoints.end(),
                       [&](const wire::Endpoint& e) { return e.address.is_v4() != place.v6; });
  };
  for (auto it = registrations_.begin(); it != registrations_.end();) {
    const bool stays = reachable(it->first);
    if (!stays && it->second.published) withdrawn_.push_back(it->first.port);
    it = stays ? std::next(it) : registrations_.erase(it);
  }
  bool more = false;
  for (const auto& [port, state] : ports_) {
    for (const bool v6 : {false, true}) {
      const Place place{port, v6};
      if (!reachable(place)) continue;
      const auto [it, fresh] = registrations_.try_emplace(place);
      if (!fresh) continue;
      it->second.next = now;
      more = true;
    }
  }
  if (!more) return;
  if (!connecting_) association_.Connect(now);
  connecting_ = true;
  association_.Hurry(now);
}

void MapClient::SetPeers(Instant now, std::span<const wire::PublicKey> peers) {
  lookups_.SetPeers(now, peers);
  const AllowDigest before = upload_.digest();
  upload_.SetList(AllowList(peers));
  if (upload_.digest() == before) return;
  for (auto& [place, registering] : registrations_) registering.next = now;
}

// --- What arrives --------------------------------------------------------------------------------

std::optional<wire::Drop> MapClient::HandleControl(Instant now, const Arrival& arrival,
                                                   const wire::Session* session, uint64_t counter,
                                                   wire::Bytes plaintext, Outbox& outbox) {
  NoticeSession(now);
  silent_ = false;
  const auto decoded = DecodeMapMessage(plaintext);
  if (const auto* drop = std::get_if<wire::Drop>(&decoded)) return *drop;
  const MessageOrder order(association_.SessionOrder(session), counter);
  return std::visit([&](const auto& message) { return On(now, arrival, order, message, outbox); },
                    std::get<MapMessage>(decoded));
}

std::optional<wire::Drop> MapClient::On(Instant now, const Arrival& arrival, MessageOrder order,
                                        const MapRegistered& message, Outbox& outbox) {
  const auto it = registrations_.find({message.port, !arrival.from.address.is_v4()});
  if (it == registrations_.end() || arrival.port != message.port || order <= it->second.heard) {
    return wire::Drop::kTooOld;
  }
  Registering& registering = it->second;
  registering.heard = order;
  registering.heard_at = now;
  if (registering.tries > 0) {
    const Duration sample = std::min<Duration>(now - registering.asked, kMapRoundTripMax);
    round_trip_ = round_trip_ == Duration::zero() ? sample : (round_trip_ * 7 + sample) / 8;
  }
  registering.tries = 0;
  registering.echo = message.challenge;
  registering.observed = message.observed;
  registering.refused =
      message.state == MapState::kFull || message.state == MapState::kTooManyPorts;
  const Duration refresh =
      std::min<Duration>(options_.refresh, std::chrono::milliseconds(message.refresh_ms));
  registering.next = now + local_.Jitter(refresh);

  if (message.state == MapState::kEcho) {
    // Not published, or not at this address: echo at once, and see to it that this cannot go in circles.
    registering.published = false;
    if (++registering.echoes <= kMapEchoes) Register(now, it->first, registering, outbox);
    return std::nullopt;
  }
  registering.echoes = 0;
  registering.published = message.state == MapState::kPublished;
  if (message.send_allow) upload_.Begin(now);
  return std::nullopt;
}

std::optional<wire::Drop> MapClient::On(Instant, const Arrival&, MessageOrder,
                                        const MapAllowed& message, Outbox&) {
  upload_.HandleAllowed(message);
  return std::nullopt;
}

std::optional<wire::Drop> MapClient::On(Instant now, const Arrival&, MessageOrder order,
                                        const MapEndpoints& message, Outbox&) {
  switch (lookups_.HandleAnswer(now, message.key, order, message.endpoints.size())) {
    case MapLookups::Verdict::kNews:
      Found(message.key, message.endpoints);
      return std::nullopt;
    case MapLookups::Verdict::kNothing:
      return std::nullopt;
    case MapLookups::Verdict::kOld:
      return wire::Drop::kTooOld;
    case MapLookups::Verdict::kUnknown:
      break;
  }
  return wire::Drop::kUnknownPeer;
}

std::optional<wire::Drop> MapClient::On(Instant now, const Arrival& arrival, MessageOrder order,
                                        const MapPush& message, Outbox& outbox) {
  // Whatever it says: an acknowledgement ends its repetition.
  association_.Send(arrival.route(), EncodeMapMessage(MapPushAck{message.id}), outbox);
  return On(now, arrival, order, MapEndpoints{0, message.key, message.endpoints}, outbox);
}

void MapClient::Found(const wire::PublicKey& key, const std::vector<wire::Endpoint>& endpoints) {
  const auto it = std::find_if(found_.begin(), found_.end(),
                               [&](const FoundEndpoints& found) { return found.peer == key; });
  if (it != found_.end()) {
    it->endpoints = endpoints;
  } else {
    found_.push_back({key, endpoints});
  }
}

std::vector<FoundEndpoints> MapClient::TakeFound() { return std::exchange(found_, {}); }

// --- Time ----------------------------------------------------------------------------------------

Instant MapClient::NextTimeout() const {
  if (association_.send_session() != session_) return Instant{};  // at once
  Instant next = association_.NextTimeout();
  if (session_ == nullptr) return next;
  if (!withdrawn_.empty()) return Instant{};
  bool published = false;
  for (const auto& [place, registering] : registrations_) {
    next = std::min(next, registering.next);
    published = published || registering.published;
  }
  if (published) next = std::min({next, lookups_.NextTimeout(), upload_.NextTimeout()});
  return next;
}

void MapClient::HandleTimeout(Instant now, Outbox& outbox) {
  const auto routes = [this] { return Routes(); };
  association_.HandleTimeout(now, routes, outbox);
  NoticeSession(now);
  if (session_ == nullptr) return;
  Withdraw(now, outbox);
  for (auto& [place, registering] : registrations_) {
    if (registering.next <= now) Register(now, place, registering, outbox);
  }
  Ask(now, outbox);
}

// A new session with a map that may have lost all it knew: everything is said again.
void MapClient::NoticeSession(Instant now) {
  if (association_.send_session() == session_) return;
  session_ = association_.send_session();
  if (session_ == nullptr) return;
  silent_ = false;
  for (auto& [place, registering] : registrations_) {
    registering.next = now;
    registering.tries = 0;
    registering.echoes = 0;
  }
  lookups_.Restart(now);
}

void MapClient::Register(Instant now, const Place& place, Registering& registering,
                         Outbox& outbox) {
  if (registering.tries == 0) registering.asked = now;
  if (registering.tries >= kMapSilentRequests) {
    // Nothing for so long, by any way: the map has forgotten our session, or is gone.
    if (association_.last_authentic() <= registering.asked && !silent_) {
      silent_ = true;
      association_.Connect(now);
    }
    ++registering.endpoint;
    registering.published = false;
  }
  const std::optional<Route> route = RouteOf(place, registering);
  if (!route.has_value()) return;
  const MapRegister message{place.port, registering.echo, upload_.digest(), Candidates(place.port)};
  association_.Send(*route, EncodeMapMessage(message), outbox);
  const Duration wait = Retry() * (int64_t{1} << std::min(registering.tries, 10));
  registering.next = now + local_.Jitter(std::min<Duration>(wait, kMapRetryMax));
  ++registering.tries;
}

// Tells the map, by all other ways, that a port is gone, before anything is registered anew: what is said later counts.
// Nobody repeats this; where it is lost, or there is no other way, the registration ends by itself.
void MapClient::Withdraw(Instant now, Outbox& outbox) {
  for (const PortId port : std::exchange(withdrawn_, {})) {
    std::vector<Route> routes;
    for (const auto& [place, route] : PublishedRoutes()) routes.push_back(route);
    association_.Send(routes, EncodeMapMessage(MapDeregister{port}), outbox);
    // It took both address families along.
    for (auto& [place, registering] : registrations_) {
      if (place.port == port) registering.next = now;
    }
  }
}

// What needs a verified address, but no particular one.
void MapClient::Ask(Instant now, Outbox& outbox) {
  const std::vector<std::pair<Place, Route>> routes = PublishedRoutes();
  if (routes.empty()) return;
  for (const MapAllow& part : upload_.Due(now, Retry())) {
    association_.Send(routes.front().second, EncodeMapMessage(part), outbox);
  }
  for (size_t i = 0; i < kMapRequestsPerTurn; ++i) {
    const std::optional<MapLookups::Due> due = lookups_.NextDue(now, Retry());
    if (!due.has_value()) break;
    // Each repetition by another way.
    const auto& [place, route] = routes[static_cast<size_t>(due->tries) % routes.size()];
    association_.Send(route, EncodeMapMessage(MapLookup{due->request, place.port, due->key}),
                      outbox);
  }
}

void MapClient::Shutdown(Instant, Outbox& outbox) {
  const std::vector<Route> routes = Routes();
  association_.Send(routes, EncodeMapMessage(MapDeregister{}), outbox);
  association_.Close(routes, outbox);
  registrations_.clear();
  ports_.clear();
  session_ = nullptr;
}

// --- Ways to the map -----------------------------------------------------------------------------

std::vector<Route> MapClient::Routes() const {
  std::vector<Route> routes;
  for (const auto& [place, registering] : registrations_) {
    for (const wire::Endpoint& endpoint : options_.endpoints) {
      if (endpoint.address.is_v4() != place.v6) routes.push_back({place.port, endpoint});
    }
  }
  return routes;
}

std::optional<Route> MapClient::RouteOf(const Place& place, const Registering& registering) const {
  std::vector<wire::Endpoint> endpoints;
  for (const wire::Endpoint& endpoint : options_.endpoints) {
    if (endpoint.address.is_v4() != place.v6) endpoints.push_back(endpoint);
  }
  if (endpoints.empty()) return std::nullopt;
  return Route{place.port, endpoints[registering.endpoint % endpoints.size()]};
}

std::vector<std::pair<MapClient::Place, Route>> MapClient::PublishedRoutes() const {
  std::vector<std::pair<Instant, Place>> heard;
  for (const auto& [place, registering] : registrations_) {
    if (registering.published) heard.emplace_back(registering.heard_at, place);
  }
  std::sort(heard.rbegin(), heard.rend());
  std::vector<std::pair<Place, Route>> routes;
  for (const auto& [when, place] : heard) {
    routes.emplace_back(place, *RouteOf(place, registrations_.at(place)));
  }
  return routes;
}

std::vector<wire::Endpoint> MapClient::Candidates(PortId port) const {
  std::vector<wire::Endpoint> global;
  std::vector<wire::Endpoint> all;
  for (const wire::IpAddress& address : ports_.at(port).addresses) {
    all.push_back({address, options_.listen_port});
    if (!address.is_link_local() && !address.is_loopback()) global.push_back(all.back());
  }
  // A message names one address at least; the map leaves out those that lead nowhere.
  std::vector<wire::Endpoint>& candidates = global.empty() ? all : global;
  if (candidates.size() > kMapMaxCandidates) candidates.resize(kMapMaxCandidates);
  return candidates;
}

Duration MapClient::Retry() const { return std::max<Duration>(kMapRetry, round_trip_ * 2); }

// --- Status --------------------------------------------------------------------------------------

MapStatus MapClient::Status() const {
  MapStatus status;
  status.public_key = options_.public_key;
  status.endpoints = options_.endpoints;
  bool refused = false;
  for (const auto& [place, registering] : registrations_) {
    refused = refused || registering.refused;
    if (registering.published) status.registrations.push_back({place.port, registering.observed});
  }
  if (silent_) {
    status.state = "silent";
    status.reason = "no answer to registrations, shaking hands again";
  } else if (association_.send_session() == nullptr) {
    status.state = "connecting";
    status.reason =
        registrations_.empty() ? "no port can reach the map" : "no answer to the handshake";
  } else if (status.registrations.empty()) {
    status.state = "connected";
    status.reason = refused ? "the map refuses more registrations" : "not registered yet";
  } else {
    status.state = "registered";
    status.reason = refused ? "the map refuses more registrations" : "";
  }
  return status;
}

}  // namespace warp::protocol
