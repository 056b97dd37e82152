// How the ports of a table get packet buffers for interfaces whose MTU has grown.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "control/link/followed_mtu.h"
#include "control/link/port_table.h"
#include "control/log/log.h"

namespace warp::control {

// The port is open, and is opened anew when there are buffers for this MTU.
bool PortTable::Follows(const Port& port, uint16_t mtu) const {
  return port.id.has_value() && !port.config.mtu.has_value() &&
         port.config.kernel_device() != nullptr && port.device.mtu <= UINT16_MAX &&
         std::min(FollowedMtu(port.config, port.device.mtu), mtu) > port.info.mtu;
}

// What ports receive into is made beforehand, too: a port that has closed could not open again without it.
void PortTable::AskForBuffers() {
  lcore::BufferNeeds needs;
  for (const std::unique_ptr<Port>& port : ports_) {
    if (Follows(*port, UINT16_MAX))
      needs.mtu = std::max(needs.mtu, FollowedMtu(port->config, port->device.mtu));
  }
  if (needs.mtu <= std::max(dataplane_.max_mtu(), asked_mtu_)) return;
  const auto is_busy = [](const absl::StatusOr<bool>& made) { return made.ok() && !*made; };
  ask_later_ = is_busy(dataplane_.BuffersGrown()) || is_busy(dataplane_.BuffersPrepared());
  if (ask_later_) return;
  std::set<std::string> devices;  // that several ports may share
  for (const std::unique_ptr<Port>& port : ports_) {
    if (!Follows(*port, needs.mtu)) continue;
    needs.closing.push_back(*port->id);
    if (devices.insert(wire::DeviceText(port->config.device)).second)
      needs.opening.push_back(FollowedMtu(port->config, port->device.mtu));
  }
  asked_mtu_ = needs.mtu;
  asking_ = true;
  dataplane_.GrowBuffers(needs);
}

void PortTable::AskAgainForBuffers() {
  asked_mtu_ = 0;
  ask_later_ = true;
}

// Ports that wait for larger ones are opened anew.
size_t PortTable::FollowBuffers() {
  if (const uint16_t now = dataplane_.max_mtu(); now != known_mtu_) {
    known_mtu_ = now;
    asked_mtu_ = 0;
    asking_ = false;
    not_grown_.clear();
    for (const std::unique_ptr<Port>& port : ports_) {
      if (!port->id.has_value()) continue;
      if (const std::string misfit = Misfit(*port); !misfit.empty()) {
        Close(*port, misfit);
        OpenAgain(*port);
      }
    }
    AskForBuffers();
    return 1;
  }
  if (ask_later_) AskForBuffers();
  if (!asking_) return 0;
  const absl::StatusOr<bool> grown = dataplane_.BuffersGrown();
  if (grown.ok() && !*grown) return 0;
  asking_ = false;
  if (!grown.ok()) {
    not_grown_ = std::string(grown.status().message());
    LogWarning(absl::StrCat("an interface allows packets of ", asked_mtu_,
                            " bytes, which do not pass: ", not_grown_));
  }
  return 1;
}

std::string PortTable::Narrow(const Port& port) const {
  if (not_grown_.empty() || !Follows(port, UINT16_MAX)) return "";
  return absl::StrCat("its interface allows ", FollowedMtu(port.config, port.device.mtu),
                      " bytes, and ", port.info.mtu, " pass: ", not_grown_);
}

}  // namespace warp::control
