#include "control/observe/observer.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "control/log/log.h"

namespace warp::control {

Observer::Observer(Loop& loop, const config::NodeConfig& config, os::UniqueFd hooks)
    : loop_(loop),
      config_(config),
      started_(loop.now()),
      events_([] { return absl::Now(); }),
      peer_events_(events_),
      hooks_(std::move(hooks), LogWarning),
      look_(loop, [this] { Look(); }),
      history_look_(loop, [this] { LookAtHistory(); }) {
  events_.AddSink([this](const Event& event) { Hear(event); });
}

// The name stands behind the sentence, so that whoever searches a journal finds all events of a kind.
void Observer::Hear(const Event& event) {
  const std::string line = absl::StrCat(EventText(event), " [", event.facts().name, "]");
  event.facts().severity == Severity::kWarning ? LogWarning(line) : LogInfo(line);
  switch (event.kind) {
    case EventKind::kPortUp:
    case EventKind::kPortDown:
    case EventKind::kPortLost:
      port_since_[event.port] = loop_.now();
      if (port_since_.size() > kMostPorts) ForgetOldestPort();
      break;
    default:
      break;
  }
  hooks_.Run(event);
}

// Names of interfaces that a pattern takes may be new ones each time.
void Observer::ForgetOldestPort() {
  port_since_.erase(
      std::min_element(port_since_.begin(), port_since_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; }));
}

void Observer::NoteConfig(const std::string& reason) {
  hooks_.Set(config_.node.on_event,
             std::chrono::duration_cast<std::chrono::milliseconds>(config_.node.on_event_timeout));
  Raise({.kind = EventKind::kConfigApplied, .reason = reason});
}

void Observer::NoteConfigRefused(const std::string& reason) {
  Raise({.kind = EventKind::kConfigRefused, .reason = reason});
}

void Observer::NoteCap(const cap::Cap& cap) {
  Raise({.kind = cap.state() == cap::CapState::kReached ? EventKind::kCapReached
                 : cap.state() == cap::CapState::kNear  ? EventKind::kCapNear
                                                        : EventKind::kCapOpen,
         .port = cap.port().name,
         .reason = absl::StrCat("since ", absl::FormatCivilTime(cap.begin())),
         .value = cap.used(),
         .before = cap.policy().bytes});
}

void Observer::NotePeers(const std::vector<protocol::PeerStatus>& peers, const Links& links) {
  peer_events_.Note(peers, [&](wire::PortId id) { return links.PortName(id); });
}

void Observer::ForgetPeer(wire::PeerId peer) {
  peer_events_.Forget(peer);
  link_book_.Forget(peer);
}

wire::Instant Observer::PortSince(const std::string& port) const {
  const auto found = port_since_.find(port);
  return found == port_since_.end() ? started_ : found->second;
}

absl::Status Observer::Begin(const Parts& parts) {
  auto history = history::HistoryKeeper::Open(loop_, parts.protocol.public_key(),
                                              {.directory = config_.node.state_directory,
                                               .zone = absl::LocalTimeZone(),
                                               .wall_clock = [] { return absl::Now(); },
                                               .warn = LogWarning});
  if (!history.ok()) return history.status();
  history_ = *std::move(history);
  parts_ = std::make_unique<const Parts>(parts);
  Look();
  history_look_.Set(kHistoryInterval);
  return absl::OkStatus();
}

void Observer::Look() {
  const size_t peers = config_.peers.size();
  if (next_peer_ >= peers) next_peer_ = 0;
  for (const protocol::PeerStatus& peer : parts_->peers(next_peer_, kPeersPerLook)) LookAt(peer);
  next_peer_ += kPeersPerLook;
  const auto looks = static_cast<int64_t>((peers + kPeersPerLook - 1) / kPeersPerLook);
  look_.Set(std::max(kShortest, kRound / std::max<int64_t>(looks, 1)));
}

void Observer::LookAt(const protocol::PeerStatus& peer) {
  link_book_.Look(
      peer,
      [this](wire::PortId id) {
        const PortTable::Port* const port = parts_->links.ports().Find(id);
        return port == nullptr ? std::string() : port->config.name;
      },
      [this](wire::PathId path) { return parts_->links.forwarding().Counters(path); });
  const PeerBond* const bond = parts_->traffic.BondOf(peer.id);
  if (bond == nullptr) return;
  for (const protocol::PathStatus& path : peer.paths) {
    const std::optional<bonding::PathStatus> status = bond->bond().StatusOf(loop_.now(), path.id);
    if (!status.has_value() || !status->known) continue;
    peer_events_.NoteCapacity(peer.id, path.id, static_cast<uint64_t>(8 * status->capacity));
  }
}

void Observer::LookAtHistory() {
  history_->Look(link_book_.all(), [this](const std::string& name) {
    const auto& ports = parts_->links.ports().ports();
    return std::any_of(ports.begin(), ports.end(), [&](const auto& port) {
      return port->config.name == name && port->state() == "up";
    });
  });
  history_look_.Set(kHistoryInterval);
}

void Observer::Finish(wire::Duration patience) {
  if (history_ == nullptr) return;
  look_.Cancel();
  history_look_.Cancel();
  LookAtHistory();
  history_look_.Cancel();
  history_->Finish(patience);
}

}  // namespace warp::control
