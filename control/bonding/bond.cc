#include "control/bonding/bond.h"

#include <algorithm>
#include <utility>

namespace warp::bonding {

Bond::Bond(std::function<void(uint16_t, uint64_t)> settled) : settled_(std::move(settled)) {}

// --- Paths and flows. ---

void Bond::SetPaths(Instant now, std::span<const PathSpec> paths) {
  std::vector<wire::PathSlot> before = std::exchange(order_, {});
  mask_ = 0;
  for (const PathSpec& spec : paths) {
    if (spec.slot >= wire::kPathSlots) continue;
    if (paths_.size() <= spec.slot) paths_.resize(spec.slot + size_t{1});
    std::unique_ptr<BondPath>& path = paths_[spec.slot];
    if (path != nullptr && path->spec.id != spec.id) {
      Leave(now, spec.slot);
      Spread(now, spec.slot);
      path.reset();
      // The turns of another path say nothing of what a flow owes here.
      for (const std::unique_ptr<TunnelFlows>& tunnel : flows_) {
        if (tunnel == nullptr) continue;
        for (Flow* const flow : {&tunnel->ahead, &tunnel->in_order})
          QueueOf(*flow, spec.slot) = FlowQueue();
      }
    }
    if (path == nullptr) {
      path = std::make_unique<BondPath>(spec);
    } else {
      // One that returns has to prove itself.
      if (!path->present) {
        path->suspect = told_;
        path->proving_since = path->last_trial = Instant{};
      }
      path->spec = spec;
      path->present = true;
      path->capacity.SetBound(spec.bound());
      if (spec.max_rate == 0) path->SetShare(now, 0);  // nobody divides for it any more
    }
    order_.push_back(spec.slot);
    mask_ |= wire::MaskOf(spec.slot);
  }
  tiered_ = std::any_of(paths.begin(), paths.end(),
                        [&](const PathSpec& spec) { return spec.tier != paths[0].tier; });
  for (const wire::PathSlot slot : before) {
    if (std::find(order_.begin(), order_.end(), slot) != order_.end()) continue;
    Leave(now, slot);
  }
  UpdateSuspicion();
  for (wire::PathSlot slot = 0; slot < paths_.size(); ++slot) {
    if (paths_[slot] != nullptr && !paths_[slot]->present) Spread(now, slot);
  }
  std::vector<Grant> parked;
  for (const std::unique_ptr<TunnelFlows>& tunnel : flows_) {
    if (tunnel == nullptr) continue;
    for (Flow* const flow : {&tunnel->ahead, &tunnel->in_order}) {
      parked.insert(parked.end(), flow->parked.begin(), flow->parked.end());
      flow->parked.clear();
    }
  }
  PlaceAll(now, std::move(parked));
}

// The path is gone, with what was under way.
void Bond::Leave(Instant now, wire::PathSlot slot) {
  BondPath& gone = PathOf(slot);
  if (!gone.flight.empty()) last_death_ = now;
  gone.present = gone.suspect = gone.silent = false;
  MoveFrom(now, slot);
  GiveUp(now, slot, wire::kNever);
  GiveUpOvertaken(now, slot, wire::kNever);
  gone.flight.Clear();
}

void Bond::SetTold(bool told) {
  if (told == told_) return;
  told_ = told;
  for (const std::unique_ptr<BondPath>& path : paths_) {
    if (told || path == nullptr) continue;
    path->suspect = path->silent = false;
    const auto settle = [this](const Record& record) { Tell(record); };
    path->flight.Expire(wire::kNever, settle);
    path->flight.GiveUpOvertaken(wire::kNever, settle);
  }
  copies_.clear();
  pieces_.clear();
  UpdateSuspicion();
}

void Bond::SetFlow(Instant now, uint16_t tunnel, const FlowSpec& spec) {
  if (tunnel >= flows_.size()) flows_.resize(tunnel + size_t{1});
  if (flows_[tunnel] == nullptr) flows_[tunnel] = std::make_unique<TunnelFlows>();
  TunnelFlows& flows = *flows_[tunnel];
  const uint64_t before = flows.in_order.weight();
  const bool moves = spec.allowed != flows.in_order.spec.allowed;
  for (Flow* const changed : {&flows.in_order, &flows.ahead}) {
    for (wire::PathSlot slot = 0; slot < changed->queues.size(); ++slot) {
      if (changed->queues[slot].empty()) continue;
      PathOf(slot).waiting_weight += spec.policy.weight - changed->weight();
    }
    changed->spec = spec;
  }
  config::TunnelPolicy& ahead = flows.ahead.spec.policy;
  ahead.resend = {};
  if (ahead.mode == config::TunnelMode::kStripe) ahead.mode = config::TunnelMode::kAdaptive;
  if (moves) MoveToAllowed(now, tunnel);
  const uint64_t weight = flows.in_order.weight();
  if (weight <= heaviest_ && (before < heaviest_ || weight == before)) return;
  heaviest_ = 1;
  for (const std::unique_ptr<TunnelFlows>& one : flows_) {
    if (one != nullptr) heaviest_ = std::max(heaviest_, one->in_order.weight());
  }
}

// A tunnel counts once, although what goes ahead has turns of its own.
uint64_t Bond::WaitingTunnels(const BondPath& path) const {
  uint64_t weight = 0;
  for (const uint16_t flow : path.waiting) {
    if ((flow & kAhead) == 0) weight += Find(flow)->weight();
  }
  return weight;
}

void Bond::TakeUses(Instant now, std::vector<PathUse>& uses) {
  for (const wire::PathSlot slot : order_) {
    BondPath& path = PathOf(slot);
    if (path.spec.max_rate == 0) continue;
    uses.push_back({.port = path.spec.port,
                    .slot = slot,
                    .rate = static_cast<Rate>(path.spec.max_rate),
                    .weight = path.TakeWeight(WaitingTunnels(path)),
                    .in_use = path.TakeUse(now),
                    .waited = std::exchange(path.waited, path.queued > 0)});
  }
}

FlowQueue& Bond::QueueOf(Flow& flow, wire::PathSlot slot) {
  if (flow.queues.size() <= slot) flow.queues.resize(slot + size_t{1});
  return flow.queues[slot];
}

// --- What is. ---

std::optional<PathStatus> Bond::StatusOf(Instant now, wire::PathId id) const {
  for (const wire::PathSlot slot : order_) {
    const BondPath& path = PathOf(slot);
    if (path.spec.id != id) continue;
    return PathStatus{.capacity = path.capacity.capacity(),
                      .known = path.capacity.known(),
                      .bound = path.spec.bound(),
                      .in_use = path.in_use.Now(now),
                      .queue = path.capacity.queue(),
                      .above = FloorOf(slot) - least_floor_,
                      .waiting = path.Backlog(now),
                      .loss = path.loss,
                      .suspect = path.suspect,
                      .contested = path.capacity.contested(),
                      .resent = path.resent,
                      .copies = path.copies,
                      .parity = path.parity};
  }
  return std::nullopt;
}

FlowStatus Bond::StatusOf(uint16_t flow) const {
  const Flow* const found = Find(flow);
  if (found == nullptr) return {};
  FlowStatus status = found->status;
  const FlowStatus& ahead = Find(static_cast<uint16_t>(flow | kAhead))->status;
  status.offered += ahead.offered;
  status.ahead = ahead.offered;
  status.dropped += ahead.dropped;
  status.bytes += ahead.bytes;
  status.extra_bytes += ahead.extra_bytes;
  status.copied += ahead.copied;
  status.lost += ahead.lost;
  return status;
}

Instant Bond::NextTimeout() const {
  Instant next = next_check_;
  for (const wire::PathSlot slot : order_) {
    const BondPath& path = PathOf(slot);
    if (!path.waiting.empty()) next = std::min(next, std::max(path.clock.next(), path.held_until));
  }
  return next;
}

}  // namespace warp::bonding
