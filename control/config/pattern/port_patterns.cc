#include "control/config/pattern/port_patterns.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/config/schema/codec.h"
#include "control/config/text/problems.h"

namespace warp::config {

bool NodeConfig::MayHavePort(absl::string_view name) const {
  return std::any_of(ports.begin(), ports.end(), [&](const PortConfig& port) {
    return port.name == name || port.Wants(std::string(name));
  });
}

size_t NodeConfig::PatternRoom() const {
  const auto named = static_cast<size_t>(std::count_if(
      ports.begin(), ports.end(), [](const PortConfig& p) { return !p.is_pattern(); }));
  const bool some = named < ports.size();
  return some ? node.max_ports - std::min<size_t>(named, node.max_ports) : 0;
}

PortPatterns::PortPatterns(const NodeConfig& config)
    : max_ports_(config.node.max_ports), room_(config.PatternRoom()) {
  for (const PortConfig& port : config.ports) {
    if (port.is_pattern()) entries_.push_back({.pattern = &port});
    names_.insert(port.name);
    if (port.is_pattern()) continue;
    reserved_.insert(port.kernel_side());
    if (port.kernel_device() != nullptr) reserved_.insert(port.kernel_device()->interface);
  }
  for (const TunnelConfig& tunnel : config.tunnels) {
    const InterfaceGateConfig* const gate = tunnel.gate.interface();
    if (gate != nullptr) reserved_.insert(gate->interface);
  }
}

bool PortPatterns::Has(const std::string& interface) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    const auto& all = entry.interfaces;
    return std::find(all.begin(), all.end(), interface) != all.end();
  });
}

// Those that have gone make room before any that have come take it.
void PortPatterns::Update(const std::vector<os::Interface>& interfaces) {
  std::set<std::string> present;
  for (const os::Interface& interface : interfaces) present.insert(interface.name);
  for (Entry& entry : entries_) {
    std::erase_if(entry.interfaces,
                  [&](const std::string& name) { return !present.contains(name); });
    entry.left_out.clear();
    entry.reason.clear();
  }
  for (const os::Interface& interface : interfaces) {
    if (interface.loopback || reserved_.contains(interface.name)) continue;
    if (!Has(interface.name)) Consider(interface.name);
  }
}

void PortPatterns::Consider(const std::string& interface) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& candidate) {
    return candidate.pattern->Wants(interface);
  });
  if (entry == entries_.end()) return;
  const std::string obstacle = Obstacle(interface);
  if (obstacle.empty()) {
    entry->interfaces.push_back(interface);
    return;
  }
  if (entry->left_out.empty()) entry->reason = obstacle;
  entry->left_out.push_back(interface);
}

std::string PortPatterns::Obstacle(const std::string& interface) const {
  if (names_.contains(interface)) return "another port of the configuration has that name";
  if (!Name().read(interface).ok()) return "its name is none that a port can have";
  size_t taken = 0;
  for (const Entry& entry : entries_) taken += entry.interfaces.size();
  if (taken < room_) return "";
  return absl::StrCat("all ", max_ports_, " ports (node.max_ports) are in use");
}

std::string LeftOutText(const PortPatterns::Entry& entry) {
  if (entry.left_out.empty()) return "";
  const size_t more = entry.left_out.size() - 1;
  return absl::StrCat(Printable(entry.left_out.front()),
                      more == 0 ? " has" : absl::StrCat(" and ", more, " more have"),
                      " no port: ", entry.reason);
}

// --- Ports in connections. ---

PortConfig PortConfig::Carried() const {
  // TCP cuts what it carries, so that the interface's own does not matter.
  constexpr uint16_t kMtu = 1500;
  PortConfig port = *this;
  port.name = absl::StrCat(name, "/tcp");
  port.device = wire::KernelDevice{.interface = kernel_device()->interface,
                                   .driver = wire::KernelDriver::kTcp};
  port.cpu.reset();
  port.cap.reset();
  port.mtu = std::min<uint16_t>(mtu.value_or(kMtu), kMtu);
  if (group.empty()) port.group = name;
  port.optional = true;
  return port;
}

}  // namespace warp::config
