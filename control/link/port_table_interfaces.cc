// What interfaces that come, go and change make of the ports of a table.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/link/port_table.h"
#include "control/log/log.h"

namespace warp::control {

// At first, before anything is watched.
void PortTable::Look(Port& port) {
  if (port.config.kernel_device() != nullptr) {
    port.device = netlink_.Find(port.config.kernel_device()->interface);
  }
  if (port.config.is_vlan_of_interface()) port.link = port.device.up();
  SetKernel(port, netlink_.Find(port.config.kernel_side()));
}

void PortTable::WatchInterfaceOf(Port& port) {
  const auto follow = [&](const std::string& interface, auto on_news) {
    return netlink_.WatchInterface(interface, [this, &port, on_news](const InterfaceState& state) {
      (this->*on_news)(port, state);
    });
  };
  if (port.config.is_vlan_of_interface()) {
    port.watch_device = follow(port.config.kernel_device()->interface, &PortTable::OnDevice);
  }
  port.watch = follow(port.config.kernel_side(), &PortTable::OnInterface);
}

void PortTable::OnInterface(Port& port, const InterfaceState& state) {
  const bool is_device =
      port.config.kernel_device() != nullptr && !port.config.is_vlan_of_interface();
  is_device ? OnDevice(port, state) : OnKernelSide(port, state);
}

void PortTable::OnDevice(Port& port, const InterfaceState& state) {
  const InterfaceState before = std::exchange(port.device, state);
  const bool replaced = state.index != before.index;
  // An attempt to open a port changes its interface's flags for a moment, and the kernel reports that change here. It
  // must not lead to another attempt, because Retry makes those.
  const bool other = replaced || state.admin_up != before.admin_up || state.mtu != before.mtu ||
                     state.mac != before.mac || state.addresses != before.addresses;
  const bool was_open = port.id.has_value();
  if (port.config.is_vlan_of_interface()) {
    SetLink(port, state.up());
  } else {
    SetKernel(port, state);
  }
  if (was_open) {
    if (const std::string misfit = Misfit(port); !misfit.empty()) Close(port, misfit);
  } else if (replaced) {
    // A device that is being opened for the interface that was there may hang, and is not waited for.
    const std::string what = absl::StrCat("interface ", port.config.kernel_device()->interface,
                                          state.present() ? " was replaced" : " is gone");
    if (port.opening.has_value()) CancelOpen(port, what);
    port.reason = what;
  }
  if (port.id.has_value()) {
    listener_.OnPortChanged(*port.id);
  } else if (!port.opening.has_value() && state.present() && (other || was_open)) {
    OpenAgain(port);
  }
}

// Of a companion, or of the kernel's interface for a VLAN.
void PortTable::OnKernelSide(Port& port, const InterfaceState& state) {
  SetKernel(port, state);
  if (port.id.has_value()) {
    listener_.OnPortChanged(*port.id);
  } else if (!port.opening.has_value() && state.present() && port.can_be_tried()) {
    OpenAgain(port);
  }
}

// --- VLANs. ---

void PortTable::DecideVlan(Port& port) {
  if (!port.config.is_vlan_of_interface() || port.vlan_of_kernel || !port.device.present()) return;
  const InterfaceState own = netlink_.Find(port.config.kernel_side());
  port.vlan_of_kernel = own.present() && own.over == port.device.index;
}

// What the device is opened with. Of a device that several ports share, each says the same.
void PortTable::SetVlans(Port& port, lcore::PortSpec* spec) {
  const auto vlan_of = [](const Port& of) {
    return lcore::PortVlan{.id = of.config.vlan.value_or(0),
                           .of_kernel = of.vlan_of_kernel.value_or(false)};
  };
  DecideVlan(port);
  spec->vlan = vlan_of(port);
  for (const config::PortConfig* sharing : config_.PortsSharingDeviceOf(port.config)) {
    for (const std::unique_ptr<Port>& other : ports_) {
      if (&other->config != sharing) continue;
      DecideVlan(*other);
      spec->device_vlans.push_back(vlan_of(*other));
      spec->device_mtu = std::max(spec->device_mtu, other->config.mtu.value_or(0));
    }
  }
}

void PortTable::Retry() {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (!port->id.has_value() && !port->opening.has_value() && port->can_be_tried()) {
      OpenAgain(*port);
    }
    KeepCompanion(*port);
  }
}

void PortTable::OpenAgain(Port& port) { Note(port, BeginOpen(port)); }

void PortTable::RetryHeld() {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (!std::exchange(port->held, false)) continue;
    if (!port->id.has_value() && !port->opening.has_value() && port->can_be_tried()) {
      OpenAgain(*port);
    }
  }
}

// --- Patterns. ---

// Ports that go make room for those that come. What is left out is said once, until nothing is any more.
void PortTable::FollowPatterns(const std::vector<os::Interface>& interfaces) {
  std::vector<bool> said;
  for (const auto& entry : patterns_.entries()) said.push_back(!entry.left_out.empty());
  patterns_.Update(interfaces);
  for (auto port = ports_.begin(); port != ports_.end();) {
    const bool gone = (*port)->made != nullptr && !patterns_.Has((*port)->config.name);
    if (gone) Forget(**port);
    port = gone ? ports_.erase(port) : port + 1;
  }
  for (size_t i = 0; i < patterns_.entries().size(); ++i) {
    const config::PortPatterns::Entry& entry = patterns_.entries()[i];
    for (const std::string& interface : entry.interfaces) {
      if (!Has(interface)) Make(*entry.pattern, interface);
    }
    if (entry.left_out.empty() || said[i]) continue;
    LogWarning(absl::StrCat("ports ", entry.pattern->name, ": ", config::LeftOutText(entry)));
  }
}

bool PortTable::Has(const std::string& name) const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [&](const auto& port) { return port->config.name == name; });
}

void PortTable::Make(const config::PortConfig& pattern, const std::string& interface) {
  Port& port = *ports_.emplace_back(std::make_unique<Port>(
      std::make_unique<const config::PortConfig>(pattern.PortFor(interface))));
  LogInfo(absl::StrCat("port ", interface, ": made by ", pattern.name));
  listener_.OnPortMade(port.config);
  Look(port);
  OpenAgain(port);
  WatchInterfaceOf(port);
}

void PortTable::Forget(Port& port) {
  const std::string reason = absl::StrCat("interface ", port.config.kernel_side(), " is gone");
  port.watch.reset();
  port.watch_device.reset();
  if (port.id.has_value()) Close(port, reason);
  if (port.opening.has_value()) CancelOpen(port, reason);
  LogInfo(absl::StrCat("port ", port.config.name, ": ", reason));
  listener_.OnPortForgotten(port.config);
}

}  // namespace warp::control
