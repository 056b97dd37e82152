// Parity beside payloads: by which paths it goes, so that what is lost on one of them is not what it stands for.
#include <algorithm>
#include <bit>

#include "control/bonding/bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// For how long a packet may wait for the sake of going by another path.
constexpr Duration kAvoidFor = std::chrono::milliseconds(20);
// Parity that would wait for longer takes from payloads what they need themselves.
constexpr Duration kMostWait = std::chrono::milliseconds(50);

}  // namespace

wire::PathSlot Bond::FastestBut(Instant now, const Flow& flow, uint32_t size, PathMask avoid,
                                Duration* least_wait) const {
  const wire::PathSlot fastest = Fastest(now, flow, size, 0, least_wait);
  if (avoid == 0 || fastest == wire::kNoPathSlot || (avoid & wire::MaskOf(fastest)) == 0)
    return fastest;
  const wire::PathSlot other = Fastest(now, flow, size, avoid);
  if (other == wire::kNoPathSlot) return fastest;
  return WaitOn(now, flow, other, size) <= kAvoidFor ? other : fastest;
}

Bond::Fate Bond::OfferParity(Instant now, Grant* parity) {
  Flow* const found = Find(parity->flow);
  if (found == nullptr) return Fate::kDropped;
  Flow& flow = *found;
  const TunnelMode mode = flow.spec.policy.mode;
  if (mode == TunnelMode::kReplicate) return Fate::kDropped;
  const wire::PathSlot slot = mode == TunnelMode::kBackup
                                  ? Backup(now, flow)
                                  : FastestBut(now, flow, parity->size, parity->avoid);
  if (slot == wire::kNoPathSlot) return Fate::kDropped;
  const Duration wait = WaitOn(now, flow, slot, parity->size);
  if (wait > kMostWait || now + wait > parity->deadline) return Fate::kDropped;
  parity->paths = wire::MaskOf(slot);
  return Queue(now, flow, slot, *parity);
}

PathMask Bond::UsablePaths(uint16_t id) const {
  const Flow* const found = Find(id);
  if (found == nullptr) return 0;
  const Flow& flow = *found;
  PathMask usable = 0;
  uint8_t lowest = UINT8_MAX;
  Duration least = Duration::max();
  for (const wire::PathSlot slot : order_) {
    if (!Usable(flow, slot)) continue;
    usable |= wire::MaskOf(slot);
    lowest = std::min(lowest, PathOf(slot).spec.tier);
    least = std::min(least, FloorOf(slot));
  }
  const Duration skew = flow.spec.policy.skew;
  for (PathMask left = usable; left != 0; left &= left - 1) {
    const auto slot = static_cast<wire::PathSlot>(std::countr_zero(left));
    const bool late = skew > Duration::zero() && FloorOf(slot) - least > skew;
    if (late || PathOf(slot).spec.tier > std::max(tier_, lowest)) usable &= ~wire::MaskOf(slot);
  }
  return usable;
}

double Bond::LossOn(PathMask paths) const {
  double lost = 0, sent = 0;
  for (PathMask left = paths & mask_; left != 0; left &= left - 1) {
    const BondPath& path = PathOf(static_cast<wire::PathSlot>(std::countr_zero(left)));
    // A path that carries little counts little; where none carries anything, all count alike.
    const double weight = path.in_use.last() + 1;
    lost += path.loss * weight;
    sent += weight;
  }
  return sent > 0 ? lost / sent : 0;
}

}  // namespace warp::bonding
