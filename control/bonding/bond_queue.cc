// The queues before the paths.
#include <algorithm>
#include <bit>
#include <utility>

#include "control/bonding/bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

// Of what is sent, that resends may use; and how much they may save up.
constexpr double kAgainShare = 0.1, kAgainMost = 400e3;

}  // namespace

Bond::Fate Bond::Offer(Instant now, Grant* payload) {
  Flow* const found = Find(payload->flow);
  if (found == nullptr) return Fate::kDropped;
  Flow& flow = *found;
  ++flow.status.offered;
  if (tiered_) UpdateTiers(now);
  if (flow.spec.policy.mode == TunnelMode::kReplicate) {
    payload->paths = Replicas(now, flow, payload->size);
    if (payload->paths == 0) payload->paths = flow.spec.allowed;
    return Fate::kGranted;
  }
  Duration least = Duration::max();
  wire::PathSlot slot = wire::kNoPathSlot;
  if (flow.spec.policy.mode == TunnelMode::kBackup) {
    slot = Backup(now, flow);
    if (slot != wire::kNoPathSlot) least = WaitOn(now, flow, slot, payload->size);
  } else {
    slot = FastestBut(now, flow, payload->size, payload->avoid, &least);
  }
  if (slot == wire::kNoPathSlot) {
    if (!order_.empty()) {
      Park(now, flow, *payload);
      return Fate::kQueued;
    }
    payload->paths = flow.spec.allowed;  // by paths of which nothing is known yet, or it comes back
    return Fate::kGranted;
  }
  if ((payload->flow & kAhead) != 0) {
    const uint64_t own = QueueOf(flow, slot).bytes;
    least = PathClock::TimeOf(own, PathOf(slot).capacity.ByteTime(now));
  }
  if (now + WaitOn(now, flow, slot, payload->size) > payload->deadline ||
      (now >= no_codel_until_ && CodelDrops(now, flow, slot, least))) {
    PathOf(slot).waited = true;
    ++flow.status.dropped;
    return Fate::kDropped;
  }
  payload->paths = wire::MaskOf(slot);
  return Queue(now, flow, slot, *payload) == Fate::kGranted
             ? (Direct(now, flow, slot, payload), Fate::kGranted)
             : Fate::kQueued;
}

// Whoever has something to send waits for a turn of the others, which on a slow path is long. That is no queue of the
// flow's: what goes ahead has its own one alone, and who has nothing that waits has none.
bool Bond::CodelDrops(Instant now, Flow& flow, wire::PathSlot slot, Duration wait) {
  const auto waits = [](const FlowQueue& queue) { return !queue.items.empty(); };
  if (wait < Codel::kTarget || std::none_of(flow.queues.begin(), flow.queues.end(), waits))
    return flow.codel.Drops(now, {}, {});
  const bool one = flow.spec.policy.mode == TunnelMode::kBackup;
  const Duration trip = one ? PathOf(slot).capacity.round_trip() : LongestTrip(flow);
  return flow.codel.Drops(now, wait, trip);
}

// kGranted: nothing waits for the path, and its clock is open; the payload is in no queue.
Bond::Fate Bond::Queue(Instant now, Flow& flow, wire::PathSlot slot, const Grant& payload) {
  BondPath& path = PathOf(slot);
  if (path.waiting.empty() && path.clock.open(now)) return Fate::kGranted;
  path.capacity.NoteLimited(now);
  path.waited = true;
  Enqueue(flow, slot, payload);
  return Fate::kQueued;
}

// What the flow begins its turns with. A payload may be larger than a turn. Whoever has one at a time would send it in
// each of his turns, if what he owes were forgotten with the queue that it leaves empty: it is repaid in the rounds
// that others had meanwhile, and forgotten where nobody has had to wait.
int64_t Bond::DebtOf(Flow& flow, wire::PathSlot slot) {
  BondPath& path = PathOf(slot);
  const FlowQueue& queue = QueueOf(flow, slot);
  if (path.waiting.empty()) {
    ++path.crowded;
    path.rounds = 0;
  }
  if (queue.crowded != path.crowded) return 0;
  const double repaid = (path.rounds - queue.rounds) * static_cast<double>(QuantumOf(flow));
  return std::min<int64_t>(0, queue.deficit + static_cast<int64_t>(repaid));
}

// In the order of the numbers: what comes from another path's queue may be older than what is here. What was lost and
// goes again passes it.
void Bond::Enqueue(Flow& flow, wire::PathSlot slot, const Grant& payload) {
  BondPath& path = PathOf(slot);
  FlowQueue& queue = QueueOf(flow, slot);
  path.held_until = Instant{};
  if (queue.empty()) {
    queue.deficit = DebtOf(flow, slot);
    path.waiting.push_back(payload.flow);
    path.waiting_weight += flow.weight();
  }
  if (payload.again) {
    queue.again.push_back(payload);
    queue.again_bytes += payload.size;
    path.again_queued += payload.size;
  } else if (placing_many_) {
    queue.items.push_back(payload);
    to_sort_.emplace_back(payload.flow, slot);
  } else {
    auto place = queue.items.end();
    while (place != queue.items.begin() && std::prev(place)->number > payload.number) --place;
    queue.items.insert(place, payload);
  }
  queue.bytes += payload.size;
  path.queued += payload.size;
}

// The payload has left, in frames of so many bytes on each path.
void Bond::Pay(Instant now, Flow& flow, const Grant& grant, uint32_t size) {
  if (grant.again) {
    flow.again_bytes -= size;
    ++flow.status.resent;
    if (grant.slot < paths_.size()) ++PathOf(grant.slot).resent;
  }
  if (grant.slot != wire::kNoPathSlot) QueueOf(flow, grant.slot).deficit -= size;
  if (grant.parity != 0) {
    ++flow.status.parity;
  } else if (flow.spec.policy.mode != TunnelMode::kReplicate &&
             std::popcount(grant.paths & mask_) > 1) {
    ++flow.status.copied;
  }
  bool first = !grant.again && grant.parity == 0;
  for (PathMask left = grant.paths & mask_; left != 0; left &= left - 1) {
    BondPath& path = PathOf(static_cast<wire::PathSlot>(std::countr_zero(left)));
    const bool proves = path.suspect && !AllSuspect(flow.spec.allowed);
    if (proves) path.last_trial = now;
    const uint64_t cost = proves ? 2 * uint64_t{size} : size;
    const bool waited = !grant.again && path.spec.slot == grant.slot;
    path.clock.Charge(now, waited ? grant.taken : now,
                      PathClock::TimeOf(cost, path.capacity.ByteTime(now)),
                      PathClock::TimeOf(cost, path.capacity.LeastByteTime()));
    path.NoteBytes(now, size);
    const int64_t credit = path.copy_credit + (waited ? int64_t{size} : -int64_t{size});
    path.copy_credit = std::clamp<int64_t>(credit, 0, BondPath::kMostCopyCredit);
    FlowQueue& queue = QueueOf(flow, path.spec.slot);
    if ((grant.flow & kAhead) == 0 && queue.used_in != path.looks) {
      queue.used_in = path.looks;
      path.used_weight += flow.weight();
    }
    if (!std::exchange(first, false)) {
      flow.status.extra_bytes += size;
      if (grant.parity != 0) {
        ++path.parity;
      } else if (!grant.again) {
        ++path.copies;
      }
    } else {
      flow.status.bytes += size;
      flow.again_bytes = std::min(kAgainMost, flow.again_bytes + kAgainShare * size);
    }
  }
}

void Bond::NoteUnsent(Instant now, const Grant& grant) {
  Flow* const flow = Find(grant.flow);
  if (flow == nullptr) return;
  if ((mask_ & wire::MaskOf(grant.slot)) != 0) return PutBack(*flow, grant);
  Place(now, *flow, grant, 0);
}

// Puts it where it arrives first; by another path than those `without`, where there is one.
void Bond::Place(Instant now, Flow& flow, Grant payload, PathMask without) {
  payload.paths = 0;
  payload.slot = wire::kNoPathSlot;
  wire::PathSlot slot = without != 0 ? Fastest(now, flow, payload.size, without)
                                     : FastestBut(now, flow, payload.size, payload.avoid);
  if (slot == wire::kNoPathSlot && without != 0) slot = Fastest(now, flow, payload.size, 0);
  if (slot == wire::kNoPathSlot) return Park(now, flow, payload);
  Enqueue(flow, slot, payload);
}

// Each by itself would have to be inserted among what waits there, so that thousands would take a time that grows with
// their square: they are put behind it, and each queue is put in order at the end.
void Bond::PlaceAll(Instant now, std::vector<Grant> items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const Grant& a, const Grant& b) { return a.taken < b.taken; });
  placing_many_ = true;
  for (const Grant& item : items) Place(now, FlowOf(item), item, 0);
  placing_many_ = false;
  std::sort(to_sort_.begin(), to_sort_.end());
  to_sort_.erase(std::unique(to_sort_.begin(), to_sort_.end()), to_sort_.end());
  for (const auto& [flow, slot] : to_sort_) {
    CompactQueue<Grant>& queue = QueueOf(*Find(flow), slot).items;
    std::stable_sort(queue.begin(), queue.end(),
                     [](const Grant& a, const Grant& b) { return a.number < b.number; });
  }
  to_sort_.clear();
}

// It waits where it did before, and is the next one there.
void Bond::PutBack(Flow& flow, const Grant& grant) {
  BondPath& path = PathOf(grant.slot);
  FlowQueue& queue = QueueOf(flow, grant.slot);
  path.held_until = Instant{};
  if (queue.empty()) {
    path.waiting.push_front(grant.flow);
    path.waiting_weight += flow.weight();
  }
  Grant payload = grant;
  payload.paths = 0;
  payload.slot = wire::kNoPathSlot;
  (grant.again ? queue.again : queue.items).push_front(payload);
  if (grant.again) {
    queue.again_bytes += grant.size;
    path.again_queued += grant.size;
  }
  queue.bytes += grant.size;
  path.queued += grant.size;
}

// It waits until there is a path that its flow may use, or until it is late.
void Bond::Park(Instant now, Flow& flow, const Grant& payload) {
  while (!flow.parked.empty() && flow.parked.front().deadline <= now) {
    if (flow.parked.front().again) LoseForGood(flow, flow.parked.front());
    flow.parked.pop_front();
  }
  flow.parked.push_back(payload);
}

void Bond::Charge(Instant now, PathMask paths, uint32_t size) {
  for (const wire::PathSlot slot : order_) {
    if ((paths & wire::MaskOf(slot)) == 0) continue;
    BondPath& path = PathOf(slot);
    path.clock.Charge(now, now, PathClock::TimeOf(size, path.capacity.ByteTime(now)));
    path.NoteBytes(now, size);
  }
}

// What waits for the path goes to others; where there is none it is parked.
void Bond::Spread(Instant now, wire::PathSlot from) {
  BondPath& path = PathOf(from);
  std::vector<Grant> items, again;
  for (const uint16_t id : path.waiting) {
    FlowQueue& queue = QueueOf(*Find(id), from);
    items.insert(items.end(), queue.items.begin(), queue.items.end());
    again.insert(again.end(), queue.again.begin(), queue.again.end());
    queue = FlowQueue();
  }
  path.waiting.clear();
  path.waiting_weight = path.queued = path.again_queued = 0;
  PlaceAll(now, std::move(items));
  PlaceAgain(now, std::move(again), from);
}

// What was lost goes to others; payloads go on waiting for the path.
void Bond::SpreadAgain(Instant now, wire::PathSlot from) {
  BondPath& path = PathOf(from);
  if (path.again_queued == 0) return;
  std::vector<Grant> again;
  // The turns are written anew: each of thousands that leave would have to be searched for there.
  const CompactQueue<uint16_t> waiting = std::exchange(path.waiting, {});
  for (const uint16_t id : waiting) {
    Flow& flow = *Find(id);
    FlowQueue& queue = QueueOf(flow, from);
    again.insert(again.end(), queue.again.begin(), queue.again.end());
    queue.again.clear();
    queue.bytes -= queue.again_bytes;
    path.queued -= queue.again_bytes;
    queue.again_bytes = 0;
    if (!queue.empty()) {
      path.waiting.push_back(id);
      continue;
    }
    queue.crowded = path.crowded;
    queue.rounds = path.rounds;
    path.waiting_weight -= flow.weight();
  }
  path.again_queued = 0;
  PlaceAgain(now, std::move(again), from);
}

// Thousands would wait for a turn each, where the path is slow, only to be told that it is no path of theirs.
void Bond::MoveToAllowed(Instant now, uint16_t tunnel) {
  std::vector<Grant> items;
  for (const uint16_t id : {tunnel, static_cast<uint16_t>(tunnel | kAhead)}) {
    Flow& flow = *Find(id);
    items.insert(items.end(), flow.parked.begin(), flow.parked.end());
    flow.parked.clear();
    for (wire::PathSlot slot = 0; slot < flow.queues.size(); ++slot) {
      FlowQueue& queue = flow.queues[slot];
      if (queue.empty() || (flow.spec.allowed & wire::MaskOf(slot)) != 0) continue;
      BondPath& path = PathOf(slot);
      items.insert(items.end(), queue.items.begin(), queue.items.end());
      items.insert(items.end(), queue.again.begin(), queue.again.end());
      path.queued -= queue.bytes;
      path.again_queued -= queue.again_bytes;
      path.held_until = Instant{};
      queue.items.clear();
      queue.again.clear();
      queue.bytes = queue.again_bytes = 0;
      LeaveTurns(flow, id, slot);
    }
  }
  PlaceAll(now, std::move(items));
}

void Bond::PlaceAgain(Instant now, std::vector<Grant> items, wire::PathSlot from) {
  std::stable_sort(items.begin(), items.end(),
                   [](const Grant& a, const Grant& b) { return a.taken < b.taken; });
  for (const Grant& item : items) {
    Flow& flow = FlowOf(item);
    Place(now, flow, item, ApartFrom(now, flow, from, item));
  }
}

}  // namespace warp::bonding
