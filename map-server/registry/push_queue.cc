#include "map-server/registry/push_queue.h"

#include <algorithm>
#include <cassert>

namespace warp::map {

using protocol::KeyId;
using wire::Instant;

PushQueue::PushQueue(const Limits& limits)
    : limits_(limits),
      by_pair_(pushes_),
      by_id_(pushes_),
      by_reader_(readers_),
      by_network_(shares_),
      ready_(limits.burst, limits.per_second) {}

std::optional<KeyId> PushQueue::Add(const KeyId& to, const KeyId& about, Network network) {
  std::optional<KeyId> victim;
  const Pair pair{to, about};
  Id made = by_pair_.Find(pair);
  if (made == kNoId) {
    made = Make(pair, network, &victim);
    if (made == kNoId) return to;
  } else {
    by_id_.Remove(made);
  }
  Push& push = pushes_[made];
  while (next_id_ == 0 || by_id_.Find(next_id_) != kNoId) ++next_id_;
  push.id = next_id_++;
  by_id_.Add(made);
  if (push.ready) {  // it has its turn in any case
    push.attempt = 0;
  } else {
    Unschedule(made);
    push.ready = true;
    ready_.Push(pushes_, shares_[push.share].network, made);
  }
  return victim;
}

// A push that waits nowhere yet; kNoId where there is no room.
Id PushQueue::Make(const Pair& pair, Network network, std::optional<KeyId>* victim) {
  Id reader = by_reader_.Find(pair.to);
  if (reader != kNoId && readers_[reader].pushes >= limits_.pushes_per_key) return kNoId;
  if (!MakeRoom(network, victim)) return kNoId;
  reader = by_reader_.Find(pair.to);  // what made room may have been its last
  if (reader == kNoId) {
    reader = readers_.Make();
    readers_[reader].key = pair.to;
    by_reader_.Add(reader);
  }
  Id share = by_network_.Find(network);
  if (share == kNoId) {
    share = shares_.Make();
    shares_[share].network = network;
    by_network_.Add(share);
  }
  const Id made = pushes_.Make();
  Push& push = pushes_[made];
  push.pair = pair;
  push.reader = reader;
  push.share = share;
  by_pair_.Add(made);
  ++readers_[reader].pushes;
  shares_[share].pushes.PushBack(pushes_, made);
  Resize(share, shares_[share].size + 1);
  return made;
}

// Where the queue is full, the network that has most pushes loses its newest, unless `network` would then have as many.
bool PushQueue::MakeRoom(Network network, std::optional<KeyId>* victim) {
  if (pushes_.size() < limits_.pushes) return true;
  const Id heaviest = most_.Top();
  if (heaviest == kNoId) return false;
  const Id own = by_network_.Find(network);
  if (shares_[heaviest].size <= (own == kNoId ? 0 : shares_[own].size) + 1) return false;
  const Id last = shares_[heaviest].pushes.last();
  *victim = pushes_[last].pair.to;
  Erase(last);
  return true;
}

void PushQueue::Resize(Id share, size_t size) {
  most_.Move(shares_, share, shares_[share].size, size);
  shares_[share].size = size;
}

bool PushQueue::Acknowledge(const KeyId& from, uint32_t id) {
  const Id push = by_id_.Find(id);
  if (push == kNoId || pushes_[push].pair.to != from) return false;
  Erase(push);
  return true;
}

std::optional<PushQueue::Due> PushQueue::NextDue(Instant now) {
  for (auto& wait : waits_) {
    while (!wait.empty() && pushes_[wait.first()].due <= now) {
      const Id id = wait.first();
      wait.Remove(pushes_, id);
      pushes_[id].ready = true;
      ready_.Push(pushes_, shares_[pushes_[id].share].network, id);
    }
  }
  const Id next = ready_.Pop(pushes_, now);
  if (next == kNoId) return std::nullopt;
  ready_.Charge(now);
  Push& push = pushes_[next];
  push.ready = false;
  Due due{push.id, push.pair.to, push.pair.about, push.attempt};
  push.due = now + kPushRepeat * (1 << push.attempt);
  waits_[push.attempt++].PushBack(pushes_, next);
  if (push.attempt == kPushAttempts) {
    due.last = true;
    Erase(next);
  }
  return due;
}

Instant PushQueue::NextTimeout() const {
  Instant next = ready_.NextTimeout();
  for (const auto& wait : waits_) {
    if (!wait.empty()) next = std::min(next, pushes_[wait.first()].due);
  }
  return next;
}

void PushQueue::Unschedule(Id id) {
  Push& push = pushes_[id];
  if (push.ready) {
    ready_.Remove(pushes_, shares_[push.share].network, id);
  } else if (push.attempt > 0) {
    waits_[push.attempt - 1].Remove(pushes_, id);
  }
  push.ready = false;
  push.attempt = 0;
}

void PushQueue::Erase(Id id) {
  Unschedule(id);
  const Id reader = pushes_[id].reader;
  const Id share = pushes_[id].share;
  by_pair_.Remove(id);
  by_id_.Remove(id);
  shares_[share].pushes.Remove(pushes_, id);
  pushes_.Free(id);

  Resize(share, shares_[share].size - 1);
  if (shares_[share].size == 0) {
    by_network_.Remove(share);
    shares_.Free(share);
  }
  if (--readers_[reader].pushes == 0) {
    by_reader_.Remove(reader);
    readers_.Free(reader);
  }
}

}  // namespace warp::map
