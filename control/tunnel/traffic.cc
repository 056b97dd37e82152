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

}  // namespace

Traffic::Traffic(Loop& loop, lcore::Dataplane& dataplane, protocol::Node& protocol, size_t window)
    : loop_(loop),
      dataplane_(dataplane),
      protocol_(protocol),
      submitter_(dataplane),
      taken_back_(dataplane.workers()),
      gates_(loop),
      inbound_(protocol, window),
      divide_(loop, [this] { DivideRates(); }),
      opened_(kOpenedPerTurn),
      completions_(kCompletionsPerTurn) {}

absl::Status Traffic::AddTunnel(const config::TunnelConfig& config, const PeerRoute& route,
                                PeerBond::Allowed allowed, PeerBond::PortPolicies ports) {
  ports_ = std::move(ports);
  absl::StatusOr<std::unique_ptr<Tunnel>> tunnel =
      Tunnel::Open({loop_, dataplane_, submitter_, gates_, &room_}, config,
                   static_cast<uint16_t>(tunnels_.size()), route, std::move(allowed));
  if (!tunnel.ok()) return tunnel.status();
  const auto peer = static_cast<wire::PeerId>(config.peer_index);
  inbound_.AddTunnel(peer, **tunnel);
  if (tunnels_of_.size() <= peer) tunnels_of_.resize(peer + size_t{1});
  tunnels_of_[peer].push_back(tunnel->get());
  tunnels_.push_back(*std::move(tunnel));
  UseBond(peer, config.policy);
  return absl::OkStatus();
}

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
  UseBond(static_cast<wire::PeerId>((*found)->config().peer_index), terms.policy);
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
    if (tunnel < tunnels_.size()) tunnels_[tunnel]->HandleCompletion(std::move(completion));
  }
  return count;
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
                     [](const auto& tunnel) { return tunnel->sender().idle(); });
}

}  // namespace warp::control
