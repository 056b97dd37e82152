// Checks of what LAN discovery needs (node.discover): multicast on the interfaces of ports, and a firewall that lets it
// in. Announcements are the kernel's to deliver, whatever carries the payloads of the port.
#include "absl/strings/str_cat.h"
#include "tools/doctor/check/checks.h"
#include "tools/doctor/check/packet_filter.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

// As control/protocol/lan has it.
constexpr uint16_t kDiscoveryPort = 13115;
// Announcements after which a peer on the link would have been heard.
constexpr double kManySent = 10;

void CheckFilter(const config::PortConfig& port, const PacketFilter& filter, Findings& findings) {
  const std::string interface = port.kernel_side();
  for (const Direction direction : {Direction::kIn, Direction::kOut}) {
    const auto drop = filter.DropOf({.direction = direction,
                                     .interface = interface,
                                     .own_port = kDiscoveryPort,
                                     .answers = false});
    if (!drop) continue;
    const bool in = direction == Direction::kIn;
    findings.push_back(
        {Severity::kWarning,
         Topic::kFirewall,
         absl::StrCat("port ", port.name, ": nftables drops UDP port ", kDiscoveryPort,
                      in ? " that comes in by " : " that leaves by ", Plain(interface)),
         absl::StrCat("Peers on the same link are not found (discover: lan). Chain ", drop->chain,
                      drop->policy ? " drops what no rule accepts, and none accepts this."
                                   : " has a rule that drops it."),
         {absl::StrCat("nft insert rule ", drop->chain, " udp ", in ? "dport " : "sport ",
                       kDiscoveryPort, " accept")}});
  }
}

}  // namespace

void CheckDiscovery(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  if (config.node.discover != config::Discovery::kLan) return;
  const PacketFilter filter(facts.ruleset);
  for (const config::PortConfig& port : facts.ports) {
    const InterfaceFacts* const interface = facts.Find(port.kernel_side());
    if (interface == nullptr) continue;
    CheckFilter(port, filter, findings);
    if (interface->multicast) continue;
    findings.push_back(
        {Severity::kWarning,
         Topic::kInterface,
         absl::StrCat("port ", port.name, ": ", Plain(interface->name),
                      " takes no part in multicast"),
         "Peers on the same link are not found by it (discover: lan).",
         {absl::StrCat("ip link set dev ", ShellWord(interface->name), " multicast on")}});
  }
  const Json& did = Member(Member(facts.status, "node"), "discovery");
  const auto sent = NumberOf(Member(did, "sent")), heard = NumberOf(Member(did, "heard"));
  if (!sent || !heard || *sent < kManySent || *heard > 0) return;
  findings.push_back(
      {Severity::kNote,
       Topic::kDaemon,
       "warpd: LAN discovery has heard no peer",
       "Where a peer is on the same link: does it say discover: lan, too, and does it have this "
       "node's key? Its firewall, a switch that filters multicast, and a wireless network that "
       "isolates its guests keep announcements away.",
       {"warp status --json"}});
}

}  // namespace warp::tools
