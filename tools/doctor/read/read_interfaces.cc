#include "tools/doctor/read/read_interfaces.h"

#include <algorithm>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/pattern/port_patterns.h"

namespace warp::tools {
namespace {

bool HasFlag(const Json& interface, absl::string_view flag) {
  const Json& flags = ListOf(interface, "flags");
  return std::any_of(flags.begin(), flags.end(), [&](const Json& f) { return TextOf(f) == flag; });
}

// Addresses that are not proved unique yet, and those that a script has left to die, are of no use.
std::optional<wire::IpAddress> UsableAddress(const Json& entry) {
  const auto is = [&entry](const char* key) { return Member(entry, key) == Json(true); };
  if (is("tentative") || is("deprecated")) return std::nullopt;
  const auto address = wire::IpAddress::Parse(TextOf(entry, "local"));
  return address.ok() ? std::optional(*address) : std::nullopt;
}

InterfaceFacts FactsOf(const Json& entry) {
  InterfaceFacts facts{.name = TextOf(entry, "ifname"),
                       .index = static_cast<int>(NumberOf(Member(entry, "ifindex")).value_or(0)),
                       .loopback = HasFlag(entry, "LOOPBACK"),
                       .ethernet = TextOf(entry, "link_type") == "ether",
                       .up = HasFlag(entry, "UP"),
                       .carrier = HasFlag(entry, "LOWER_UP"),
                       .multicast = HasFlag(entry, "MULTICAST"),
                       .mtu = static_cast<uint32_t>(NumberOf(Member(entry, "mtu")).value_or(0))};
  for (const Json& address : ListOf(entry, "addr_info")) {
    if (const auto usable = UsableAddress(address); usable) facts.addresses.push_back(*usable);
  }
  return facts;
}

// A name that a path may be made of.
bool IsName(const std::string& name) {
  return !name.empty() && name.size() < 16 && name[0] != '.' &&
         name.find_first_of("/ ") == std::string::npos;
}

std::optional<int> Sysctl(const Machine& machine, const std::string& path) {
  const absl::StatusOr<std::string> text = machine.ReadFile(path);
  int value = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &value)) return std::nullopt;
  return value;
}

void ReadSettings(const Machine& machine, InterfaceFacts& interface) {
  if (!IsName(interface.name)) return;
  const std::string conf = "/proc/sys/net/ipv4/conf/";
  const auto own = Sysctl(machine, absl::StrCat(conf, interface.name, "/rp_filter"));
  const auto all = Sysctl(machine, absl::StrCat(conf, "all/rp_filter"));
  if (own && all) interface.rp_filter = std::max(*own, *all);
  interface.tun =
      machine.ReadFile(absl::StrCat("/sys/class/net/", interface.name, "/tun_flags")).ok();
}

// "tx-udp-segmentation: off [fixed]" for each feature. Returns false where nobody need ask again.
bool ReadFeatures(const Machine& machine, InterfaceFacts& interface, Facts& facts) {
  const absl::StatusOr<std::string> text = machine.Run({"ethtool", "-k", interface.name});
  if (!text.ok()) {
    facts.unseen.push_back(absl::StrCat(
        "what ", interface.name, " can do for its packets: ethtool: ", text.status().message()));
    return !absl::IsDeadlineExceeded(text.status()) && !absl::IsNotFound(text.status());
  }
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> halves =
        absl::StrSplit(absl::StripAsciiWhitespace(line), absl::MaxSplits(": ", 1));
    const absl::string_view state = halves.second.substr(0, halves.second.find(' '));
    if (state != "on" && state != "off") continue;
    if (halves.first == "generic-receive-offload") interface.gro = state == "on";
    if (halves.first != "tx-udp-segmentation") continue;
    interface.segments_udp = state == "on";
    interface.segments_never = halves.second == "off [fixed]";
  }
  return true;
}

void ReadPorts(const config::NodeConfig& config, Facts& facts) {
  config::PortPatterns patterns(config);
  std::vector<os::Interface> present;
  for (const InterfaceFacts& i : facts.interfaces.value_or(std::vector<InterfaceFacts>())) {
    present.push_back({.name = i.name, .index = i.index, .loopback = i.loopback});
  }
  if (!patterns.empty()) patterns.Update(present);
  for (const config::PortConfig& port : config.ports) {
    if (!port.is_pattern()) facts.ports.push_back(port);
  }
  for (const config::PortPatterns::Entry& entry : patterns.entries()) {
    for (const std::string& interface : entry.interfaces) {
      facts.ports.push_back(entry.pattern->PortFor(interface));
    }
  }
}

}  // namespace

void ReadInterfaces(const Machine& machine, const config::NodeConfig& config, Facts& facts) {
  const absl::StatusOr<std::string> text = machine.Run({"ip", "-j", "address", "show"});
  const Json list = text.ok() ? ParseJson(*text) : Json();
  if (list.is_array()) {
    facts.interfaces.emplace();
    for (const Json& entry : list) {
      facts.interfaces->push_back(FactsOf(entry));
      ReadSettings(machine, facts.interfaces->back());
    }
  } else {
    facts.unseen.push_back(
        absl::StrCat("interfaces, addresses and routes: ip: ",
                     text.ok() ? "its answer is none" : text.status().message()));
  }
  ReadPorts(config, facts);
  bool answers = true;
  for (const config::PortConfig& port : facts.ports) {
    if (const auto* card = std::get_if<wire::PciDevice>(&port.device); card != nullptr) {
      facts.cards.push_back(machine.Pci(card->address));
    }
    if (!facts.interfaces || port.kernel_device() == nullptr) continue;
    for (InterfaceFacts& interface : *facts.interfaces) {
      if (answers && interface.name == port.kernel_side()) {
        answers = ReadFeatures(machine, interface, facts);
      }
    }
  }
}

}  // namespace warp::tools
