#include "map-server/registry/changes.h"

#include <algorithm>
#include <cassert>

#include "map-server/constants.h"

namespace warp::map {

using protocol::KeyId;
using wire::Duration;
using wire::Instant;

void Changes::Schedule(const KeyId& id, Change& change, Instant due) {
  if (change.ready) return;  // it has its turn in any case
  timers_.erase({change.due, id});
  change.due = due;
  timers_.emplace(due, id);
}

void Changes::Add(Instant now, const KeyId& id, Network network) {
  const auto [it, fresh] = changes_.try_emplace(id);
  Change& change = it->second;
  if (!change.ready) change.network = network;
  if (!fresh && change.wanted) return;
  change.wanted = true;
  if (fresh) {
    Schedule(id, change, now);
  } else if (!change.telling) {
    Schedule(id, change, std::max(now, change.told + change.interval));
  }
}

std::optional<Changes::Due> Changes::NextDue(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const KeyId id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    Change& change = changes_.at(id);
    change.ready = true;
    ready_.Push(change.network, id);
  }
  while (const std::optional<KeyId> id = ready_.Pop(now)) {
    Change& change = changes_.at(*id);
    change.ready = false;
    if (!change.telling && !change.wanted) {
      // It has been calm for so long that nothing has to be remembered.
      changes_.erase(*id);
      continue;
    }
    ready_.Charge(now);
    if (!change.telling) Begin(now, change);
    Schedule(*id, change, now + kChangeAnswer);
    return Due{*id, change.next};
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
  const auto it = changes_.find(due.id);
  if (it == changes_.end() || !it->second.telling || it->second.next != due.first) return;
  Change& change = it->second;
  change.next = due.first + kChangeSlice;
  if (change.next < readers) return Schedule(due.id, change, now + std::chrono::nanoseconds(1));
  change.telling = false;
  change.interval = std::max<Duration>(change.interval, std::chrono::milliseconds(readers));
  // A record without readers costs nothing, so the first one to come is told at once.
  if (readers == 0) change.interval = Duration(0);
  Schedule(due.id, change, change.told + (change.wanted ? 1 : 4) * change.interval);
}

Instant Changes::NextTimeout() const {
  return std::min(ready_.NextTimeout(), timers_.empty() ? wire::kNever : timers_.begin()->first);
}

}  // namespace warp::map
