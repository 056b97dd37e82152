#include "control/daemon/options.h"

#include <algorithm>
#include <variant>

namespace warp::control {
lcore::DataplaneOptions DataplaneOptionsOf(const config::NodeConfig& config, const WorkerPlan& plan,
                                           uint16_t max_mtu) {
  lcore::DataplaneOptions options;
  options.max_ports = config.node.max_ports;
  options.worker_cpus = plan.worker_cpus;
  options.inline_worker = plan.inline_worker;
  options.control_cpu = config.node.control_cpu.value_or(-1);
  options.polling = config.node.polling;
  for (const config::PortConfig& port : config.ports) {
    const auto* const pci = std::get_if<wire::PciDevice>(&port.device);
    std::vector<std::string>& cards = options.pci_devices;
    // Several ports may be VLANs of one card.
    if (pci != nullptr && std::find(cards.begin(), cards.end(), pci->address) == cards.end())
      cards.push_back(pci->address);
  }
  options.hugepages =
      config.node.hugepages == config::Hugepages::kAlways ||
      (config.node.hugepages == config::Hugepages::kAuto && !options.pci_devices.empty());
  options.ports =
      config.PatternRoom() > 0 ? options.max_ports : static_cast<uint16_t>(config.ports.size());
  options.memory_mib = config.node.memory_mib.value_or(0);
  options.max_mtu = std::max(options.max_mtu, max_mtu);
  options.engine = config.node.crypto;
  options.crypto_device = config.node.crypto_device;
  options.telemetry = config.node.dpdk_telemetry;
  return options;
}

protocol::Timers TimersOf(const config::TimersConfig& config) {
  protocol::Timers timers;
  static_cast<wire::ConfiguredTimers&>(timers) = config;
  return timers;
}

bool ControlSpins(const config::NodeConfig& config, const WorkerPlan& plan) {
  return config.node.polling == wire::Polling::kBusy &&
         (plan.inline_worker || config.node.control_cpu.has_value());
}

SpinWindow SpinWindowOf(const config::NodeConfig& config) {
  if (config.node.polling == wire::Polling::kInterrupt) return SpinWindow(wire::Duration::zero());
  return SpinWindow();
}

}  // namespace warp::control
