// Checks of the way to maps and peers: routes, filters, names, and what came back.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/doctor/check/checks.h"
#include "tools/doctor/check/packet_filter.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

constexpr size_t kMostNamed = 3;

std::string NameOf(const std::string& interface, const Facts& facts) {
  for (const config::PortConfig& port : facts.ports) {
    if (port.kernel_side() == interface) return absl::StrCat("port ", port.name);
  }
  return interface;
}

std::string Named(const Destination& to) {
  const std::string address = to.endpoint.ToString();
  if (absl::EndsWith(to.whose, address)) return Plain(to.whose);
  return absl::StrCat(Plain(to.whose), " (", address, ")");
}

// "a, b, c and 4 more"
std::string Listed(const std::vector<std::string>& all) {
  if (all.size() <= kMostNamed) return absl::StrJoin(all, ", ");
  const std::vector<std::string> first(all.begin(), all.begin() + kMostNamed);
  return absl::StrCat(absl::StrJoin(first, ", "), " and ", all.size() - kMostNamed, " more");
}

// Whether the kernel's own stack carries the datagrams of the port.
bool ThroughStack(const config::PortConfig& port, const Facts& facts) {
  return port.kernel_device() != nullptr && DriverOf(port, facts) == wire::KernelDriver::kUdp;
}

bool ThroughStack(const std::string& interface, const Facts& facts) {
  for (const config::PortConfig& port : facts.ports) {
    if (port.kernel_side() == interface) return ThroughStack(port, facts);
  }
  return false;
}

struct Missing {
  std::vector<std::string> destinations;
  bool v4 = false;
};

}  // namespace

// Port by port, because a route is set up for an uplink and not for a destination.
void CheckRoutes(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  std::map<std::string, Missing> by_interface;
  for (const RouteFacts& route : facts.routes) {
    if (route.state != RouteState::kMissing) continue;
    Missing& missing = by_interface[route.interface];
    missing.destinations.push_back(Named(route.to));
    missing.v4 = missing.v4 || route.to.endpoint.address.is_v4();
  }
  for (const auto& [interface, missing] : by_interface) {
    const std::string name = ShellWord(interface);
    findings.push_back({Severity::kFailure,
                        Topic::kRoute,
                        absl::StrCat(NameOf(interface, facts), ": no route through ",
                                     Plain(interface), " to ", Listed(missing.destinations)),
                        "Its paths there cannot be used: each port needs a route of its own "
                        "interface, as a second "
                        "default route with another metric, or in a routing table with a rule.",
                        {absl::StrCat("ip ", missing.v4 ? "" : "-6 ",
                                      "route add default via GATEWAY dev ", name, " metric 200"),
                         absl::StrCat("ip route get ADDRESS oif ", name, " ipproto 17 sport ",
                                      config.node.listen_port)}});
  }
}

// With a packet socket, WARP has the frame before the filter sees it.
void CheckReversePaths(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  std::map<std::string, std::pair<std::string, std::vector<std::string>>> by_interface;
  for (const RouteFacts& route : facts.routes) {
    const bool other = !route.preferred.empty() && route.preferred != route.interface;
    if (!other || !route.to.endpoint.address.is_v4()) continue;
    if (!ThroughStack(route.interface, facts)) continue;
    auto& [preferred, whose] = by_interface[route.interface];
    preferred = route.preferred;
    whose.push_back(Named(route.to));
  }
  for (const auto& [interface, about] : by_interface) {
    findings.push_back(
        {Severity::kFailure,
         Topic::kReversePath,
         absl::StrCat(NameOf(interface, facts), ": the reverse path filter of ", Plain(interface),
                      " is strict"),
         absl::StrCat("The kernel drops what comes in by it from ", Listed(about.second),
                      ", because it would itself send there by ", Plain(about.first), "."),
         {absl::StrCat("sysctl -w ",
                       ShellWord(absl::StrCat("net.ipv4.conf.", interface, ".rp_filter=2")))}});
  }
}

// What keeps a domain from being asked is a warning: warpd tries the domain itself meanwhile.
void CheckServices(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  for (const ServiceFacts& service : facts.services) {
    const absl::Status& status = service.places.status();
    if (status.ok() || absl::IsNotFound(status)) {
      findings.push_back(
          {Severity::kNote,
           Topic::kName,
           absl::StrCat(Plain(service.whose),
                        status.ok() ? absl::StrCat(" is ", Plain(Listed(*service.places)))
                                    : std::string(" is the domain itself")),
           absl::StrCat(
               status.ok() ? "So the service records of " : "There are no service records of ",
               Plain(service.name), status.ok() ? " say." : "."),
           {}});
      continue;
    }
    const bool has_none = absl::IsFailedPrecondition(status);
    findings.push_back(
        {has_none ? Severity::kFailure : Severity::kWarning,
         Topic::kName,
         absl::StrCat(Plain(service.whose), ": the service records of ", Plain(service.name),
                      has_none ? " lead nowhere" : " are not found"),
         absl::StrCat(Plain(std::string(status.message())),
                      has_none ? "." : ". warpd tries the domain itself meanwhile."),
         {absl::StrCat("dig SRV ", ShellWord(service.name)), "cat /etc/resolv.conf"}});
  }
}

// A name server that lies, or a mistake: nobody else can be reached at an address of this machine.
void CheckOwnAddresses(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  if (!facts.interfaces) return;
  for (const Destination& to : facts.destinations) {
    const wire::IpAddress& address = to.endpoint.address;
    const bool own = std::any_of(
        facts.interfaces->begin(), facts.interfaces->end(), [&](const InterfaceFacts& interface) {
          return (to.interface.empty() || to.interface == interface.name) &&
                 std::find(interface.addresses.begin(), interface.addresses.end(), address) !=
                     interface.addresses.end();
        });
    if (!own) continue;
    findings.push_back({Severity::kFailure,
                        Topic::kReach,
                        absl::StrCat(Named(to), " is at an address of this machine"),
                        "What a port sends leaves the machine, so that nobody is reached there.",
                        {"ip address"}});
  }
}

void CheckNames(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  for (const NameFacts& name : facts.names) {
    if (name.found.ok()) continue;
    findings.push_back(
        {Severity::kFailure,
         Topic::kName,
         absl::StrCat(Plain(name.whose), ": the name ", Plain(name.host), " is not found"),
         absl::StrCat(Plain(std::string(name.found.message())),
                      ". warpd asks again, over each port as well, and cannot reach it before."),
         {absl::StrCat("getent ahosts ", ShellWord(name.host)), "cat /etc/resolv.conf"}});
  }
}

// Strangers get no answer from a node or a map, so that only a refusal tells something.
void CheckReach(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  std::map<std::string, std::vector<std::string>> deaf;  // by destination: the ports that say so
  for (const RouteFacts& route : facts.routes) {
    const std::string port = NameOf(route.interface, facts);
    if (absl::IsNotFound(route.knock)) {
      deaf[Named(route.to)].push_back(port);
    } else if (!route.knock.ok()) {
      const std::string filter = absl::IsPermissionDenied(route.knock)
                                     ? "A rule of this machine's own firewall refuses it."
                                     : "The kernel or a router on the way refuses it.";
      findings.push_back({Severity::kFailure,
                          Topic::kReach,
                          absl::StrCat(port, ": a datagram to ", Named(route.to),
                                       " is refused: ", std::string(route.knock.message())),
                          filter,
                          {absl::IsPermissionDenied(route.knock)
                               ? std::string("nft list ruleset")
                               : absl::StrCat("ping -I ", ShellWord(route.interface), " ",
                                              route.to.endpoint.address.ToString())}});
    }
  }
  for (const auto& [destination, ports] : deaf) {
    findings.push_back(
        {Severity::kFailure,
         Topic::kReach,
         absl::StrCat(destination, " has nobody who listens"),
         absl::StrCat("Its machine says so (ICMP port unreachable) through ", Listed(ports),
                      ": the daemon there does not run, uses another "
                      "port, or a firewall refuses it."),
         {}});
  }
}

void CheckFirewall(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  const PacketFilter filter(facts.ruleset);
  const std::string port_text = absl::StrCat(config.node.listen_port);
  bool stack = false;
  for (const config::PortConfig& port : facts.ports) {
    if (!ThroughStack(port, facts)) continue;
    stack = true;
    for (const Direction direction : {Direction::kIn, Direction::kOut}) {
      const auto drop = filter.DropOf({direction, port.kernel_side(), config.node.listen_port});
      if (!drop) continue;
      const bool in = direction == Direction::kIn;
      findings.push_back(
          {Severity::kFailure,
           Topic::kFirewall,
           absl::StrCat("port ", port.name, ": nftables drops UDP port ", port_text,
                        in ? " that comes in by " : " that leaves by ", Plain(port.kernel_side())),
           absl::StrCat("Chain ", drop->chain,
                        drop->policy ? " drops what no rule accepts, and none accepts this."
                                     : " has a rule that drops it."),
           {absl::StrCat("nft insert rule ", drop->chain, " udp ", in ? "dport " : "sport ",
                         port_text, " accept")}});
    }
  }
  if (!stack || !facts.legacy_iptables) return;
  findings.push_back(
      {Severity::kNote,
       Topic::kFirewall,
       "there are rules of the old iptables, which were not looked at",
       absl::StrCat("They must let UDP port ", port_text, " pass in both directions."),
       {"iptables-legacy -S"}});
}

}  // namespace warp::tools
