#include "control/tunnel/bond/peer_bond.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "dataplane/wire/handshake/introduction.h"

namespace warp::control {
namespace {

// About as long as a wake-up takes.
constexpr wire::Duration kAhead = std::chrono::microseconds(50);
// A session lives a few minutes: so many may be the one that feedback speaks of.
constexpr size_t kSessions = 8;
// Grants of one turn of the loop, so that the other work has its turn too.
constexpr size_t kGrantsPerTurn = 256;
// What a payload lacks that cannot leave (buffers, slots) comes back within a turn or two of the workers.
constexpr wire::Duration kSoonAgain = std::chrono::microseconds(200);

constexpr uint64_t kLeastPart = 1000;  // bytes a second: no path stands still

uint16_t TunnelOf(uint16_t flow) { return static_cast<uint16_t>(flow & ~bonding::kAhead); }

// Paths that lead to one port of the peer share what it lets come in: those that may not carry an equal part by
// themselves leave the rest to the others.
void DivideToldRates(std::vector<bonding::PathSpec>& paths) {
  std::map<uint16_t, std::vector<bonding::PathSpec*>> ports;
  for (bonding::PathSpec& path : paths) {
    if (path.told_rate > 0) ports[path.remote_port].push_back(&path);
  }
  for (auto& [port, sharing] : ports) {
    std::sort(sharing.begin(), sharing.end(),
              [](const bonding::PathSpec* a, const bonding::PathSpec* b) {
                return a->max_rate - 1 < b->max_rate - 1;  // those without a bound come last
              });
    uint64_t left = sharing.front()->told_rate;
    size_t others = sharing.size();
    for (bonding::PathSpec* const path : sharing) {
      path->told_rate = std::max(left / others--, kLeastPart);
      left -= std::min(left, path->bound());
    }
  }
}

}  // namespace

PeerBond::PeerBond(Loop& loop, const PeerRoute& route, PortPolicies ports)
    : loop_(loop),
      route_(route),
      ports_(std::move(ports)),
      bond_([this](uint16_t flow, uint64_t number) {
        const auto member = members_.find(TunnelOf(flow));
        if (member != members_.end()) member->second.member->Settled(number);
      }),
      pump_soon_(loop, [this] { Pump(); }),
      pump_later_(loop, [this] { Pump(); }) {}

void PeerBond::AddMember(uint16_t flow, BondMember& member, Allowed allowed) {
  Member& entry = members_[flow];
  entry.member = &member;
  entry.allowed = std::move(allowed);
}

// The flow is as light as can be from now on, and nothing of it is sent again.
void PeerBond::RemoveMember(uint16_t flow) {
  if (members_.erase(flow) > 0) bond_.SetFlow(loop_.now(), flow, {});
}

void PeerBond::SetAllowed(uint16_t flow, Allowed allowed) {
  members_[flow].allowed = std::move(allowed);
  RouteChanged();
}

void PeerBond::SetPolicy(uint16_t flow, const config::TunnelPolicy& policy,
                         wire::Duration deadline) {
  Member& member = members_[flow];
  member.spec = {.policy = policy, .deadline = deadline, .allowed = AllowedOf(member)};
  GiveSpec(flow, member);
  pump_soon_.Schedule();
}

// A peer that tells nothing of what arrives cannot be spread to: its payloads go everywhere, or by mode backup.
void PeerBond::GiveSpec(uint16_t flow, const Member& member) {
  bonding::FlowSpec spec = member.spec;
  if (plain_ && spec.policy.mode != config::TunnelMode::kBackup) {
    spec.policy.mode = config::TunnelMode::kReplicate;
    spec.policy.copies = 0;
  }
  bond_.SetFlow(loop_.now(), flow, spec);
}

wire::PathMask PeerBond::AllowedOf(const Member& member) const {
  wire::PathMask allowed = 0;
  for (const RoutePath& path : route_.paths) {
    if (member.allowed == nullptr || member.allowed(path)) allowed |= wire::MaskOf(path.slot);
  }
  return allowed;
}

void PeerBond::RouteChanged() {
  const wire::Instant now = loop_.now();
  plain_ = route_.session == nullptr ||
           (route_.session->remote_features() & wire::kFeatureFeedback) == 0;
  std::vector<bonding::PathSpec> paths;
  for (const RoutePath& path : route_.paths) {
    if (!path.remote_port.has_value()) continue;
    const PortPolicy policy = ports_ != nullptr ? ports_(path.port) : PortPolicy();
    paths.push_back({.id = path.id,
                     .slot = path.slot,
                     .port = path.port,
                     .remote_port = *path.remote_port,
                     .tier = path.last_resort ? bonding::kLastResortTier : policy.tier,
                     .max_rate = policy.max_rate,
                     .told_rate = path.told_rate,
                     .round_trip = path.round_trip});
  }
  DivideToldRates(paths);
  for (auto& [flow, member] : members_) {
    member.spec.allowed = AllowedOf(member);
    GiveSpec(flow, member);
  }
  bond_.SetTold(!plain_);
  bond_.SetPaths(now, paths);
  pump_soon_.Schedule();
}

// --- Time. ---

void PeerBond::Arm() {
  if (!route_.ready()) return;  // RouteChanged goes on
  const wire::Instant next = bond_.NextTimeout();
  if (next >= pump_later_.due()) return;
  if (next > loop_.now() + kAhead) {
    pump_later_.SetAt(next - kAhead);
  } else {
    pump_soon_.Schedule();
  }
}

void PeerBond::Pump() {
  const wire::Instant now = loop_.now();
  bond_.HandleTimeout(now);
  for (size_t i = 0; i < kGrantsPerTurn; ++i) {
    if (!route_.ready()) break;
    const std::optional<bonding::Grant> grant = bond_.Next(now);
    if (!grant.has_value()) break;
    const auto member = members_.find(TunnelOf(grant->flow));
    if (member == members_.end()) continue;
    const BondMember::Left left = member->second.member->Leave(now, *grant);
    if (left == BondMember::Left::kYes) continue;
    bond_.NoteUnsent(now, *grant);
    if (left == BondMember::Left::kShortage) return pump_later_.SetAt(now + kSoonAgain);
    bond_.HoldBack(grant->flow, now + kSoonAgain);
  }
  Arm();
}

// --- What the peer says. ---

// A session that is in use again is a new one to the bond, which reads feedback of the newest.
uint64_t PeerBond::OrderOfSending() {
  const uint32_t index = route_.session->local_index();
  if (!sessions_.empty() && sessions_.front().first == index) return sessions_.front().second;
  std::erase_if(sessions_, [index](const auto& session) { return session.first == index; });
  sessions_.emplace_front(index, next_session_++);
  if (sessions_.size() > kSessions) sessions_.pop_back();
  return sessions_.front().second;
}

uint64_t PeerBond::OrderOf(const wire::Session* session) const {
  for (const auto& [index, order] : sessions_) {
    if (index == session->local_index()) return order;
  }
  return 0;
}

void PeerBond::NoteSent(wire::Instant now, const bonding::Grant& grant,
                        std::optional<uint64_t> first, std::span<const uint32_t> sizes) {
  if (plain_ || !first.has_value()) return bond_.NoteSent(now, grant, 0, 0, sizes);
  bond_.NoteSent(now, grant, OrderOfSending(), *first, sizes);
}

void PeerBond::HandleFeedback(wire::Instant now, const wire::Session* session,
                              const protocol::Feedback& feedback) {
  const uint64_t order = OrderOf(session);
  if (order == 0) return;
  bond_.HandleFeedback(now, order, feedback);
  Arm();
}

}  // namespace warp::control
