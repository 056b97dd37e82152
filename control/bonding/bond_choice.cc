// Which path a payload takes: the one on which it arrives first, with what waits there counted in. Payloads then arrive
// nearly in their order, and a slow path is used just as soon as the queues of the faster ones are longer than what it
// is slower.
#include <algorithm>
#include <cmath>

#include "control/bonding/bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// Of a tier: what waits before the next tier joins, and for how long; how long it stays without being needed.
constexpr Duration kTierFull = std::chrono::milliseconds(20);
constexpr Duration kTierFullFor = std::chrono::milliseconds(200);
constexpr Duration kTierUnusedFor = std::chrono::seconds(5);
// Between copies over a suspect path of which none has arrived yet.
constexpr Duration kTrialInterval = std::chrono::milliseconds(50);

}  // namespace

// Those that are neither silent nor suspect; where there are none, those that are but silent; else all.
PathMask Bond::UsablePaths(const Flow& flow) const {
  const PathMask present = flow.spec.allowed & mask_;
  if (const PathMask good = present & ~silent_; good != 0) return good;
  const PathMask silent = present & ~suspect_;
  return silent != 0 ? silent : present;
}

PathMask Bond::WithoutLastResorts(PathMask paths) const {
  PathMask others = paths;
  for (const wire::PathSlot slot : order_) {
    if (PathOf(slot).spec.tier == kLastResortTier) others &= ~wire::MaskOf(slot);
  }
  return (others & mask_ & ~silent_) != 0 ? others : paths;
}

// What waits for the path before a payload of this flow. The flows take turns, so that one with little to send does not
// wait for all that a flood has put there: while its own payloads are sent, each of the others sends in proportion to
// its weight, and then all have one more turn at most.
Duration Bond::WaitBehind(Instant now, const Flow& flow, wire::PathSlot slot, uint32_t size,
                          uint64_t own) const {
  const BondPath& path = PathOf(slot);
  if (path.queued == 0) return path.clock.Wait(now);
  const uint64_t mine = QueuedBytes(flow, slot);
  const uint64_t others = path.waiting_weight - (mine > 0 ? flow.weight() : 0);
  const uint64_t turns = others * own / flow.weight() + others * (size + kQuantum) / heaviest_;
  const uint64_t ahead = own + std::min(path.queued - mine, turns);
  return path.clock.Wait(now) + PathClock::TimeOf(ahead, path.capacity.ByteTime(now));
}

Duration Bond::ArrivalOn(Instant now, const Flow& flow, wire::PathSlot slot, uint32_t size) const {
  const BondPath& path = PathOf(slot);
  return WaitOn(now, flow, slot, size) + PathClock::TimeOf(size, path.capacity.ByteTime(now)) +
         FloorOf(slot);
}

// kNoPathSlot: the flow has no path that may be used. `least_wait`, where it is not null: the shortest wait before any
// path that may be, of whatever tier.
wire::PathSlot Bond::Fastest(Instant now, const Flow& flow, uint32_t size, PathMask without,
                             Duration* least_wait) const {
  wire::PathSlot best = wire::kNoPathSlot;
  Duration first = Duration::max(), least = Duration::max();
  const PathMask usable = UsablePaths(flow);
  uint8_t lowest = tiered_ ? UINT8_MAX : 1;
  for (const wire::PathSlot slot : order_) {
    if (tiered_ && (usable & wire::MaskOf(slot)) != 0)
      lowest = std::min(lowest, PathOf(slot).spec.tier);
  }
  const auto may = [&](wire::PathSlot slot) {
    return (usable & ~without & wire::MaskOf(slot)) != 0 &&
           (!tiered_ || PathOf(slot).spec.tier <= std::max(tier_, lowest));
  };
  if (flow.spec.policy.skew > Duration::zero()) {
    for (const wire::PathSlot slot : order_) {
      if (may(slot)) least = std::min(least, FloorOf(slot));
    }
  }
  for (const wire::PathSlot slot : order_) {
    if ((usable & wire::MaskOf(slot)) == 0) continue;
    const BondPath& path = PathOf(slot);
    const Duration wait = WaitOn(now, flow, slot, size);
    if (least_wait != nullptr) *least_wait = std::min(*least_wait, wait);
    if (!may(slot)) continue;
    if (least != Duration::max() && FloorOf(slot) - least > flow.spec.policy.skew) continue;
    const Duration arrival =
        wait + PathClock::TimeOf(size, path.capacity.ByteTime(now)) + FloorOf(slot);
    if (arrival < first) {
      first = arrival;
      best = slot;
    }
  }
  return best;
}

// The round trip of the slowest path that the flow may use, without what waits.
Duration Bond::LongestTrip(const Flow& flow) const {
  const PathMask usable = UsablePaths(flow);
  Duration longest{};
  for (const wire::PathSlot slot : order_) {
    if ((usable & wire::MaskOf(slot)) != 0)
      longest = std::max(longest, PathOf(slot).capacity.round_trip());
  }
  return longest;
}

// The path of mode backup: of the lowest tier, the one with the shortest floor. It changes only where another is better
// by some margin. At a change, both carry for two round trips: what was under way may be lost.
wire::PathSlot Bond::Backup(Instant now, Flow& flow) {
  wire::PathSlot best = wire::kNoPathSlot;
  const auto better = [&](wire::PathSlot one, wire::PathSlot other) {
    const BondPath &a = PathOf(one), &b = PathOf(other);
    if (a.spec.tier != b.spec.tier) return a.spec.tier < b.spec.tier;
    const Duration margin = one == flow.backup     ? -std::chrono::milliseconds(10)
                            : other == flow.backup ? std::chrono::milliseconds(10)
                                                   : Duration::zero();
    return FloorOf(one) + margin < FloorOf(other);
  };
  for (const wire::PathSlot slot : order_) {
    if (Usable(flow, slot) && (best == wire::kNoPathSlot || better(slot, best))) best = slot;
  }
  if (best != flow.backup) {
    flow.before = flow.backup;
    flow.backup = best;
    if (best != wire::kNoPathSlot)
      flow.overlap_until = now + 2 * PathOf(best).capacity.round_trip();
  }
  return best;
}

// The paths of mode replicate: all, or the fastest `copies`, no two of one port.
PathMask Bond::Replicas(Instant now, const Flow& flow, uint32_t size) const {
  PathMask chosen = 0;
  const PathMask allowed = WithoutLastResorts(flow.spec.allowed & mask_);
  if (flow.spec.policy.copies == 0) return allowed;
  std::vector<wire::PortId> ports;
  for (uint32_t i = 0; i < flow.spec.policy.copies; ++i) {
    wire::PathSlot best = wire::kNoPathSlot;
    Duration first = Duration::max();
    for (const wire::PathSlot slot : order_) {
      if (!Usable(flow, slot) || (allowed & ~chosen & wire::MaskOf(slot)) == 0) continue;
      if (std::find(ports.begin(), ports.end(), PathOf(slot).spec.port) != ports.end()) continue;
      const Duration arrival = ArrivalOn(now, flow, slot, size);
      if (arrival < first) {
        first = arrival;
        best = slot;
      }
    }
    if (best == wire::kNoPathSlot) break;
    chosen |= wire::MaskOf(best);
    ports.push_back(PathOf(best).spec.port);
  }
  return chosen;
}

// Further paths for a payload that is about to leave over `slot`: of mode adaptive, where it would be lost or late with
// more than the target's chance, and a resend would come too late; of mode backup, the path before for some time; and
// of all, the suspect paths that have to prove themselves.
PathMask Bond::CopiesBeside(Instant now, const Flow& flow, wire::PathSlot slot,
                            const Grant& grant) const {
  PathMask copies = 0;
  const config::TunnelPolicy& policy = flow.spec.policy;
  if (policy.mode == TunnelMode::kBackup && now < flow.overlap_until &&
      flow.before != wire::kNoPathSlot && flow.before != slot && PathOf(flow.before).present) {
    copies |= wire::MaskOf(flow.before) & flow.spec.allowed;
  }
  if (policy.mode == TunnelMode::kAdaptive) {
    const auto risk = [&](wire::PathSlot one) {
      const BondPath& path = PathOf(one);
      const bool risky = path.suspect || path.silent || now < path.risky_until;
      return risky || path.outages.Due(now) ? 1.0 : path.loss;
    };
    double risks = risk(slot);
    while (risks > policy.target) {
      const wire::PathSlot other = Fastest(now, flow, grant.size, copies | wire::MaskOf(slot));
      if (other == wire::kNoPathSlot) break;
      const Capacity& first = PathOf(slot).capacity;
      const Instant known = now + first.round_trip() + spacing_ + first.silence();
      const bool in_time = known < grant.taken + policy.resend &&
                           AgainBy(now, flow, other, grant.size) - now + known <= grant.deadline;
      if (in_time && risks < 1) break;
      // A copy that is late as well saves nothing, and what has to leave by its path later would wait for it.
      const BondPath& second = PathOf(other);
      if (now + second.clock.Wait(now) + WayOf(other) > grant.deadline) break;
      if (!second.TakesCopy(now, grant.size)) break;
      copies |= wire::MaskOf(other);
      risks *= std::max(risk(other), 1e-4);
    }
  }
  if (suspect_ == 0 || AllSuspect(flow.spec.allowed)) return copies;
  for (const wire::PathSlot other : order_) {
    const BondPath& path = PathOf(other);
    if (!path.suspect || other == slot || !path.clock.open(now)) continue;
    if (path.proving_since == Instant{} && now - path.last_trial < kTrialInterval) continue;
    if ((flow.spec.allowed & wire::MaskOf(other)) == 0) continue;
    copies |= wire::MaskOf(other);
  }
  return copies;
}

void Bond::UpdateSuspicion() {
  suspect_ = silent_ = 0;
  for (const wire::PathSlot slot : order_) {
    const BondPath& path = PathOf(slot);
    if (path.suspect) suspect_ |= wire::MaskOf(slot);
    if (path.suspect || path.silent) silent_ |= wire::MaskOf(slot);
  }
}

// Tiers of which there is no path are passed over.
void Bond::UpdateTiers(Instant now) {
  Duration backlog = Duration::max();
  uint8_t before = 1, next = kLastResortTier;
  for (const wire::PathSlot slot : order_) {
    const BondPath& path = PathOf(slot);
    const uint8_t tier = path.spec.tier;
    if (tier < tier_) before = std::max(before, tier);
    if (path.suspect) continue;
    if (tier <= tier_) backlog = std::min(backlog, path.Backlog(now));
    if (tier > tier_) next = std::min(next, tier);
  }
  if (backlog > kTierFull / 2) tier_used_ = now;
  if (backlog <= kTierFull || next == kLastResortTier) {
    tier_full_since_ = Instant{};
    if (tier_ > 1 && now - tier_used_ > kTierUnusedFor) {
      tier_ = before;
      tier_used_ = now;
    }
    return;
  }
  if (tier_full_since_ == Instant{}) tier_full_since_ = now;
  if (now - tier_full_since_ < kTierFullFor) return;
  tier_ = next;
  tier_full_since_ = Instant{};
}

}  // namespace warp::bonding
