#include "control/link/port_table.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
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

// For whoever does not know which port the reason concerns.
absl::Status Named(const PortTable::Port& port, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat("port ", port.config.name, ": ", why.message()));
}

}  // namespace

PortTable::PortTable(Loop& loop, Netlink& netlink, lcore::Dataplane& dataplane,
                     const config::NodeSection& node,
                     const std::vector<config::PortConfig>& configs, PortListener& listener)
    : loop_(loop),
      netlink_(netlink),
      dataplane_(dataplane),
      node_(node),
      listener_(listener),
      retry_held_(loop, [this] { RetryHeld(); }) {
  for (const config::PortConfig& config : configs) {
    ports_.push_back(std::make_unique<Port>(config));
  }
}

PortTable::~PortTable() {
  for (const std::unique_ptr<Port>& port : ports_) port->watch.reset();
}

absl::Status PortTable::OpenAll() {
  for (const std::unique_ptr<Port>& port : ports_) {
    port->kernel = netlink_.Find(port->config.kernel_side());
    if (absl::Status status = BeginOpen(*port); !status.ok()) return Named(*port, status);
    if (port->opening.has_value()) {
      const absl::Status status = AwaitOpen(*port);
      if (!status.ok() && !absl::IsAborted(status)) return Named(*port, status);
    }
    if (!port->id.has_value()) {
      LogWarning(absl::StrCat("port ", port->config.name, ": ", port->reason));
    }
    port->watch = netlink_.WatchInterface(
        port->config.kernel_side(),
        [this, raw = port.get()](const InterfaceState& state) { OnInterface(*raw, state); });
  }
  return absl::OkStatus();
}

// --- Opening. ---

absl::Status PortTable::BeginOpen(Port& port) {
  const bool of_kernel = port.config.kernel_device() != nullptr;
  if (of_kernel && !port.kernel.present()) {
    port.reason = absl::StrCat("there is no network interface ", port.config.kernel_side());
    if (port.config.optional) return absl::OkStatus();
    return absl::NotFoundError(port.reason);
  }
  if (port.waits_for_interface()) {
    port.reason = absl::StrCat("interface ", port.config.kernel_side(), " is down");
    return absl::OkStatus();
  }
  lcore::PortSpec spec;
  spec.name = port.config.name;
  spec.device = port.config.device;
  spec.listen_port = node_.listen_port;
  spec.mtu = port.config.mtu.value_or(UsableMtu(port.kernel));
  const absl::StatusOr<wire::PortId> id = dataplane_.AddPort(spec, port.config.cpu.value_or(-1));
  if (!id.ok()) return id.status();
  port.opening = *id;
  port.index = port.kernel.index;
  port.reason = "its device is being opened";
  return absl::OkStatus();
}

absl::Status PortTable::EndOpen(Port& port, const absl::Status& opened) {
  const wire::PortId id = *std::exchange(port.opening, std::nullopt);
  if (!opened.ok()) return opened;
  port.info = dataplane_.Info(id);
  absl::Status status;
  if (std::string misfit = Misfit(port); !misfit.empty()) {
    status = absl::AbortedError(misfit);  // the interface changed meanwhile
  } else if (!port.info.kernel_sees_frames) {
    port.link = dataplane_.LinkUp(id);
    SetKernel(port, netlink_.Find(port.config.kernel_side()));
    status = OpenCompanion(port);
  }
  if (!status.ok()) {
    Remove(dataplane_, id);
    return status;
  }
  port.id = id;
  port.reason.clear();
  if (port.info.error_fd >= 0) {
    port.size_hints = std::make_unique<SizeHints>(
        loop_, port.info.error_fd,
        [this, id](const SizeHint& hint) { listener_.OnSizeHint(id, hint); });
  }
  if (!port.config.mtu.has_value() && port.kernel.mtu > port.info.mtu) {
    LogWarning(absl::StrCat("port ", port.config.name, ": packet buffers were made for packets of ",
                            port.info.mtu, " bytes, its interface allows ", port.kernel.mtu,
                            ": larger ones pass after a restart"));
  }
  listener_.OnPortChanged(id);
  return absl::OkStatus();
}

// What an attempt has led to so far.
void PortTable::Note(Port& port, const absl::Status& status) {
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
  return count;
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
  const InterfaceState& now = port.kernel;
  if (!now.present()) return absl::StrCat("interface ", port.config.kernel_side(), " is gone");
  if (now.index != port.index) {
    return absl::StrCat("interface ", port.config.kernel_side(), " was replaced");
  }
  if (port.info.has_link_layer && now.mac != port.info.mac) return "its MAC address changed";
  if (!port.config.mtu.has_value() && UsableMtu(now) > port.info.mtu) return "the MTU grew";
  return "";
}

uint16_t PortTable::UsableMtu(const InterfaceState& kernel) const {
  if (!kernel.present()) return kDefaultMtu;
  return static_cast<uint16_t>(std::min<uint32_t>(kernel.mtu, dataplane_.max_mtu()));
}

absl::Status PortTable::OpenCompanion(Port& port) {
  if (port.config.kernel_device() != nullptr) return absl::OkStatus();
  if (port.companion != nullptr) {
    port.companion->SetCarrier(port.link);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<Companion>> companion =
      Companion::Open(loop_,
                      {.name = port.config.kernel_interface,
                       .mac = port.info.mac,
                       .mtu = std::min(port.config.mtu.value_or(kDefaultMtu), port.info.mtu),
                       .carrier = port.link},
                      [this, &port](wire::Bytes frame) { FromKernel(port, frame); });
  if (!companion.ok()) return companion.status();
  port.companion = *std::move(companion);
  return absl::OkStatus();
}

// --- Links. ---

// The kernel learns of the link by the carrier of the companion, and drops or restores routes and neighbours by it. It
// reports a carrier that went up to a second later. So the port's own state follows the driver, and not that report.
bool PortTable::FollowLink(Port& port) {
  if (!port.id.has_value() || port.info.kernel_sees_frames) return false;
  const bool up = dataplane_.LinkUp(*port.id);
  if (up == port.link) return false;
  port.link = up;
  if (port.companion != nullptr) port.companion->SetCarrier(up);
  SetKernel(port, netlink_.Find(port.config.kernel_side()));
  listener_.OnPortChanged(*port.id);
  return true;
}

void PortTable::SetKernel(Port& port, const InterfaceState& state) {
  port.kernel = state;
  port.kernel.carrier = state.carrier && port.link;
}

// --- Closing, and opening again. ---

void PortTable::Close(Port& port, absl::string_view reason) {
  listener_.BeforePortCloses(port);
  const wire::PortId id = *std::exchange(port.id, std::nullopt);
  port.reason = std::string(reason);
  port.size_hints.reset();
  listener_.OnPortClosing(id);
  Remove(dataplane_, id);
}

void PortTable::CancelOpen(Port& port, absl::string_view reason) {
  port.reason = std::string(reason);
  Remove(dataplane_, *std::exchange(port.opening, std::nullopt));
}

void PortTable::OnInterface(Port& port, const InterfaceState& state) {
  const bool replaced = state.index != port.kernel.index;
  // An attempt to open a port changes its interface's flags for a moment, and the kernel reports that change here. It
  // must not lead to another attempt, because Retry makes those.
  const bool other = replaced || state.admin_up != port.kernel.admin_up ||
                     state.mtu != port.kernel.mtu || state.mac != port.kernel.mac;
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
    if (!port->id.has_value() && !port->opening.has_value() && port->kernel.present()) {
      OpenAgain(*port);
    }
  }
}

void PortTable::OpenAgain(Port& port) { Note(port, BeginOpen(port)); }

void PortTable::RetryHeld() {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (!std::exchange(port->held, false)) continue;
    if (!port->id.has_value() && !port->opening.has_value() && port->kernel.present()) {
      OpenAgain(*port);
    }
  }
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

const PortTable::Port* PortTable::Find(wire::PortId id) const {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (port->id == id) return port.get();
  }
  return nullptr;
}

}  // namespace warp::control
