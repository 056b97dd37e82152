#include "control/carrier/carriers.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/log/log.h"

namespace warp::control {
namespace {

constexpr auto kLook = std::chrono::seconds(1);
// What the end of the process waits for a carrier.
constexpr auto kEnd = std::chrono::milliseconds(500);

// Whether a port that was made beside `before` is that beside `now` as well. Else it is made anew, after a reload.
bool SameTerms(const config::PortConfig& before, const config::PortConfig& now) {
  return cap::TermsAsConfigured(before) == cap::TermsAsConfigured(now) && before.mtu == now.mtu &&
         before.kernel_side() == now.kernel_side();
}

bool TakesCarrier(const config::PortConfig& port) {
  return port.kernel_device() != nullptr && !port.is_carried() && !port.vlan.has_value();
}

}  // namespace

Carriers::Carriers(Loop& loop, const config::NodeConfig& config, protocol::Node& protocol,
                   Links& links)
    : loop_(loop), config_(config), protocol_(protocol), links_(links), look_(loop, [this] {
        Look();
      }) {
  look_.Set(kLook);
}

Carriers::~Carriers() {
  for (auto& [name, carried] : carried_) {
    carried.watch.reset();
    if (carried.carrier != nullptr) carried.carrier->End(kEnd);
  }
}

// --- Who wants one. ---

void Carriers::Look() {
  look_.Set(kLook);
  const bool offered = std::any_of(config_.maps.begin(), config_.maps.end(),
                                   [](const auto& map) { return map.tcp.has_value(); });
  if (!offered && carried_.empty()) return;
  maps_ = protocol_.Maps();
  std::vector<const PortTable::Port*> wanted;
  for (auto& [name, watched] : watched_) watched.seen = false;
  for (const std::unique_ptr<PortTable::Port>& port : links_.ports().ports()) {
    if (!TakesCarrier(port->config)) continue;
    Watched& watched = watched_[port->config.name];
    watched.seen = true;
    if (offered && Wants(*port, watched)) wanted.push_back(port.get());
  }
  std::erase_if(watched_, [](const auto& entry) { return !entry.second.seen; });
  // Neither the ports nor the table of them may change while either is walked through.
  std::vector<std::string> unwanted;
  for (const auto& [name, carried] : carried_) {
    const bool stays = std::any_of(wanted.begin(), wanted.end(), [&](const auto* port) {
      return port->config.name == carried.base.name && SameTerms(carried.base, port->config);
    });
    if (!stays) unwanted.push_back(name);
  }
  std::vector<config::PortConfig> fresh;
  for (const PortTable::Port* port : wanted) {
    const auto it = carried_.find(port->config.Carried().name);
    if (it == carried_.end()) {
      fresh.push_back(port->config);
    } else {
      it->second.targets = TargetsFor(*port);
    }
  }
  for (const std::string& name : unwanted) {
    links_.ClosePort(name, "UDP works again, or there is no map to connect to");
    carried_.erase(name);
  }
  for (const config::PortConfig& base : fresh) {
    const std::string name = base.Carried().name;
    carried_[name].base = base;
    if (const PortTable::Port* port = FindNamed(base.name))
      carried_[name].targets = TargetsFor(*port);
    links_.OpenPort(base.Carried(), /*was_there=*/true).IgnoreError();
  }
  for (auto& [name, carried] : carried_) Serve(name, carried);
}

bool Carriers::Wants(const PortTable::Port& port, Watched& watched) {
  if (port.config.tcp == config::TcpUse::kNever || !port.id.has_value() || !port.kernel.up() ||
      port.kernel.addresses.empty()) {
    watched.udp.Forget();
    return false;
  }
  // Where its data cap lets nothing go, the map's silence says nothing, and a connection would be paid for.
  const protocol::PortUse use = links_.TermsOf(port.config).use;
  if (use == protocol::PortUse::kNone) {
    watched.udp.Forget();
    return false;
  }
  watched.udp.Note(loop_.now(), Answers(*port.id));
  const bool wants = port.config.tcp == config::TcpUse::kAlways || watched.udp.wants_connection();
  // UDP may work again any time. Where it is paid for, the back-off of registers does.
  if (watched.udp.wants_connection() && use == protocol::PortUse::kFree)
    protocol_.LookAgain(loop_.now(), *port.id);
  return wants && !TargetsFor(port).empty();
}

bool Carriers::Answers(wire::PortId port) const {
  const auto is_of_port = [port](const auto& entry) { return entry.port == port; };
  return std::any_of(maps_.begin(), maps_.end(), [&](const protocol::MapStatus& map) {
    return std::any_of(map.registrations.begin(), map.registrations.end(), is_of_port) &&
           std::none_of(map.silent.begin(), map.silent.end(), is_of_port);
  });
}

std::vector<Carrier::Target> Carriers::TargetsFor(const PortTable::Port& port) const {
  std::vector<Carrier::Target> targets;
  for (const config::MapServerConfig& map : config_.maps) {
    if (!map.tcp.has_value()) continue;
    for (const protocol::MapStatus& known : maps_) {
      if (known.public_key != map.public_key) continue;
      for (const wire::Endpoint& endpoint : known.endpoints) {
        const bool reaches =
            std::any_of(port.kernel.addresses.begin(), port.kernel.addresses.end(),
                        [&](const auto& own) { return own.is_v4() == endpoint.address.is_v4(); });
        Carrier::Target target{{endpoint.address, *map.tcp},
                               map.address.literal.has_value() ? "" : map.address.host};
        if (reaches && std::find(targets.begin(), targets.end(), target) == targets.end())
          targets.push_back(std::move(target));
      }
    }
  }
  return targets;
}

// --- Ports and their carriers. ---

void Carriers::NoteOpened(const config::PortConfig& config) {
  const auto it = carried_.find(config.name);
  if (!config.is_carried() || it == carried_.end()) return;
  const PortTable::Port* const port = FindNamed(config.name);
  if (port == nullptr) return;
  Carried& carried = it->second;
  absl::StatusOr<std::unique_ptr<Carrier>> carrier =
      Carrier::Start(os::UniqueFd(fcntl(port->info.carrier_fd, F_DUPFD_CLOEXEC, 0)),
                     {.interface = config.kernel_device()->interface});
  if (!carrier.ok()) {
    if (!std::exchange(carried.warned, true))
      LogWarning(absl::StrCat("port ", config.name, ": ", carrier.status().message()));
    return;
  }
  carried.carrier = *std::move(carrier);
  carried.counted = 0;
  carried.watch = std::make_unique<Watch>(loop_, carried.carrier->fd(), POLLIN,
                                          [this, name = config.name](uint32_t) { Follow(name); });
  carried.carrier->Aim(carried.targets);
}

void Carriers::NoteClosing(const config::PortConfig& config) {
  const auto it = carried_.find(config.name);
  if (!config.is_carried() || it == carried_.end()) return;
  if (it->second.carrier != nullptr) TakeStatus(it->second);
  it->second.watch.reset();
  it->second.carrier.reset();
}

// A connection from an address that the interface has lost leads nowhere.
void Carriers::Serve(const std::string& name, Carried& carried) {
  const PortTable::Port* const port = FindNamed(name);
  if (port == nullptr) return;
  // The process may have been out of descriptors or threads.
  if (carried.carrier == nullptr && port->id.has_value()) NoteOpened(port->config);
  if (carried.carrier == nullptr) return;
  TakeStatus(carried);
  const Carrier::Status& status = carried.status;
  const auto& own = port->kernel.addresses;
  const bool homeless = status.state == Carrier::State::kOpen &&
                        std::find(own.begin(), own.end(), status.local) == own.end();
  carried.carrier->Aim(carried.targets, /*anew=*/homeless);
  Follow(name);
}

void Carriers::TakeStatus(Carried& carried) {
  carried.status = carried.carrier->TakeStatus();
  volume_[carried.base.name] += carried.status.bytes - carried.counted;
  carried.counted = carried.status.bytes;
}

uint64_t Carriers::BytesOf(const std::string& port) const {
  const auto it = volume_.find(port);
  return it == volume_.end() ? 0 : it->second;
}

void Carriers::Follow(const std::string& name) {
  const auto it = carried_.find(name);
  if (it == carried_.end() || it->second.carrier == nullptr) return;
  TakeStatus(it->second);
  const Carrier::Status& status = it->second.status;
  const bool open = status.state == Carrier::State::kOpen;
  std::string reason;
  if (!open) {
    reason = absl::StrCat("its connection to ", status.at.ToString(), " is not up");
    if (!status.reason.empty()) absl::StrAppend(&reason, ": ", status.reason);
  }
  links_.SetCarried(name, open ? std::optional(status.at.address) : std::nullopt, reason);
}

const Carrier::Status* Carriers::Find(const std::string& port) const {
  const auto it = carried_.find(port);
  return it == carried_.end() ? nullptr : &it->second.status;
}

const PortTable::Port* Carriers::FindNamed(const std::string& name) const {
  for (const std::unique_ptr<PortTable::Port>& port : links_.ports().ports()) {
    if (port->config.name == name) return port.get();
  }
  return nullptr;
}

}  // namespace warp::control
