#include "tools/doctor/read/read_network.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "control/loop/names/services.h"
#include "dataplane/wire/constants.h"

namespace warp::tools {
namespace {

// Bounds of what is asked, so that a node with hundreds of peers has its answer soon.
constexpr size_t kMostNames = 16;
constexpr size_t kMostRoutes = 256;

// --- Where datagrams go. ---

class Destinations {
 public:
  Destinations(const Machine& machine, Facts& facts) : machine_(machine), facts_(facts) {}

  void Add(const std::string& whose, const config::HostPort& place) {
    if (place.literal) {
      list_.push_back({.whose = whose, .endpoint = *place.literal, .interface = place.interface});
      return;
    }
    for (const wire::IpAddress& address : AddressesOf(whose, place.host)) {
      list_.push_back({.whose = whose, .endpoint = {address, place.port}});
    }
  }
  const std::vector<Destination>& list() const { return list_; }

 private:
  // Each name is asked for once. When no server answers, none is asked for again.
  std::vector<wire::IpAddress> AddressesOf(const std::string& whose, const std::string& host) {
    if (const auto known = known_.find(host); known != known_.end()) return known->second;
    if (known_.size() >= kMostNames || silent_) {
      facts_.unseen.push_back(absl::StrCat("where ", whose, " is: no more names are asked for"));
      return {};
    }
    const auto addresses = machine_.Resolve(host);
    silent_ = absl::IsDeadlineExceeded(addresses.status());
    facts_.names.push_back({.whose = whose, .host = host, .found = addresses.status()});
    return known_[host] = addresses.ok() ? *addresses : std::vector<wire::IpAddress>();
  }

  const Machine& machine_;
  Facts& facts_;
  std::vector<Destination> list_;
  std::map<std::string, std::vector<wire::IpAddress>> known_;
  bool silent_ = false;
};

// The places that a domain's service records name, or the domain itself, as warpd has it.
std::vector<config::HostPort> PlacesOf(const Machine& machine, const std::string& whose,
                                       const config::HostPort& domain, Facts& facts) {
  ServiceFacts& service = facts.services.emplace_back();
  service.whose = whose;
  service.name = absl::StrCat(control::kMapService, ".", domain.host);
  const auto found = machine.ResolveServices(service.name);
  std::vector<config::HostPort> places;
  if (found.ok()) {
    service.places = std::vector<std::string>();
    for (const ServicePlace& place : *found) {
      config::HostPort& one = places.emplace_back();
      one.host = place.host;
      one.port = place.port;
      service.places->push_back(absl::StrCat(place.host, ":", place.port));
    }
    return places;
  }
  service.places = found.status();
  if (absl::IsFailedPrecondition(found.status())) return places;  // it says that it has no map
  places.push_back(domain);
  places.back().port = wire::kDefaultPort;
  return places;
}

// --- Routes. ---

class Routes {
 public:
  Routes(const Machine& machine, uint16_t port, Facts& facts)
      : machine_(machine), port_(port), facts_(facts) {}

  void Ask(const InterfaceFacts& interface, const Destination& to) {
    if (!to.interface.empty() && to.interface != interface.name) return;
    std::vector<wire::IpAddress> sources;
    for (const wire::IpAddress& address : interface.addresses) {
      if (Fits(address, to.endpoint.address)) sources.push_back(address);
    }
    if (sources.empty()) return;
    if (facts_.routes.size() == kMostRoutes) {
      facts_.unseen.push_back(
          absl::StrCat("routes beyond the first ", kMostRoutes, " pairs of a port and an address"));
    }
    if (facts_.routes.size() >= kMostRoutes) {
      full_ = true;
      return;
    }
    RouteFacts route{.interface = interface.name, .to = to};
    route.state = StateOf(interface.name, to.endpoint, sources);
    if (route.state == RouteState::kThere && interface.rp_filter == 1) {
      route.preferred = Preferred(to.endpoint, sources[0]);
    }
    facts_.routes.push_back(std::move(route));
  }
  bool full() const { return full_; }

 private:
  // Addresses of a link reach those of a link, and others others.
  static bool Fits(const wire::IpAddress& source, const wire::IpAddress& to) {
    return source.is_v4() == to.is_v4() &&
           (source.is_v4() || source.is_link_local() == to.is_link_local());
  }

  // As warpd asks: let the kernel choose the source, or else try each of the interface's.
  RouteState StateOf(const std::string& interface, const wire::Endpoint& to,
                     const std::vector<wire::IpAddress>& sources) {
    std::vector<std::vector<std::string>> questions(1);
    for (const wire::IpAddress& source : sources) questions.push_back({"from", source.ToString()});
    RouteState state = RouteState::kUnknown;
    for (const std::vector<std::string>& from : questions) {
      std::vector<std::string> words = {"ip",  "-j",       "route",
                                        "get", "fibmatch", to.address.ToString()};
      words.insert(words.end(), from.begin(), from.end());
      words.insert(words.end(), {"oif", interface});
      AddPorts(words, to);
      const absl::StatusOr<std::string> answer = machine_.Run(words);
      if (answer.ok() && !ListOf(ParseJson(*answer)).empty()) return RouteState::kThere;
      if (absl::IsDeadlineExceeded(answer.status())) return GiveUp("ip does not answer");
      // The kernel's refusal is an answer, too; that of ip itself is none.
      const absl::string_view said = answer.status().message();
      if (absl::StartsWith(said, "Error: argument")) return GiveUp(said);
      if (answer.ok() || absl::IsUnknown(answer.status())) state = RouteState::kMissing;
    }
    return state;
  }

  // Everybody who waited once for this would wait again.
  RouteState GiveUp(absl::string_view reason) {
    full_ = true;
    facts_.unseen.push_back(absl::StrCat("routes: ", reason));
    return RouteState::kUnknown;
  }

  std::string Preferred(const wire::Endpoint& to, const wire::IpAddress& source) const {
    std::vector<std::string> words = {
        "ip", "-j", "route", "get", to.address.ToString(), "from", source.ToString()};
    AddPorts(words, to);
    const absl::StatusOr<std::string> answer = machine_.Run(words);
    const Json routes = answer.ok() ? ParseJson(*answer) : Json();
    return ListOf(routes).empty() ? "" : TextOf(routes[0], "dev");
  }

  // By number, because ip finds the name in /etc/protocols, which small systems lack.
  void AddPorts(std::vector<std::string>& words, const wire::Endpoint& to) const {
    words.insert(words.end(),
                 {"ipproto", "17", "sport", absl::StrCat(port_), "dport", absl::StrCat(to.port)});
  }

  const Machine& machine_;
  const uint16_t port_;
  Facts& facts_;
  bool full_ = false;
};

void Knocks(const Machine& machine, Facts& facts) {
  std::vector<Knock> knocks;
  std::vector<RouteFacts*> asked;
  for (RouteFacts& route : facts.routes) {
    if (route.state != RouteState::kThere) continue;
    knocks.push_back({.interface = route.interface, .to = route.to.endpoint});
    asked.push_back(&route);
  }
  const std::vector<absl::Status> answers = machine.KnockAt(knocks);
  for (size_t i = 0; i < answers.size() && i < asked.size(); ++i) asked[i]->knock = answers[i];
}

}  // namespace

void ReadNetwork(const Machine& machine, const config::NodeConfig& config, Facts& facts) {
  Destinations destinations(machine, facts);
  for (const config::MapServerConfig& map : config.maps) {
    const std::string whose = absl::StrCat("map ", map.address.ToString());
    if (map.address.port == 0) {
      for (const config::HostPort& place : PlacesOf(machine, whose, map.address, facts))
        destinations.Add(whose, place);
    } else {
      destinations.Add(whose, map.address);
    }
  }
  for (const config::PeerConfig& peer : config.peers) {
    for (const config::HostPort& place : peer.endpoints) {
      destinations.Add(absl::StrCat("peer ", peer.name), place);
    }
  }
  facts.destinations = destinations.list();
  if (!facts.interfaces) return;
  Routes routes(machine, config.node.listen_port, facts);
  for (const config::PortConfig& port : facts.ports) {
    const InterfaceFacts* const interface = facts.Find(port.kernel_side());
    if (interface == nullptr || !interface->up || !interface->carrier) continue;
    for (const Destination& to : destinations.list()) {
      if (!routes.full()) routes.Ask(*interface, to);
    }
  }
  Knocks(machine, facts);
}

void ReadFirewall(const Machine& machine, Facts& facts) {
  const auto legacy = machine.ReadFile("/proc/net/ip_tables_names");
  facts.legacy_iptables = legacy.ok() && !legacy->empty();
  const absl::StatusOr<std::string> text = machine.Run({"nft", "-j", "list", "ruleset"});
  if (text.ok()) facts.ruleset = ParseJson(*text);
  if (!facts.ruleset.is_null() || absl::IsNotFound(text.status())) return;
  facts.unseen.push_back(absl::StrCat("the firewall: nft: ",
                                      text.ok() ? "its answer is none" : text.status().message()));
}

}  // namespace warp::tools
