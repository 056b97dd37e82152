#include "map-server/stream/stream_book.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace warp::map {

using wire::Instant;

StreamBook::StreamBook(const Limits& limits)
    : limits_(limits), tokens_(limits.burst, limits.per_second) {}

StreamBook::Source StreamBook::SourceOf(const wire::IpAddress& address) {
  Source source{0, 0};
  std::memcpy(&source.first, address.bytes().data(), 8);
  if (address.is_v4()) std::memcpy(&source.second, address.bytes().data() + 8, 8);
  return source;
}

std::optional<size_t> StreamBook::Admit(Instant now, const wire::IpAddress& from,
                                        std::optional<size_t>* evicted) {
  evicted->reset();
  const Source source = SourceOf(from);
  if (const auto it = of_source_.find(source);
      it != of_source_.end() && it->second >= limits_.of_source) {
    ++refused_.source;
    return std::nullopt;
  }
  const bool full = size_ >= limits_.streams;
  if (full && unproven_.empty()) {
    ++refused_.full;
    return std::nullopt;
  }
  if (full || unproven_.size() >= limits_.unproven) {
    *evicted = unproven_.begin()->second;
    ++refused_.evicted;
    Release(**evicted);
  }
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const size_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = {.used = true, .source = source, .deadline = now + kStreamProof};
  unproven_.emplace(slots_[slot].deadline, slot);
  ++of_source_[source];
  ++size_;
  return slot;
}

void StreamBook::NoteAuthentic(Instant now, size_t slot) {
  Slot& s = slots_[slot];
  assert(s.used);
  s.idle = now + kStreamIdle;
  if (s.proven) return;
  unproven_.erase({s.deadline, slot});
  s.proven = true;
  s.deadline = s.idle;
  proven_.emplace(s.deadline, slot);
}

void StreamBook::Release(size_t slot) {
  Slot& s = slots_[slot];
  assert(s.used);
  SetOf(s).erase({s.deadline, slot});
  const auto it = of_source_.find(s.source);
  if (--it->second == 0) of_source_.erase(it);
  s = {};
  free_.push_back(slot);
  --size_;
}

Instant StreamBook::NextTimeout() const {
  Instant next = wire::kNever;
  if (!unproven_.empty()) next = unproven_.begin()->first;
  if (!proven_.empty()) next = std::min(next, proven_.begin()->first);
  return next;
}

std::optional<size_t> StreamBook::TakeDue(Instant now) {
  if (!unproven_.empty() && unproven_.begin()->first <= now) return unproven_.begin()->second;
  while (!proven_.empty() && proven_.begin()->first <= now) {
    const size_t slot = proven_.begin()->second;
    Slot& s = slots_[slot];
    if (s.idle <= now) return slot;
    proven_.erase(proven_.begin());
    s.deadline = s.idle;
    proven_.emplace(s.deadline, slot);
  }
  return std::nullopt;
}

}  // namespace warp::map
