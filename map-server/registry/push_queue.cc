#include "map-server/registry/push_queue.h"

#include <algorithm>
#include <cassert>

namespace warp::map {

using protocol::KeyId;
using wire::Instant;

std::optional<KeyId> PushQueue::Add(Instant now, const KeyId& to, const KeyId& about,
                                    Network network) {
  std::optional<KeyId> victim;
  const Pair pair(to, about);
  if (!pushes_.contains(pair)) {
    const auto count = per_key_.find(to);
    if (count != per_key_.end() && count->second >= limits_.pushes_per_key) return to;
    if (!MakeRoom(network, &victim)) return to;
    ++per_key_[to];
    std::vector<Pair>& share = by_network_[network];
    Push& push = pushes_[pair];
    push.network = network;
    push.place = share.size();
    share.push_back(pair);
    SetShare(network, share.size() - 1, share.size());
  }
  Push& push = pushes_.at(pair);
  by_id_.erase(push.id);
  while (by_id_.contains(next_id_)) ++next_id_;
  push.id = next_id_++;
  push.attempt = 0;
  by_id_.emplace(push.id, pair);
  Schedule(pair, push, now);
  assert(pushes_.size() == by_id_.size());
  return victim;
}

// Where the queue is full, the network that has most pushes loses its newest, unless `network` would then have as many.
bool PushQueue::MakeRoom(Network network, std::optional<KeyId>* victim) {
  if (pushes_.size() < limits_.pushes) return true;
  if (shares_.empty()) return false;
  const auto& [most, heaviest] = *shares_.rbegin();
  const auto own = by_network_.find(network);
  if (most <= (own == by_network_.end() ? 0 : own->second.size()) + 1) return false;
  const Pair last = by_network_.at(heaviest).back();
  *victim = last.first;
  Erase(pushes_.find(last));
  return true;
}

void PushQueue::SetShare(Network network, size_t before, size_t now) {
  shares_.erase({before, network});
  if (now != 0) shares_.emplace(now, network);
}

void PushQueue::Schedule(const Pair& pair, Push& push, Instant due) {
  if (push.ready) return;  // it has its turn in any case
  timers_.erase({push.due, pair});
  push.due = due;
  timers_.emplace(due, pair);
}

bool PushQueue::Acknowledge(const KeyId& from, uint32_t id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second.first != from) return false;
  Erase(pushes_.find(it->second));
  return true;
}

std::optional<PushQueue::Due> PushQueue::NextDue(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Pair pair = timers_.begin()->second;
    timers_.erase(timers_.begin());
    Push& push = pushes_.at(pair);
    push.ready = true;
    ready_.Push(push.network, pair);
  }
  while (const std::optional<Pair> pair = ready_.Pop(now)) {
    const auto it = pushes_.find(*pair);
    if (it == pushes_.end() || !it->second.ready) continue;
    ready_.Charge(now);
    Push& push = it->second;
    push.ready = false;
    Due due{push.id, pair->first, pair->second, push.attempt};
    if (++push.attempt == kPushAttempts) {
      due.last = true;
      Erase(it);
    } else {
      Schedule(*pair, push, now + kPushRepeat * (1 << due.attempt));
    }
    return due;
  }
  return std::nullopt;
}

Instant PushQueue::NextTimeout() const {
  return std::min(ready_.NextTimeout(), timers_.empty() ? wire::kNever : timers_.begin()->first);
}

void PushQueue::Erase(Pushes::iterator it) {
  const auto [pair, push] = *it;
  pushes_.erase(it);
  by_id_.erase(push.id);
  timers_.erase({push.due, pair});

  const auto share = by_network_.find(push.network);
  std::vector<Pair>& pairs = share->second;
  const Pair moved = pairs.back();
  pairs[push.place] = moved;
  pairs.pop_back();
  if (moved != pair) pushes_.at(moved).place = push.place;
  SetShare(push.network, pairs.size() + 1, pairs.size());
  if (pairs.empty()) by_network_.erase(share);

  const auto count = per_key_.find(pair.first);
  assert(count != per_key_.end() && count->second > 0);
  if (--count->second == 0) per_key_.erase(count);
}

}  // namespace warp::map
