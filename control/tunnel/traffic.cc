#include "control/tunnel/traffic.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "control/config/text/problems.h"

namespace warp::control {
namespace {

// How many items one turn takes from the lcores at most.
constexpr size_t kOpenedPerTurn = 128;
constexpr size_t kCompletionsPerTurn = 512;
// Between looks at the shares of ports while nothing is sent by them.
constexpr wire::Duration kIdleSharesLast = std::chrono::seconds(1);
// What a tunnel that is removed has taken may still be sent for so long.
constexpr wire::Duration kLeaveTime = std::chrono::seconds(2);
// The bit above is bonding::kAhead.
constexpr size_t kMostTunnels = bonding::kAhead;

}  // namespace

Traffic::Traffic(Loop& loop, lcore::Dataplane& dataplane, protocol::Node& protocol, size_t window,
                 wire::Duration index_rests)
    : loop_(loop),
      dataplane_(dataplane),
      protocol_(protocol),
      submitter_(dataplane),
      taken_back_(dataplane.workers()),
      gates_(loop),
      inbound_(protocol, window),
      index_rests_(index_rests),
      divide_(loop, [this] { DivideRates(); }),
      opened_(kOpenedPerTurn),
      completions_(kCompletionsPerTurn) {}

absl::Status Traffic::AddTunnel(const config::TunnelConfig& config, const PeerRoute& route,
                                PeerBond::Allowed allowed, PeerBond::PortPolicies ports,
                                uint32_t first_place) {
  ports_ = std::move(ports);
  const std::optional<uint16_t> index = FreeIndex();
  if (!index.has_value()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("tunnel ", config.name, ": ", kMostTunnels,
                     " tunnels have come and gone lately: try again in some minutes"));
  }
  const uint32_t generation = *index < by_index_.size() ? by_index_[*index].next_generation : 0;
  absl::StatusOr<std::unique_ptr<Tunnel>> tunnel =
      Tunnel::Open({loop_, dataplane_, submitter_, gates_, &room_}, config, *index, route,
                   std::move(allowed), first_place, generation);
  if (!tunnel.ok()) return tunnel.status();
  if (*index == by_index_.size()) {
    by_index_.emplace_back();
  } else {
    free_indices_.pop_front();
  }
  by_index_[*index].tunnel = tunnel->get();
  const wire::PeerId peer = route.peer;
  inbound_.AddTunnel(peer, **tunnel);
  if (tunnels_of_.size() <= peer) tunnels_of_.resize(peer + size_t{1});
  tunnels_of_[peer].push_back(tunnel->get());
  tunnels_.push_back(*std::move(tunnel));
  UseBond(peer, config.policy);
  return absl::OkStatus();
}

std::optional<uint16_t> Traffic::FreeIndex() const {
  if (!free_indices_.empty()) {
    const uint16_t oldest = free_indices_.front();
    if (by_index_[oldest].gone + index_rests_ <= loop_.now()) return oldest;
  }
  if (by_index_.size() >= kMostTunnels) return std::nullopt;
  return static_cast<uint16_t>(by_index_.size());
}

// --- Tunnels that change and go. ---

Tunnel* Traffic::Find(wire::PeerId peer, uint16_t id) const {
  const auto found = std::find_if(tunnels_.begin(), tunnels_.end(), [&](const auto& tunnel) {
    return tunnel->route().peer == peer && tunnel->config().id == id;
  });
  return found == tunnels_.end() ? nullptr : found->get();
}

std::optional<uint32_t> Traffic::RemoveTunnel(wire::PeerId peer, uint16_t id) {
  Tunnel* const tunnel = Find(peer, id);
  if (tunnel == nullptr) return std::nullopt;
  tunnel->CloseGate();
  inbound_.RemoveTunnel(peer, *tunnel);
  const auto place = std::find_if(tunnels_.begin(), tunnels_.end(),
                                  [&](const auto& one) { return one.get() == tunnel; });
  leaving_.push_back({.tunnel = std::move(*place), .until = loop_.now() + kLeaveTime});
  tunnels_.erase(place);
  return tunnel->sender().next_place();
}

void Traffic::RetuneTunnel(wire::PeerId peer, const config::TunnelConfig& config,
                           PeerBond::Allowed allowed) {
  Tunnel* const tunnel = Find(peer, config.id);
  if (tunnel == nullptr) return;
  tunnel->SetConfig(config);
  tunnel->SetTerms(
      {.policy = config.policy, .deadline = config.deadline, .allowed = std::move(allowed)});
  UseBond(peer, config.policy);
}

void Traffic::RemovePeer(wire::PeerId peer) {
  Forget(wire::Drop::kNoSession,
         [&](const Leaving& leaving) { return leaving.tunnel->route().peer == peer; });
  inbound_.RemovePeer(peer);
  if (peer < bonds_.size()) bonds_[peer] = nullptr;
}

void Traffic::Expire() {
  inbound_.Expire(loop_.now());
  Forget(wire::Drop::kDeadline, [&](const Leaving& leaving) {
    return leaving.tunnel->sender().idle() || leaving.until <= loop_.now();
  });
}

void Traffic::Forget(wire::Drop reason, const std::function<bool(const Leaving&)>& which) {
  std::erase_if(leaving_, [&](const Leaving& leaving) {
    if (!which(leaving)) return false;
    const Tunnel* const tunnel = leaving.tunnel.get();
    const wire::PeerId peer = tunnel->route().peer;
    if (peer < bonds_.size() && bonds_[peer] != nullptr)
      bonds_[peer]->RemoveMember(tunnel->index());
    for (size_t i = 0; i < wire::kDropCount; ++i) {
      const auto drop = static_cast<wire::Drop>(i);
      if (const uint64_t count = tunnel->drops(drop); count > 0) gone_drops_.Add(drop, count);
    }
    if (const size_t left = tunnel->sender().left(); left > 0) gone_drops_.Add(reason, left);
    std::erase(tunnels_of_[peer], tunnel);
    by_index_[tunnel->index()] = {.next_generation = tunnel->sender().next_generation(),
                                  .gone = loop_.now()};
    free_indices_.push_back(tunnel->index());
    return true;
  });
}

uint64_t Traffic::gone_drops(wire::Drop drop) const {
  uint64_t count = gone_drops_.Get(drop);
  for (const Leaving& leaving : leaving_) count += leaving.tunnel->drops(drop);
  return count;
}

// --- Spreading. ---

void Traffic::UseBond(wire::PeerId peer, const config::TunnelPolicy& policy) {
  if (bonds_.size() <= peer) bonds_.resize(peer + size_t{1});
  std::unique_ptr<PeerBond>& bond = bonds_[peer];
  if (bond == nullptr) {
    if (policy.mode == config::TunnelMode::kReplicate && policy.copies == 0) return;
    bond = std::make_unique<PeerBond>(loop_, tunnels_of_[peer].front()->route(), ports_);
    protocol_.SetSpreads(loop_.now(), peer, true);
  }
  for (Tunnel* const tunnel : tunnels_of_[peer]) tunnel->SetBond(*bond);
  bond->RouteChanged();
  divide_.Set({});
}

void Traffic::DivideRates() {
  struct User {
    PeerBond* bond;
    bonding::PathUse use;
  };
  std::map<wire::PortId, std::vector<User>> ports;
  std::vector<bonding::PathUse> uses;
  bool busy = false;
  for (const std::unique_ptr<PeerBond>& bond : bonds_) {
    if (bond == nullptr) continue;
    uses.clear();
    bond->bond().TakeUses(loop_.now(), uses);
    for (const bonding::PathUse& use : uses) {
      ports[use.port].push_back({bond.get(), use});
      busy |= use.waited || use.in_use > 0;
    }
  }
  for (const auto& [port, users] : ports) {
    uses.clear();
    for (const User& user : users) uses.push_back(user.use);
    const std::vector<bonding::Rate> shares = bonding::DivideRate(uses);
    for (size_t i = 0; i < users.size(); ++i) {
      users[i].bond->bond().SetShare(loop_.now(), users[i].use.slot, shares[i]);
      users[i].bond->Arm();
    }
  }
  if (!ports.empty()) divide_.Set(busy ? bonding::kSharesLast : kIdleSharesLast);
}

void Traffic::HandleFeedback(wire::PeerId peer, const wire::Session* session,
                             const protocol::Feedback& feedback) {
  if (peer < bonds_.size() && bonds_[peer] != nullptr)
    bonds_[peer]->HandleFeedback(loop_.now(), session, feedback);
}

absl::Status Traffic::Change(const std::string& tunnel, const Tunnel::Terms& terms) {
  const auto found = std::find_if(tunnels_.begin(), tunnels_.end(), [&](const auto& candidate) {
    return candidate->config().name == tunnel;
  });
  if (found == tunnels_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no tunnel ", config::Quote(tunnel)));
  }
  (*found)->SetTerms(terms);
  UseBond((*found)->route().peer, terms.policy);
  return absl::OkStatus();
}

size_t Traffic::ReceiveOpened() {
  const size_t count = dataplane_.ReceiveOpened(opened_);
  inbound_.Handle(loop_.now(), std::span(opened_).first(count));
  inbound_.FlushGates();
  return count;
}

size_t Traffic::ReceiveCompletions() {
  const size_t count = dataplane_.ReceiveCompletions(completions_);
  for (lcore::Completion& completion : std::span(completions_).first(count)) {
    const size_t tunnel = completion.ticket.tunnel();
    if (tunnel >= by_index_.size()) continue;
    if (Tunnel* const owner = by_index_[tunnel].tunnel; owner != nullptr) {
      owner->HandleCompletion(std::move(completion));
    } else {
      NoteLate(completion);
    }
  }
  return count;
}

// Its tunnel has gone, and nobody sends the packet again.
void Traffic::NoteLate(const lcore::Completion& completion) {
  const bool last = completion.sealed || completion.plaintext || completion.reports <= 1;
  if (completion.taken || !last) return;
  const bool named = completion.reason != wire::Drop::kNone;
  gone_drops_.Add(named ? completion.reason : wire::Drop::kDeadline);
}

bool Traffic::Submit() {
  submitter_.Flush();
  dataplane_.FlushWakeups();
  const bool submitted = !submitter_.peers().empty();
  for (const wire::PeerId peer : submitter_.peers()) protocol_.NoteSent(loop_.now(), peer);
  submitter_.ClearPeers();
  return submitted;
}

// Once for each silence: payloads of a peer that only this worker reaches go there again, and stay.
void Traffic::SetSilent(wire::WorkerId worker, bool silent) {
  submitter_.SetSilent(worker, silent);
  if (!silent) {
    taken_back_[worker] = false;
    return;
  }
  bool others = false;
  for (wire::WorkerId other = 0; other < taken_back_.size(); ++other) {
    others |= !submitter_.silent(other);
  }
  if (others && !taken_back_[worker]) taken_back_[worker] = dataplane_.TakeBack(worker);
}

void Traffic::RoutesChanged(std::span<const wire::PeerId> peers) {
  for (const wire::PeerId peer : peers) {
    if (peer >= tunnels_of_.size()) continue;
    for (Tunnel* const tunnel : tunnels_of_[peer]) tunnel->RouteChanged();
    if (peer < bonds_.size() && bonds_[peer] != nullptr) {
      bonds_[peer]->RouteChanged();
      divide_.Set({});
    }
  }
}

void Traffic::CloseGates() {
  for (const std::unique_ptr<Tunnel>& tunnel : tunnels_) tunnel->CloseGate();
}

bool Traffic::idle() const {
  return std::all_of(tunnels_.begin(), tunnels_.end(),
                     [](const auto& tunnel) { return tunnel->sender().idle(); }) &&
         std::all_of(leaving_.begin(), leaving_.end(),
                     [](const Leaving& leaving) { return leaving.tunnel->sender().idle(); });
}

}  // namespace warp::control
