#include "control/protocol/map/map_client.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "control/protocol/path/endpoint_book.h"

namespace warp::protocol {

MapClient::MapClient(Identity& identity, SessionTable& table, MapClientOptions options)
    : map_(options.public_key),
      association_(identity, table, MapAssociation(map_, options.rekey_after, true, options.own)),
      servers_(options.endpoints.empty() ? Servers() : Servers{options.endpoints}),
      registrations_(identity,
                     {std::move(options.endpoints), options.listen_port, options.refresh}),
      lookups_(identity),
      relays_(identity) {}

// --- What the node knows. ---

void MapClient::SetServers(Instant now, Servers servers) {
  for (std::vector<wire::Endpoint>& server : servers) {
    std::erase_if(server,
                  [](const wire::Endpoint& one) { return !AcceptableEndpoint(one, false); });
  }
  std::erase_if(servers, [](const auto& server) { return server.empty(); });
  if (servers.empty() || servers == servers_) return;
  const auto serves = std::find_if(servers.begin(), servers.end(), [this](const auto& server) {
    return std::find_first_of(server.begin(), server.end(), registrations_.endpoints().begin(),
                              registrations_.endpoints().end()) != server.end();
  });
  server_ = serves == servers.end() ? 0 : static_cast<size_t>(serves - servers.begin());
  unnamed_ = serves == servers.end() && !silent_ && registrations_.any_published();
  if (unnamed_) servers.insert(servers.begin(), registrations_.endpoints());
  servers_ = std::move(servers);
  reach_ = 1;
  widen_ = kNever;
  Greet(now, registrations_.SetEndpoints(now, servers_[server_]));
}

void MapClient::SetRekeyAfter(Instant now, Duration rekey_after) {
  association_.Retune(now, MapTerms(rekey_after));
}

void MapClient::SetPorts(Instant now, const std::map<PortId, PortState>& ports) {
  Greet(now, registrations_.SetPorts(now, ports));
}

// The first route to the map begins the session; each further one may reach a map that the others do not.
void MapClient::Greet(Instant now, bool more_routes) {
  if (!more_routes) return;
  if (!connecting_) association_.Connect(now);
  connecting_ = true;
  association_.Hurry(now);
}

// Where handshakes go now.
std::vector<Way> MapClient::Ways() const {
  if (reach_ == 0 && registrations_.any_published()) {
    std::vector<Way> ways;
    for (const auto& [family, route] : registrations_.PublishedRoutes()) ways.emplace_back(route);
    return ways;
  }
  std::vector<wire::Endpoint> more;
  for (size_t i = 1; i < reach_; ++i) {
    const std::vector<wire::Endpoint>& server = servers_[(server_ + i) % servers_.size()];
    more.insert(more.end(), server.begin(), server.end());
  }
  return registrations_.Ways(more);
}

void MapClient::WidenReach(Instant now) {
  if (!association_.initiating() || reach_ >= servers_.size()) {
    widen_ = kNever;
    return;
  }
  if (widen_ > now && widen_ != kNever) return;
  if (widen_ <= now) {
    ++reach_;
    association_.Hurry(now);
  }
  widen_ = reach_ < servers_.size() ? now + kMapNextServer : kNever;
}

// The server that has answered the handshake is the map now.
void MapClient::FollowAnswer(Instant now) {
  const std::optional<wire::Endpoint> answered = association_.answered_from();
  if (!answered.has_value()) return;
  const auto server = std::find_if(servers_.begin(), servers_.end(), [&](const auto& one) {
    return std::find(one.begin(), one.end(), *answered) != one.end();
  });
  if (server != servers_.end()) {
    const auto number = static_cast<size_t>(server - servers_.begin());
    if (number != server_) registrations_.SetEndpoints(now, *server);
    server_ = number;
  }
  if (unnamed_ && server_ != 0) {
    servers_.erase(servers_.begin());
    --server_;
    unnamed_ = false;
  }
  reach_ = 0;
  widen_ = kNever;
  registrations_.Prefer(*answered, silent_);
}

void MapClient::SetPeers(Instant now, std::span<const wire::PublicKey> peers) {
  lookups_.SetPeers(now, peers);
  relays_.SetPeers(now, peers);
  const AllowDigest before = upload_.digest();
  upload_.SetList(AllowList(peers));
  if (upload_.digest() != before) registrations_.Renew(now);
}

// --- What arrives. ---

wire::Drop MapClient::HandleControl(Instant now, const OpenedMessage& opened, Outbox& outbox) {
  NoticeSession(now);
  assert(session_ != nullptr);  // the association's NoteAuthentic came first
  silent_ = false;
  const auto decoded = DecodeMapMessage(opened.plaintext);
  if (const auto* drop = std::get_if<wire::Drop>(&decoded)) return *drop;
  return std::visit([&](const auto& message) { return On(now, opened, message, outbox); },
                    std::get<MapMessage>(decoded));
}

MessageOrder MapClient::OrderOf(const OpenedMessage& opened) const {
  return {association_.SessionOrder(opened.session), opened.counter};
}

wire::Drop MapClient::On(Instant now, const OpenedMessage& opened, const MapRegistered& message,
                         Outbox&) {
  const wire::Drop drop =
      registrations_.HandleRegistered(now, opened.arrival, OrderOf(opened), message);
  if (drop != wire::Drop::kNone) return drop;
  if (registrations_.TakeFresh()) relays_.NotePort(now);
  if (message.state != MapState::kPublished) return wire::Drop::kNone;
  if (upload_.HandleAnswer(now, message.send_allow)) registrations_.Renew(now);
  // The map could not tell us of everything, so we ask. After a new session all peers are looked up in any case.
  if (version_.has_value() && *version_ != message.mark) lookups_.LookUpAllAgain(now);
  version_ = message.mark;
  return wire::Drop::kNone;
}

wire::Drop MapClient::On(Instant, const OpenedMessage&, const MapAllowed& message, Outbox&) {
  upload_.HandleAllowed(message);
  return wire::Drop::kNone;
}

wire::Drop MapClient::On(Instant now, const OpenedMessage& opened, const MapEndpoints& message,
                         Outbox&) {
  switch (lookups_.HandleAnswer(now, message.key, OrderOf(opened), message.endpoints.size())) {
    case MapLookups::Verdict::kNews:
      relays_.NoteKnown(now, message.key);
      Found(message.key, message.endpoints);
      return wire::Drop::kNone;
    case MapLookups::Verdict::kNothing:
      return wire::Drop::kNone;
    case MapLookups::Verdict::kOld:
      return wire::Drop::kTooOld;
    case MapLookups::Verdict::kUnknown:
      break;
  }
  return wire::Drop::kUnknownPeer;
}

wire::Drop MapClient::On(Instant now, const OpenedMessage& opened, const MapPush& message,
                         Outbox& outbox) {
  // Every push is acknowledged, even an old one: that ends its repetition.
  association_.Answer(now, opened.arrival, EncodeMapMessage(MapPushAck{message.id}), outbox);
  return On(now, opened, MapEndpoints{0, message.key, message.endpoints}, outbox);
}

void MapClient::Found(const wire::PublicKey& key, const std::vector<wire::Endpoint>& endpoints) {
  assert(!endpoints.empty());
  const auto it = std::find_if(found_.begin(), found_.end(),
                               [&](const FoundEndpoints& found) { return found.peer == key; });
  if (it != found_.end()) {
    it->endpoints = endpoints;
  } else {
    found_.push_back({key, endpoints});
  }
}

std::vector<FoundEndpoints> MapClient::TakeFound() { return std::exchange(found_, {}); }

std::optional<std::vector<wire::IpAddress>> MapClient::TakeOutside() {
  std::vector<wire::IpAddress> outside;
  for (const MapRegistration& registration : registrations_.Published())
    outside.push_back(registration.endpoint.address);
  if (outside == outside_) return std::nullopt;
  return outside_ = std::move(outside);
}

// --- Time. ---

Instant MapClient::NextTimeout() const {
  if (association_.send_session() != session_) return Instant{};  // at once
  const Instant next = std::min(association_.NextTimeout(), widen_);
  if (session_ == nullptr) return next;
  const Instant asking =
      registrations_.any_published()
          ? std::min({lookups_.NextTimeout(), upload_.NextTimeout(), relays_.NextTimeout()})
          : kNever;
  return std::min({next, registrations_.NextTimeout(), asking});
}

void MapClient::HandleTimeout(Instant now, Outbox& outbox) {
  const auto ways = [this] { return Ways(); };
  association_.HandleTimeout(now, ways, outbox);
  NoticeSession(now);
  WidenReach(now);
  if (session_ == nullptr) return;
  Withdraw(now, outbox);
  Register(now, outbox);
  Ask(now, outbox);
  AskForRelays(now, outbox);
}

// The map at the other end of a new session may have lost all it knew, so everything is said again.
void MapClient::NoticeSession(Instant now) {
  if (association_.send_session() == session_) return;
  session_ = association_.send_session();
  if (session_ == nullptr) return;
  FollowAnswer(now);
  silent_ = false;
  registrations_.Restart(now);
  upload_.Restart();
  version_.reset();
  lookups_.Restart(now);
  relays_.Restart(now);
}

void MapClient::Register(Instant now, Outbox& outbox) {
  for (MapRegistrations::Due& due : registrations_.TakeDue(now)) {
    upload_.Describe(&due.message);
    association_.Send(now, due.route, EncodeMapMessage(due.message), outbox);
  }
  // Where nothing else has come from the map since, by any port, it has forgotten our session or is gone.
  const std::optional<Instant> unanswered = registrations_.TakeUnanswered();
  if (unanswered.has_value() && association_.last_authentic() <= *unanswered && !silent_) {
    silent_ = true;
    reach_ = std::max<size_t>(reach_, 1);
    association_.Connect(now);
  }
}

// Tells the map through the other ports that a port is gone. This comes before anything is registered anew, because the
// message of the highest order wins. Nobody repeats it: where it is lost, the registration ends by its lifetime.
void MapClient::Withdraw(Instant now, Outbox& outbox) {
  for (const PortId port : registrations_.TakeWithdrawn(now)) {
    std::vector<Way> ways;
    for (const auto& [family, route] : registrations_.PublishedRoutes()) ways.emplace_back(route);
    association_.Send(now, ways, EncodeMapMessage(MapDeregister{port, registrations_.NextOrder()}),
                      outbox);
  }
}

// Sends what needs a verified address, but no particular one.
void MapClient::Ask(Instant now, Outbox& outbox) {
  const std::vector<std::pair<PortFamily, Route>> routes = registrations_.PublishedRoutes();
  if (routes.empty()) return;
  for (const MapAllow& part : upload_.Due(now, registrations_.Retry())) {
    association_.Send(now, routes.front().second, EncodeMapMessage(part), outbox);
  }
  for (size_t i = 0; i < kMapRequestsPerTurn; ++i) {
    const std::optional<MapLookups::Due> due = lookups_.NextDue(now, registrations_.Retry());
    if (!due.has_value()) break;
    // Each repetition goes by another route.
    const auto& [family, route] = routes[static_cast<size_t>(due->tries) % routes.size()];
    association_.Send(now, route, EncodeMapMessage(MapLookup{due->request, family.port, due->key}),
                      outbox);
  }
}

void MapClient::AskForRelays(Instant now, Outbox& outbox) {
  const std::vector<std::pair<PortFamily, Route>> routes = registrations_.PublishedRoutes();
  if (routes.empty() || relays_.NextTimeout() > now) return;
  // Of a peer whose UDP is blocked, as ours is, the map says no endpoint, since no datagram gets to any. It can be
  // relayed to all the same.
  const bool blocked = registrations_.in_connection();
  const auto known = [&](const wire::PublicKey& key) {
    const std::optional<Instant> since = lookups_.KnownSince(key);
    return since.has_value() || !blocked ? since : now - Duration(kMapRelayPatience);
  };
  for (const MapRelays::Ask& ask : relays_.TakeAsks(now, registrations_.Retry(), known)) {
    const auto& [family, route] = routes[static_cast<size_t>(ask.tries) % routes.size()];
    association_.Send(now, route, EncodeMapMessage(MapRelay{ask.request, family.port, ask.key}),
                      outbox);
  }
  const auto routes_of = [&routes](PortId port) {
    std::vector<Route> of_port;
    for (const auto& [family, route] : routes) {
      if (family.port == port) of_port.push_back(route);
    }
    return of_port;
  };
  for (MapRelays::Bind& bind : relays_.TakeBinds(now, registrations_.Retry(), routes_of)) {
    bind.message.order = registrations_.NextOrder();
    association_.Send(now, bind.route, EncodeMapMessage(bind.message), outbox);
  }
}

void MapClient::Shutdown(Instant now, Outbox& outbox) {
  const std::vector<Way> ways = Ways();
  association_.Send(
      now, ways, EncodeMapMessage(MapDeregister{kMapAllPorts, registrations_.NextOrder()}), outbox);
  association_.Close(now, ways, outbox);
  registrations_.Clear();
  session_ = nullptr;
}

// --- Status. ---

MapStatus MapClient::Status() const {
  MapStatus status;
  status.public_key = map_;
  status.own = association_.keys().own().value_or(wire::PublicKey());
  status.endpoints = registrations_.endpoints();
  status.registrations = registrations_.Published();
  const std::vector<std::pair<PortFamily, Route>> routes = registrations_.PublishedRoutes();
  if (!routes.empty()) status.serving = routes.front().second.remote;
  status.silent = registrations_.Unanswered();
  const bool refused = registrations_.refused();
  if (silent_) {
    status.state = "silent";
    status.reason = "no answer to registrations, shaking hands again";
  } else if (association_.send_session() == nullptr) {
    status.state = "connecting";
    status.reason = servers_.empty()            ? "no address of the map is known"
                    : registrations_.only_own() ? "the map's address is our own"
                    : registrations_.empty()    ? "no port can reach the map"
                                                : "no answer to the handshake";
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
