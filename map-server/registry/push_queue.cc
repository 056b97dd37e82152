#include "map-server/registry/push_queue.h"

#include <cassert>

namespace warp::map {

using protocol::KeyId;
using wire::Instant;

bool PushQueue::Add(Instant now, const KeyId& to, const KeyId& about) {
  const Pair pair(to, about);
  if (const auto it = by_pair_.find(pair); it != by_pair_.end()) Erase(it->second);
  if (pushes_.size() >= limits_.pushes) return false;
  uint32_t& count = per_key_[to];
  if (count >= limits_.pushes_per_key) return false;
  ++count;

  while (pushes_.contains(next_id_)) ++next_id_;
  const uint32_t id = next_id_++;
  pushes_.emplace(id, Push{pair, 0, now});
  by_pair_.emplace(pair, id);
  timers_.emplace(now, id);
  assert(pushes_.size() == by_pair_.size() && pushes_.size() == timers_.size());
  return true;
}

bool PushQueue::Acknowledge(const KeyId& from, uint32_t id) {
  const auto it = pushes_.find(id);
  if (it == pushes_.end() || it->second.pair.first != from) return false;
  Erase(id);
  return true;
}

std::optional<PushQueue::Due> PushQueue::NextDue(Instant now) {
  if (timers_.empty() || timers_.begin()->first > now) return std::nullopt;
  const uint32_t id = timers_.begin()->second;
  const auto it = pushes_.find(id);
  assert(it != pushes_.end() && it->second.due == timers_.begin()->first);
  Push& push = it->second;
  Due due{id, push.pair.first, push.pair.second, push.attempt};
  if (++push.attempt == kPushAttempts) {
    due.last = true;
    Erase(id);
    return due;
  }
  timers_.erase(timers_.begin());
  push.due = now + kPushRepeat * (1 << due.attempt);
  timers_.emplace(push.due, id);
  return due;
}

Instant PushQueue::NextTimeout() const {
  return timers_.empty() ? wire::kNever : timers_.begin()->first;
}

void PushQueue::Erase(uint32_t id) {
  const auto it = pushes_.find(id);
  assert(it != pushes_.end());
  const Push push = it->second;
  pushes_.erase(it);
  by_pair_.erase(push.pair);
  timers_.erase({push.due, id});
  assert(pushes_.size() == by_pair_.size() && pushes_.size() == timers_.size());
  const auto count = per_key_.find(push.pair.first);
  assert(count != per_key_.end() && count->second > 0);
  if (--count->second == 0) per_key_.erase(count);
}

}  // namespace warp::map
