#include "map-server/registry/changes.h"

#include <algorithm>
#include <cassert>

#include "map-server/constants.h"

namespace warp::map {

using protocol::KeyId;
using wire::Duration;
using wire::Instant;

void Changes::Schedule(Id id, Instant due) {
  Change& change = changes_[id];
  if (change.ready) return;  // it has its turn in any case
  timers_.erase({change.due, id});
  change.due = due;
  timers_.emplace(due, id);
}

void Changes::Add(Instant now, const KeyId& key, Network network) {
  Id id = by_key_.Find(key);
  const bool fresh = id == kNoId;
  if (fresh) {
    id = changes_.Make();
    changes_[id].key = key;
    by_key_.Add(id);
  }
  Change& change = changes_[id];
  if (!change.ready) change.network = network;
  if (!fresh && change.wanted) return;
  change.wanted = true;
  if (fresh) {
    Schedule(id, now);
  } else if (!change.telling) {
    Schedule(id, std::max(now, change.told + change.interval));
  }
}

std::optional<Changes::Due> Changes::NextDue(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Id id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    changes_[id].ready = true;
    ready_.Push(changes_, changes_[id].network, id);
  }
  for (Id id; (id = ready_.Pop(changes_, now)) != kNoId;) {
    Change& change = changes_[id];
    change.ready = false;
    if (!change.telling && !change.wanted) {
      // It has been calm for so long that nothing has to be remembered.
      by_key_.Remove(id);
      changes_.Free(id);
      continue;
    }
    ready_.Charge(now);
    if (!change.telling) Begin(now, change);
    Schedule(id, now + kChangeAnswer);
    return Due{change.key, change.next};
  }
  return std::nullopt;
}

void Changes::Begin(Instant now, Change& change) {
  // Where changes come all the time, the interval grows.
  const bool flaps = change.told != Instant{} && now < change.told + 4 * change.interval;
  change.interval = std::clamp<Duration>(flaps ? 2 * change.interval : kChangeInterval,
                                         kChangeInterval, kChangeIntervalMax);
  change.told = now;
  change.wanted = false;
  change.telling = true;
  change.next = 0;
}

void Changes::Told(Instant now, const Due& due, size_t readers) {
  const Id id = by_key_.Find(due.id);
  if (id == kNoId || !changes_[id].telling || changes_[id].next != due.first) return;
  Change& change = changes_[id];
  change.next = due.first + kChangeSlice;
  if (change.next < readers) return Schedule(id, now + std::chrono::nanoseconds(1));
  change.telling = false;
  change.interval = std::max<Duration>(change.interval, std::chrono::milliseconds(readers));
  // A record without readers costs nothing, so the first one to come is told at once.
  if (readers == 0) change.interval = Duration(0);
  Schedule(id, change.told + (change.wanted ? 1 : 4) * change.interval);
}

Instant Changes::NextTimeout() const {
  return std::min(ready_.NextTimeout(), timers_.empty() ? wire::kNever : timers_.begin()->first);
}

}  // namespace warp::map
