#include "tools/doctor/check/checks.h"

#include <linux/capability.h>

#include <algorithm>
#include <tuple>

namespace warp::tools {
namespace {

bool Has(const Facts& facts, int capability) {
  if (!facts.capabilities) return facts.user == 0;
  return (*facts.capabilities >> capability & 1) != 0;
}

wire::DriverFacts DriverFactsOf(const InterfaceFacts* interface, const Facts& facts) {
  return {.ethernet = interface == nullptr || interface->ethernet,
          .packet_sockets_allowed = Has(facts, CAP_NET_RAW) && Has(facts, CAP_NET_ADMIN),
          .packet_sockets_join = facts.kernel_version.value_or(std::pair(6, 2)) >= std::pair(6, 2)};
}

}  // namespace

wire::KernelDriver DriverOf(const config::PortConfig& port, const Facts& facts) {
  for (const Json& running : ListOf(facts.status, "ports")) {
    const std::string word = TextOf(running, "driver");
    if (TextOf(running, "name") != port.name || word == "auto") continue;
    for (const auto& [text, driver] : wire::kKernelDriverWords) {
      if (word == text) return driver;
    }
  }
  const wire::KernelDevice& device = *port.kernel_device();
  if (device.driver != wire::KernelDriver::kAuto) return device.driver;
  return wire::ChooseDriver(device.interface, DriverFactsOf(facts.Find(device.interface), facts))
      .driver;
}

Findings Check(const config::NodeConfig& config, const Facts& facts) {
  Findings findings;
  for (const auto check :
       {CheckKeys,      CheckService,      CheckControlSocket, CheckGates,  CheckRights,
        CheckHugepages, CheckCards,        CheckInterfaces,    CheckRoutes, CheckFirewall,
        CheckDiscovery, CheckReversePaths, CheckServices,      CheckNames,  CheckOwnAddresses,
        CheckReach,     CheckDaemon,       CheckHooks,         CheckLimits, CheckCpus,
        CheckClock,     CheckMtus,         CheckOffloads}) {
    check(config, facts, findings);
  }
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.severity, a.topic) < std::tie(b.severity, b.topic);
  });
  return findings;
}

}  // namespace warp::tools
