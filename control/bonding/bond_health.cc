// Whether paths deliver: by feedback that says that nothing came, and by feedback that does not come.
//
//   silent   nothing has come for a moment that should have: nothing is put there, what is under way is sent again
//   suspect  so for longer: its queue goes to the others; only copies go there, until they have arrived for a while
#include <algorithm>
#include <utility>

#include "control/bonding/bond.h"

namespace warp::bonding {
namespace {

using std::chrono::milliseconds;

// A path of which so many packets are under way, and nothing arrives, is suspect.
constexpr size_t kSuspectAfter = 3;
// And of fewer packets after this time.
constexpr Duration kFewSuspectAfter = milliseconds(200);
// How long copies have to arrive until a suspect path carries payloads again, with which queue at most.
constexpr Duration kProveFor = milliseconds(200);
constexpr Duration kProveQueue = milliseconds(150);
// How long the queues of the other paths may stand after payloads moved there.
constexpr Duration kMoving = std::chrono::seconds(1);
// Nothing is said of packets that are so old.
constexpr Duration kForgotten = std::chrono::seconds(10);
// A check that comes so late waits for what this end has not read yet, for as long as it was late, and at most so long.
constexpr Duration kLate = milliseconds(10), kMostLate = milliseconds(50);

}  // namespace

// Nothing has come on the path for a while, by the receiver's clock, and something should have: the path's floor says
// when. This is known a feedback after it, while the time-out of CheckPath has to allow for lost feedback.
void Bond::CheckSilence(Instant now, wire::PathSlot slot, uint64_t newest, Duration age) {
  BondPath& path = PathOf(slot);
  const bool was = std::exchange(path.silent, false);
  const Capacity& capacity = path.capacity;
  if (path.flight.empty() || !capacity.has_floor() || age <= capacity.silence()) return;
  const Record& oldest = path.flight.oldest();
  if (oldest.session != session_ || oldest.counter <= newest) return;
  const auto missed = [&](Duration patience) {
    return Instant(clock_ - patience - capacity.floor() - capacity.queue());
  };
  if (oldest.sent >= missed(capacity.silence())) return;
  path.silent = true;
  path.risky_until = now + kRiskyFor;
  if (!was) {
    UpdateSuspicion();
    MoveFrom(now, slot);
  }
  const Duration long_silence = capacity.silence() + 2 * Capacity::kInterval;
  if (age > long_silence && oldest.sent < missed(long_silence)) Suspect(now, slot);
  GiveUp(now, slot, path.suspect ? wire::kNever : missed(capacity.silence()));
}

// The other paths are about to carry what this one does, as they may never have had to.
void Bond::PresumeBeside(Instant now, wire::PathSlot slot) {
  const Rate rate = PathOf(slot).in_use.last();
  for (const wire::PathSlot other : order_) {
    if (other != slot && !PathOf(other).suspect) PathOf(other).Presume(now, rate);
  }
}

// Payloads go to the other paths now.
void Bond::MoveFrom(Instant now, wire::PathSlot slot) {
  PresumeBeside(now, slot);
  // What waits there is a matter of a moment.
  no_codel_until_ = now + kMoving;
  SpreadAgain(now, slot);
}

// What waits for the path goes to the others.
void Bond::Suspect(Instant now, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  if (path.suspect) return;
  path.suspect = true;
  last_death_ = now;
  path.proving_since = Instant{};
  path.risky_until = now + kRiskyFor;
  UpdateSuspicion();
  if (AllSuspect(mask_)) return;
  no_codel_until_ = now + kMoving;
  Spread(now, slot);
}

// A suspect path has delivered something newer.
void Bond::Prove(Instant now, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  if (path.capacity.queue() > kProveQueue) {
    path.proving_since = Instant{};
  } else if (path.proving_since == Instant{}) {
    path.proving_since = now;
  } else if (now - path.proving_since >= kProveFor) {
    path.suspect = false;
    path.run = 0;
    path.capacity.Restart(now);
    UpdateSuspicion();
  }
}

// Whoever turns this bond stood still: what the peer has told meanwhile is here, and not read. So nothing is missing
// yet. A check is put off once and then takes place, however late it is: on a machine that is always late a dead path
// must be found all the same.
bool Bond::Postpones(Instant now) {
  const Duration late = now - next_check_;
  postponed_ = !postponed_ && late > kLate;
  if (postponed_) next_check_ = now + std::min(late, kMostLate);
  return postponed_;
}

void Bond::HandleTimeout(Instant now) {
  if (now < next_check_ || Postpones(now)) return;
  next_check_ = wire::kNever;
  for (const wire::PathSlot slot : order_) {
    CheckPath(now, slot);
    const Flight& flight = PathOf(slot).flight;
    if (!flight.empty() || flight.has_overtaken()) next_check_ = now + kCheckInterval;
  }
}

void Bond::CheckPath(Instant now, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  const bool foreseen = path.outages.Due(now);
  if (foreseen && !std::exchange(path.foreseen, foreseen)) PresumeBeside(now, slot);
  path.foreseen = foreseen;
  path.flight.Expire(now - kForgotten, [&](const Record& record) {
    if (record.copied) copies_.erase({record.session, record.counter});
    if (record.pieces > 1) pieces_.erase({record.session, record.first});
    Tell(record);
  });
  // Feedback about the path has stopped, although some was due.
  const Capacity& capacity = path.capacity;
  const Duration patience = capacity.silence() + spacing_;
  const Duration due = capacity.round_trip() + capacity.queue() + patience;
  // Of a session before, some peers say nothing once they know the next one. What may have come is sent again.
  GiveUpOvertaken(now, slot, now - due - 2 * Capacity::kInterval);
  if (path.flight.empty()) return;
  const Duration waited = std::min(now - path.flight.oldest().sent - due,  //
                                   now - path.last_progress - patience);
  if (waited < Duration::zero()) return;
  if (waited > kProveFor) path.proving_since = Instant{};
  if (!path.silent) {
    path.silent = true;
    path.risky_until = now + kRiskyFor;
    UpdateSuspicion();
    MoveFrom(now, slot);
  }
  if (AllSilent(mask_)) return;  // perhaps only the way back is dead, or the peer stands still
  // Something was told since, and not of this path. Where nothing was told at all, the other paths may be as silent,
  // and that is not known yet.
  const bool others = heard_ >= now - waited && path.flight.size() >= kSuspectAfter;
  // Nothing is put there any more, and the peer may know of nothing that it could name: so copies find out.
  if (waited >= (others ? 2 * Capacity::kInterval : kFewSuspectAfter)) Suspect(now, slot);
  GiveUp(now, slot, path.suspect ? wire::kNever : now - due);
}

}  // namespace warp::bonding
