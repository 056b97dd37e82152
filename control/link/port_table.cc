#include "control/link/port_table.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/link/followed_mtu.h"
#include "control/log/log.h"

namespace warp::control {
namespace {

constexpr uint16_t kDefaultMtu = 1500;

// How soon a port is tried again whose device is still held. A worker lets go of it within a turn of its loop.
constexpr auto kHeldRetry = std::chrono::milliseconds(5);

// How often the start of the node looks whether the device of a port is open, and after how long: ten seconds in all.
constexpr int kStartLooks = 1000;
constexpr auto kStartLook = std::chrono::milliseconds(10);

// A port that is closing is the dataplane's, and it alone finishes that. So an error can only say that we have mistaken
// a port, which must not go unseen.
void Remove(lcore::Dataplane& dataplane, wire::PortId id) {
  if (absl::Status status = dataplane.RemovePort(id); !status.ok()) {
    LogWarning(absl::StrCat("a port cannot be closed: ", status.message()));
  }
}

// The best first. Those that have a successor are of no use any more.
std::vector<wire::IpAddress> BindableAddresses(const InterfaceState& kernel) {
  std::vector<wire::IpAddress> addresses = kernel.addresses;
  const auto is_deprecated = [&](const wire::IpAddress& address) {
    return std::find(kernel.deprecated.begin(), kernel.deprecated.end(), address) !=
           kernel.deprecated.end();
  };
  std::erase_if(addresses, is_deprecated);
  std::stable_partition(addresses.begin(), addresses.end(),
                        [](const wire::IpAddress& address) { return address.is_v4(); });
  return addresses;
}

}  // namespace

PortTable::PortTable(Loop& loop, Netlink& netlink, lcore::Dataplane& dataplane,
                     const config::NodeConfig& config, PortListener& listener)
    : loop_(loop),
      netlink_(netlink),
      dataplane_(dataplane),
      config_(config),
      listener_(listener),
      patterns_(std::make_unique<config::PortPatterns>(config)),
      known_mtu_(dataplane.max_mtu()),
      retry_held_(loop, [this] { RetryHeld(); }) {
  for (const config::PortConfig& port : config.ports) {
    if (!port.is_pattern()) ports_.push_back(std::make_unique<Port>(port));
  }
}

PortTable::~PortTable() {
  for (const std::unique_ptr<Port>& port : ports_) {
    port->watch.reset();
    port->watch_device.reset();
  }
}

absl::Status PortTable::OpenAll() {
  if (absl::Status status = OpenNamed(); !status.ok()) return status;
  if (!patterns_->empty()) FollowConfig();
  return absl::OkStatus();
}

absl::Status PortTable::OpenNamed() {
  for (const std::unique_ptr<Port>& port : ports_) Look(*port);
  for (const std::unique_ptr<Port>& port : ports_) {
    if (absl::Status status = BeginOpen(*port); !status.ok()) return Named(*port, status);
    if (port->opening.has_value()) {
      const absl::Status status = AwaitOpen(*port);
      if (!status.ok() && !ComesLater(*port, status)) return Named(*port, status);
    }
    if (!port->id.has_value()) {
      LogWarning(absl::StrCat("port ", port->config.name, ": ", port->reason));
    }
    WatchInterfaceOf(*port);
  }
  return absl::OkStatus();
}

// --- Opening. ---

absl::Status PortTable::BeginOpen(Port& port) {
  const bool of_kernel = port.config.kernel_device() != nullptr;
  if (of_kernel && !port.device.present()) {
    port.reason =
        absl::StrCat("there is no network interface ", port.config.kernel_device()->interface);
    if (port.config.optional) return absl::OkStatus();
    return absl::NotFoundError(port.reason);
  }
  if (port.waits_for_interface()) {
    port.reason = absl::StrCat("interface ", port.config.kernel_device()->interface, " is down");
    return absl::OkStatus();
  }
  lcore::PortSpec spec;
  SetVlans(port, &spec);
  spec.name = port.config.name;
  spec.device = port.config.device;
  spec.listen_port = config_.node.listen_port;
  spec.addresses = BindableAddresses(port.kernel);
  spec.mtu = port.config.mtu.value_or(UsableMtu(port, of_kernel ? port.device : port.kernel));
  const absl::StatusOr<wire::PortId> id = dataplane_.AddPort(spec, port.config.cpu.value_or(-1));
  if (!id.ok()) return id.status();
  port.opening = *id;
  port.index = port.device.index;
  port.reason = "its device is being opened";
  return absl::OkStatus();
}

absl::Status PortTable::EndOpen(Port& port, const absl::Status& opened) {
  const wire::PortId id = *std::exchange(port.opening, std::nullopt);
  if (!opened.ok()) return opened;
  port.info = dataplane_.Info(id);
  SetKernel(port, port.kernel);
  absl::Status status;
  if (std::string misfit = Misfit(port); !misfit.empty()) {
    status = absl::AbortedError(misfit);  // the interface changed meanwhile
  } else if (!port.info.kernel_sees_frames) {
    if (!port.config.is_vlan_of_interface()) {
      port.link = dataplane_.Link(id) == lcore::LinkState::kUp;
    }
    SetKernel(port, netlink_.Find(port.config.kernel_side()));
    status = OpenCompanion(port);
  }
  if (!status.ok()) {
    Remove(dataplane_, id);
    ForgetAddress(port);
    return status;
  }
  port.id = id;
  port.reason.clear();
  listener_.AfterPortOpened(port);
  if (port.info.error_fd >= 0) {
    port.size_hints = std::make_unique<SizeHints>(
        loop_, port.info.error_fd,
        [this, id](const SizeHint& hint) { listener_.OnSizeHint(id, hint); }, port.icmp);
  }
  AskForBuffers();
  listener_.OnPortChanged(id);
  return absl::OkStatus();
}

// What an attempt has led to so far.
void PortTable::Note(Port& port, const absl::Status& status) {
  port.outcome = status;
  port.held = absl::IsAborted(status);
  if (!status.ok()) port.reason = std::string(status.message());
  if (port.held && !retry_held_.running()) retry_held_.Set(kHeldRetry);
}

size_t PortTable::TakeNews() {
  size_t count = 0;
  for (lcore::PortNews news; dataplane_.ReceivePortNews({&news, 1}) == 1; ++count) {
    Take(news).IgnoreError();
  }
  for (const std::unique_ptr<Port>& port : ports_) {
    if (FollowLink(*port)) ++count;
  }
  return count + FollowBuffers();
}

// Returns what has become of the port that the news is of, which is its state from then on.
absl::Status PortTable::Take(const lcore::PortNews& news) {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (port->opening != news.port) continue;
    absl::Status status = EndOpen(*port, news.status);
    Note(*port, status);
    return status;
  }
  return absl::OkStatus();
}

// Waits for the news of this port. While it does so, ports before it that were given up may come to be open after all;
// and one whose driver hangs keeps the dataplane from saying that all are. So it looks again and again.
absl::Status PortTable::AwaitOpen(Port& port) {
  for (int look = 0; look < kStartLooks; ++look) {
    dataplane_.AwaitPorts(kStartLook);
    for (lcore::PortNews news; dataplane_.ReceivePortNews({&news, 1}) == 1;) {
      const bool awaited = port.opening == news.port;
      const absl::Status status = Take(news);
      if (awaited) return status;
    }
  }
  return absl::OkStatus();
}

// Why a device that is open is not the interface's any more; empty where it is.
std::string PortTable::Misfit(const Port& port) const {
  if (port.config.kernel_device() == nullptr) return "";
  const InterfaceState& now = port.device;
  const std::string& interface = port.config.kernel_device()->interface;
  if (!now.present()) return absl::StrCat("interface ", interface, " is gone");
  if (now.index != port.index) return absl::StrCat("interface ", interface, " was replaced");
  if (port.info.address.has_value() && port.kernel.addresses.empty()) {
    return absl::StrCat("its address ", port.info.address->ToString(), " is gone");
  }
  // Which address came first should make no difference: one of IPv6 often comes before DHCP has answered.
  if (port.info.address.has_value() && !port.info.address->is_v4()) {
    const auto all = BindableAddresses(netlink_.Find(port.config.kernel_side()));
    if (!all.empty() && all.front().is_v4())
      return absl::StrCat("its interface has ", all.front().ToString(), " now");
  }
  if (port.info.has_link_layer && now.mac != port.info.mac) return "its MAC address changed";
  if (!port.config.mtu.has_value() && now.mtu <= UINT16_MAX && UsableMtu(port, now) > port.info.mtu)
    return "the MTU grew";
  return "";
}

uint16_t PortTable::UsableMtu(const Port& port, const InterfaceState& kernel) const {
  if (!kernel.present()) return kDefaultMtu;
  // Loopback takes what there is room for.
  const uint32_t most = kernel.mtu > UINT16_MAX ? kernel.mtu : FollowedMtu(port.config, kernel.mtu);
  return static_cast<uint16_t>(std::min<uint32_t>(most, dataplane_.max_mtu()));
}

absl::Status PortTable::OpenCompanion(Port& port) {
  const bool of_vlan = port.config.is_vlan_of_interface();
  if (port.config.kernel_device() != nullptr && !of_vlan) return absl::OkStatus();
  const uint16_t usual = of_vlan ? UsableMtu(port, port.device) : kDefaultMtu;
  const bool stays = port.companion != nullptr && !port.companion->gone();
  if (stays && port.companion->mac() == port.info.mac) {
    port.companion->SetCarrier(port.link);
    return absl::OkStatus();
  }
  port.companion.reset();  // It was another card's, or is gone.
  absl::StatusOr<std::unique_ptr<Companion>> companion =
      Companion::Open(loop_,
                      {.name = port.config.kernel_interface,
                       .mac = port.info.mac,
                       .mtu = std::min(port.config.mtu.value_or(usual), port.info.mtu),
                       .carrier = port.link},
                      [this, &port](wire::Bytes frame) { FromKernel(port, frame); });
  if (!companion.ok()) return companion.status();
  port.companion = *std::move(companion);
  return absl::OkStatus();
}

// Whoever deletes the interface of a companion, by design or by mistake, has the time from one call of this to the next
// to make another one. A carrier that the kernel could not be told is told again.
void PortTable::KeepCompanion(Port& port) {
  if (!port.id.has_value() || port.info.kernel_sees_frames) return;
  const absl::Status status = OpenCompanion(port);
  port.reason = std::string(status.message());
}

// --- Links. ---

// The kernel learns of the link by the carrier of the companion, and drops or restores routes and neighbours by it. It
// reports a carrier that went up to a second later. So the port's own state follows the driver, and not that report.
bool PortTable::FollowLink(Port& port) {
  const bool told = port.info.kernel_sees_frames || port.config.is_vlan_of_interface();
  if (!port.id.has_value() || told) return false;
  const lcore::LinkState link = dataplane_.Link(*port.id);
  const bool up = link == lcore::LinkState::kUp;
  if (link == lcore::LinkState::kGone) {
    SetLink(port, false);
    Close(port, absl::StrCat(wire::DeviceText(port.config.device), " was taken away"));
    return true;
  }
  if (up == port.link) return false;
  SetLink(port, up);
  listener_.OnPortChanged(*port.id);
  return true;
}

void PortTable::SetLink(Port& port, bool up) {
  port.link = up;
  if (port.companion != nullptr) port.companion->SetCarrier(up);
  SetKernel(port, netlink_.Find(port.config.kernel_side()));
}

void PortTable::SetCarried(const std::string& name, const std::optional<wire::IpAddress>& only,
                           const std::string& reason) {
  Port* const port = FindNamed(name);
  if (port == nullptr || (port->only == only && port->not_carried == reason)) return;
  port->only = only;
  port->not_carried = reason;
  SetLink(*port, only.has_value());
  if (port->id.has_value()) listener_.OnPortChanged(*port->id);
}

// Of a device that serves one address the others are not the port's.
void PortTable::SetKernel(Port& port, const InterfaceState& state) {
  port.kernel = state;
  port.kernel.carrier = state.carrier && port.link;
  if (!port.info.address.has_value()) return;
  std::erase_if(port.kernel.addresses,
                [&](const wire::IpAddress& address) { return address != *port.info.address; });
  port.kernel.link_locals.clear();
}

// The device is closed, or about to be.
void PortTable::ForgetAddress(Port& port) {
  if (!std::exchange(port.info.address, std::nullopt).has_value()) return;
  SetKernel(port, netlink_.Find(port.config.kernel_side()));
}

// --- Closing. ---

void PortTable::Close(Port& port, absl::string_view reason) {
  port.reason = std::string(reason);
  listener_.BeforePortCloses(port);
  const wire::PortId id = *std::exchange(port.id, std::nullopt);
  port.size_hints.reset();
  listener_.OnPortClosing(id);
  Remove(dataplane_, id);
  ForgetAddress(port);
}

void PortTable::CancelOpen(Port& port, absl::string_view reason) {
  port.reason = std::string(reason);
  Remove(dataplane_, *std::exchange(port.opening, std::nullopt));
}

void PortTable::ToKernel(const lcore::ForeignFrame& frame) {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (port->id != frame.port) continue;
    if (port->companion == nullptr || !port->companion->Write(frame.packet.bytes())) {
      port->drops.Add(wire::Drop::kKernelFull);
    }
    return;
  }
}

void PortTable::FromKernel(Port& port, wire::Bytes bytes) {
  if (!port.id.has_value()) return;
  lcore::Frame frame = dataplane_.AllocateFrame();
  if (!frame) return port.drops.Add(wire::Drop::kNoBuffer);
  const wire::MutableBytes room = frame.Append(bytes.size());
  if (room.empty()) return port.drops.Add(wire::Drop::kTooLarge);
  std::memcpy(room.data(), bytes.data(), bytes.size());
  dataplane_.Transmit(*port.id, std::move(frame));
}

}  // namespace warp::control
