#include "control/protocol/node/timer_heap.h"

#include <utility>

namespace warp::protocol {

void TimerHeap::Set(uint32_t id, Instant when) {
  if (places_.size() <= id) places_.resize(id + size_t{1}, kNowhere);
  size_t place = places_[id];
  if (when == kNever) {
    if (place != kNowhere) Remove(place);
    return;
  }
  if (place == kNowhere) {
    place = heap_.size();
    heap_.emplace_back();
  } else if (heap_[place].when == when) {
    return;
  }
  Put(place, {.when = when, .order = orders_++, .id = id});
  Rise(place);
  Sink(places_[id]);
}

std::optional<uint32_t> TimerHeap::TakeDue(Instant now) {
  if (Next() > now || heap_.empty()) return std::nullopt;
  const uint32_t id = heap_.front().id;
  Remove(0);
  return id;
}

void TimerHeap::Remove(size_t place) {
  places_[heap_[place].id] = kNowhere;
  const Item last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  Put(place, last);
  Rise(place);
  Sink(places_[last.id]);
}

void TimerHeap::Put(size_t place, const Item& item) {
  heap_[place] = item;
  places_[item.id] = place;
}

void TimerHeap::Rise(size_t place) {
  const Item item = heap_[place];
  while (place > 0 && item.IsBefore(heap_[(place - 1) / 2])) {
    Put(place, heap_[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  Put(place, item);
}

void TimerHeap::Sink(size_t place) {
  const Item item = heap_[place];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].IsBefore(heap_[child])) ++child;
    if (!heap_[child].IsBefore(item)) break;
    Put(place, heap_[child]);
    place = child;
  }
  Put(place, item);
}

}  // namespace warp::protocol
