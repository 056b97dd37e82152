// What becomes of a payload that a path has lost: it is sent again by another one, for as long as that is of use.
#include <algorithm>
#include <optional>

#include "control/bonding/bond.h"

namespace warp::bonding {

using config::TunnelMode;

// Sends the payload again, where its flow wants that and time is left: once, however many of its pieces were lost.
void Bond::NoteLost(Instant now, wire::PathSlot slot, const Record& record) {
  if (record.parity) return;
  if (record.pieces > 1 && pieces_.erase({record.session, record.first}) == 0) return;
  Flow* const flow = Find(record.flow);
  if (flow == nullptr) return;
  const Grant payload{.flow = record.flow,
                      .number = record.number,
                      .size = record.size,
                      .taken = record.taken,
                      .deadline = record.taken + flow->spec.policy.resend,
                      .again = true};
  const auto without =
      payload.deadline > now ? AgainWithout(now, *flow, slot, payload) : std::nullopt;
  if (!without.has_value()) return LoseForGood(*flow, payload);
  Place(now, *flow, payload, *without);
}

// By which paths not to send again what `slot` has lost: not by that one. Where it delivers nothing any more, one of
// its two interfaces may have died, and with it the other paths from or to that one, of which those that carried
// nothing are not missed yet: so not by these either, if another path brings the payload while there is time.
PathMask Bond::ApartFrom(Instant now, const Flow& flow, wire::PathSlot slot,
                         const Grant& payload) const {
  const BondPath& lost = PathOf(slot);
  if (!lost.silent && !lost.suspect) return wire::MaskOf(slot);
  PathMask sharing = wire::MaskOf(slot);
  for (const wire::PathSlot other : order_) {
    const PathSpec& spec = PathOf(other).spec;
    if (spec.port == lost.spec.port || spec.remote_port == lost.spec.remote_port)
      sharing |= wire::MaskOf(other);
  }
  const wire::PathSlot apart = Fastest(now, flow, payload.size, sharing);
  const Duration time = std::min(flow.spec.policy.resend, flow.spec.deadline);
  const bool in_time =
      apart != wire::kNoPathSlot && AgainBy(now, flow, apart, payload.size) <= payload.taken + time;
  return in_time ? sharing : wire::MaskOf(slot);
}

// The same. Mode adaptive keeps a deadline: where no other path brings the payload in time, that one may. nullopt: none
// does, so that it is of no use, and would take the room of what still can be in time, just when a path has gone.
std::optional<PathMask> Bond::AgainWithout(Instant now, const Flow& flow, wire::PathSlot slot,
                                           const Grant& payload) const {
  const PathMask apart = ApartFrom(now, flow, slot, payload);
  if (flow.spec.policy.mode != TunnelMode::kAdaptive) return apart;
  for (const PathMask without : {apart, wire::MaskOf(slot), PathMask{0}}) {
    const wire::PathSlot by = Fastest(now, flow, payload.size, without);
    if (by != wire::kNoPathSlot &&
        AgainBy(now, flow, by, payload.size) <= payload.taken + flow.spec.deadline)
      return without;
  }
  return std::nullopt;
}

void Bond::LoseForGood(Flow& flow, const Grant& payload) {
  ++flow.status.lost;
  settled_(payload.flow, payload.number);
}

}  // namespace warp::bonding
