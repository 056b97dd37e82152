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

void PortTable::WatchInterfaceOf(Port& port) {
  port.watch = netlink_.WatchInterface(
      port.config.kernel_side(),
      [this, &port](const InterfaceState& state) { OnInterface(port, state); });
}

void PortTable::OnInterface(Port& port, const InterfaceState& state) {
  const bool replaced = state.index != port.kernel.index;
  // An attempt to open a port changes its interface's flags for a moment, and the kernel reports that change here. It
  // must not lead to another attempt, because Retry makes those.
  const bool other = replaced || state.admin_up != port.kernel.admin_up ||
                     state.mtu != port.kernel.mtu || state.mac != port.kernel.mac ||
                     state.addresses != port.kernel.addresses;
  const bool of_kernel = port.config.kernel_device() != nullptr;
  const bool was_open = port.id.has_value();
  SetKernel(port, state);
  if (was_open) {
    if (const std::string misfit = Misfit(port); !misfit.empty()) Close(port, misfit);
  } else if (of_kernel && replaced) {
    // A device that is being opened for the interface that was there may hang, and is not waited for.
    const std::string what = absl::StrCat("interface ", port.config.kernel_side(),
                                          state.present() ? " was replaced" : " is gone");
    if (port.opening.has_value()) CancelOpen(port, what);
    port.reason = what;
  }
  if (port.id.has_value()) {
    listener_.OnPortChanged(*port.id);
  } else if (!port.opening.has_value() && state.present() && (other || was_open || !of_kernel)) {
    OpenAgain(port);
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
  port.kernel = netlink_.Find(interface);
  OpenAgain(port);
  WatchInterfaceOf(port);
}

void PortTable::Forget(Port& port) {
  const std::string reason = absl::StrCat("interface ", port.config.kernel_side(), " is gone");
  port.watch.reset();
  if (port.id.has_value()) Close(port, reason);
  if (port.opening.has_value()) CancelOpen(port, reason);
  LogInfo(absl::StrCat("port ", port.config.name, ": ", reason));
  listener_.OnPortForgotten(port.config);
}

}  // namespace warp::control
