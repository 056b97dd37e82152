// What interfaces that come, go and change make of the ports of a table, and what a configuration that changes does.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/diff/config_diff.h"
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
    AskForBuffers();
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

// What the device is opened with. Of a device that several ports share, each says the same, also while a reload has
// opened only some of them: the device knows no VLAN that was not named when it was opened.
void PortTable::SetVlans(Port& port, lcore::PortSpec* spec) {
  const auto vlan_of = [](const Port& of) {
    return lcore::PortVlan{.id = of.config.vlan.value_or(0),
                           .of_kernel = of.vlan_of_kernel.value_or(false)};
  };
  DecideVlan(port);
  spec->vlan = vlan_of(port);
  for (const config::PortConfig* sharing : config_.PortsSharingDeviceOf(port.config)) {
    Port later(*sharing);
    Port* const there = FindNamed(sharing->name);
    if (there == nullptr) Look(later);
    Port& other = there != nullptr ? *there : later;
    DecideVlan(other);
    spec->device_vlans.push_back(vlan_of(other));
    spec->device_mtu = std::max(spec->device_mtu, other.config.mtu.value_or(0));
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

void PortTable::FollowPatterns(const std::vector<os::Interface>& interfaces) {
  const std::set<std::string> said = PatternsWithLeftOut();
  patterns_->Update(interfaces);
  ApplyPatterns(said);
}

std::set<std::string> PortTable::PatternsWithLeftOut() const {
  std::set<std::string> names;
  for (const auto& entry : patterns_->entries()) {
    if (!entry.left_out.empty()) names.insert(entry.pattern->name);
  }
  return names;
}

// Ports that go make room for those that come. What is left out is said once, until nothing is any more.
void PortTable::ApplyPatterns(const std::set<std::string>& said) {
  for (auto port = ports_.begin(); port != ports_.end();) {
    const bool gone = (*port)->made && !patterns_->Has((*port)->config.name);
    if (gone) Forget(**port, absl::StrCat("interface ", (*port)->config.kernel_side(), " is gone"));
    port = gone ? ports_.erase(port) : port + 1;
  }
  for (const config::PortPatterns::Entry& entry : patterns_->entries()) {
    for (const std::string& interface : entry.interfaces) {
      if (!Serves(interface)) Make(*entry.pattern, interface);
    }
    if (entry.left_out.empty() || said.contains(entry.pattern->name)) continue;
    LogWarning(absl::StrCat("ports ", entry.pattern->name, ": ", config::LeftOutText(entry)));
  }
}

void PortTable::Make(const config::PortConfig& pattern, const std::string& interface) {
  Port& port =
      *ports_.emplace_back(std::make_unique<Port>(pattern.PortFor(interface), /*by_pattern=*/true));
  LogInfo(absl::StrCat("port ", interface, ": made by ", pattern.name));
  listener_.OnPortMade(port.config);
  Look(port);
  OpenAgain(port);
  WatchInterfaceOf(port);
}

void PortTable::Forget(Port& port, const std::string& reason) {
  port.watch.reset();
  port.watch_device.reset();
  if (port.id.has_value()) Close(port, reason);
  if (port.opening.has_value()) CancelOpen(port, reason);
  LogInfo(absl::StrCat("port ", port.config.name, ": ", reason));
  listener_.OnPortForgotten(port.config);
}

// --- The configuration changes. ---

// Those that a pattern has made keep their places where the new patterns leave room for fewer.
void PortTable::FollowConfig() {
  const std::set<std::string> said = PatternsWithLeftOut();
  std::vector<std::string> kept;
  for (const auto& entry : patterns_->entries()) {
    kept.insert(kept.end(), entry.interfaces.begin(), entry.interfaces.end());
  }
  patterns_ = std::make_unique<config::PortPatterns>(config_);
  std::vector<os::Interface> interfaces = netlink_.All();
  std::stable_partition(interfaces.begin(), interfaces.end(), [&](const os::Interface& one) {
    return std::find(kept.begin(), kept.end(), one.name) != kept.end();
  });
  patterns_->Update(interfaces);
  RefitMade();
  ApplyPatterns(said);
  if (patterns_->empty()) {
    watch_all_.reset();
  } else if (watch_all_ == nullptr) {
    watch_all_ =
        netlink_.WatchAll([this](const std::vector<os::Interface>& all) { FollowPatterns(all); });
  }
}

// A port of which the file says something else now goes on with its device where it can, and else is made anew.
void PortTable::RefitMade() {
  for (auto port = ports_.begin(); port != ports_.end();) {
    std::optional<config::PortConfig> wanted;
    for (const auto& entry : patterns_->entries()) {
      const auto& all = entry.interfaces;
      if ((*port)->made && std::find(all.begin(), all.end(), (*port)->config.name) != all.end())
        wanted = entry.pattern->PortFor((*port)->config.name);
    }
    const std::optional<config::Effect> effect =
        wanted ? config::EffectBetween((*port)->config, *wanted) : std::nullopt;
    if (!(*port)->made ||
        (wanted && effect.value_or(config::Effect::kLive) == config::Effect::kLive)) {
      if (effect) Retune(**port, *wanted);
      ++port;
    } else {
      Forget(**port, "the configuration has it no more, or in another way");
      port = ports_.erase(port);
    }
  }
}

absl::Status PortTable::Open(const config::PortConfig& config, bool was_there) {
  Port& port = *ports_.emplace_back(std::make_unique<Port>(config));
  listener_.OnPortMade(port.config);
  Look(port);
  OpenAgain(port);
  WatchInterfaceOf(port);
  if (port.outcome.ok() || ComesLater(port, port.outcome) || was_there) return absl::OkStatus();
  absl::Status status = Named(port, port.outcome);
  Forget(port, port.reason);
  ports_.pop_back();
  return status;
}

absl::StatusOr<bool> PortTable::Settled(const std::string& name) const {
  const Port* const port = FindNamed(name);
  if (port == nullptr || port->id.has_value()) return true;
  if (port->opening.has_value() || port->held) return false;
  if (port->outcome.ok() || ComesLater(*port, port->outcome)) return true;
  return Named(*port, port->outcome);
}

void PortTable::Close(const std::string& name, const std::string& reason) {
  const auto port = std::find_if(ports_.begin(), ports_.end(),
                                 [&](const auto& one) { return one->config.name == name; });
  if (port == ports_.end()) return;
  Forget(**port, reason);
  ports_.erase(port);
}

void PortTable::Retune(const config::PortConfig& config) {
  if (Port* const port = FindNamed(config.name)) Retune(*port, config);
}

void PortTable::Retune(Port& port, const config::PortConfig& config) {
  listener_.BeforePortRetunes(port);
  port.config = config;
  listener_.AfterPortRetuned(port);
}

// --- Looking up. ---

// Some port has this interface, under its own name or another one.
bool PortTable::Serves(const std::string& interface) const {
  return std::any_of(ports_.begin(), ports_.end(), [&](const auto& port) {
    const wire::KernelDevice* const kernel = port->config.kernel_device();
    return port->config.name == interface || (!port->config.is_carried() && kernel != nullptr &&
                                              !port->config.vlan && kernel->interface == interface);
  });
}

PortTable::Port* PortTable::FindNamed(const std::string& name) const {
  const auto port = std::find_if(ports_.begin(), ports_.end(),
                                 [&](const auto& one) { return one->config.name == name; });
  return port == ports_.end() ? nullptr : port->get();
}

const PortTable::Port* PortTable::Find(wire::PortId id) const {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (port->id == id) return port.get();
  }
  return nullptr;
}

absl::Status PortTable::Named(const Port& port, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat("port ", port.config.name, ": ", why.message()));
}

bool PortTable::ComesLater(const Port& port, const absl::Status& why) {
  return absl::IsAborted(why) || absl::IsCancelled(why) ||
         (absl::IsNotFound(why) && port.config.optional);
}

}  // namespace warp::control
