#include "map-server/stream/stream_book.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace warp::map {

using wire::Instant;

StreamBook::Limits StreamBook::Limits::For(size_t descriptors) {
  Limits limits;
  limits.streams = std::min(kMaxStreams, descriptors / 2);
  limits.unproven = std::min(kMaxUnprovenStreams, limits.streams / 8);
  return limits;
}

StreamBook::StreamBook(const Limits& limits)
    : limits_(limits),
      tokens_(limits.accept_burst, limits.accepted_per_second),
      handshakes_(limits.burst, limits.per_second) {}

StreamBook::Source StreamBook::SourceOf(const wire::IpAddress& address) {
  Source source;
  std::memcpy(&source.first, address.bytes().data(), 8);
  if (address.is_v4()) std::memcpy(&source.second, address.bytes().data() + 8, 8);
  return source;
}

// --- Rooms. ---

void StreamBook::Room::Add(Network network, uint64_t number, size_t slot) {
  Slots& slots = of_network_[network];
  by_size_.erase({slots.size(), network});
  slots.emplace(number, slot);
  by_size_.emplace(slots.size(), network);
  ++size_;
}

void StreamBook::Room::Remove(Network network, uint64_t number, size_t slot) {
  const auto it = of_network_.find(network);
  by_size_.erase({it->second.size(), network});
  it->second.erase({number, slot});
  --size_;
  if (it->second.empty()) {
    of_network_.erase(it);
  } else {
    by_size_.emplace(it->second.size(), network);
  }
}

std::optional<size_t> StreamBook::Room::Victim(Network newcomer, bool oldest) const {
  if (by_size_.empty()) return std::nullopt;
  const auto own = of_network_.find(newcomer);
  const size_t then = (own == of_network_.end() ? 0 : own->second.size()) + 1;
  const auto& [most, network] = *by_size_.rbegin();
  if (most <= then) return std::nullopt;
  const Slots& slots = of_network_.at(network);
  return oldest ? slots.begin()->second : slots.rbegin()->second;
}

std::optional<size_t> StreamBook::Room::Oldest(Network network) const {
  const auto it = of_network_.find(network);
  if (it == of_network_.end()) return std::nullopt;
  return it->second.begin()->second;
}

// --- They come. ---

std::optional<size_t> StreamBook::OldestStrangerOf(const Slots& slots) const {
  const auto stranger = std::find_if(
      slots.begin(), slots.end(), [this](const auto& one) { return !slots_[one.second].proven; });
  if (stranger == slots.end()) return std::nullopt;
  return stranger->second;
}

size_t StreamBook::StrangerToGo(Network newcomer) const {
  if (const auto victim = strangers_.Victim(newcomer, /*oldest=*/true)) return *victim;
  return strangers_.Oldest(newcomer).value_or(unproven_.begin()->second);
}

std::optional<size_t> StreamBook::Admit(Instant now, const wire::IpAddress& from,
                                        std::optional<size_t>* evicted) {
  evicted->reset();
  const Source source = SourceOf(from);
  const Network network = NetworkOf(from);
  const auto of_source = of_source_.find(source);
  if (of_source != of_source_.end() && of_source->second.size() >= limits_.of_source) {
    // Behind a NAT, whoever proves nothing keeps nobody out.
    *evicted = OldestStrangerOf(of_source->second);
    if (!evicted->has_value()) {
      ++refused_.source;
      return std::nullopt;
    }
  } else if (strangers_.size() >= limits_.unproven) {
    *evicted = StrangerToGo(network);
  }
  if (evicted->has_value()) {
    ++refused_.evicted;
    Release(**evicted);
  }
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const size_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = {.used = true,
                  .number = next_number_++,
                  .source = source,
                  .network = network,
                  .deadline = now + kStreamProof};
  of_source_[source].emplace(slots_[slot].number, slot);
  Enter(slot);
  ++size_;
  return slot;
}

void StreamBook::Enter(size_t slot) {
  const Slot& s = slots_[slot];
  SetOf(s).emplace(s.deadline, slot);
  RoomOf(s).Add(s.network, s.number, slot);
}

void StreamBook::Leave(size_t slot) {
  const Slot& s = slots_[slot];
  SetOf(s).erase({s.deadline, slot});
  RoomOf(s).Remove(s.network, s.number, slot);
}

void StreamBook::Queue(size_t slot) {
  Slot& s = slots_[slot];
  assert(s.used);
  if (std::exchange(s.queued, true)) return;
  const Id waits = waiting_.Make();
  waiting_[waits].slot = slot;
  waiting_[waits].number = s.number;
  handshakes_.Push(waiting_, s.network, waits);
}

std::optional<size_t> StreamBook::TakeHandshake(Instant now) {
  for (Id turn; (turn = handshakes_.Pop(waiting_, now)) != kNoId;) {
    const Handshake next = waiting_[turn];
    waiting_.Free(turn);
    Slot& s = slots_[next.slot];
    if (!s.used || s.number != next.number) continue;
    s.queued = false;
    if (!std::exchange(s.charged, true)) handshakes_.Charge(now);
    return next.slot;
  }
  return std::nullopt;
}

std::optional<size_t> StreamBook::NoteAuthentic(Instant now, size_t slot,
                                                const wire::PublicKey& key) {
  Slot& s = slots_[slot];
  assert(s.used);
  s.idle = now + kStreamIdle;
  if (s.proven) return std::nullopt;
  std::optional<size_t> victim;
  Slots& of_key = of_key_[key];
  if (of_key.size() >= limits_.of_key) {
    // A node that comes back has left the oldest behind.
    victim = of_key.begin()->second;
    ++refused_.key;
  } else if (nodes_.size() >= limits_.streams - limits_.unproven) {
    victim = nodes_.Victim(s.network, /*oldest=*/false);
    ++(victim.has_value() ? refused_.evicted : refused_.full);
    if (!victim.has_value()) {
      if (of_key.empty()) of_key_.erase(key);
      return slot;
    }
  }
  Leave(slot);
  s.proven = true;
  s.key = key;
  s.deadline = s.idle;
  of_key.emplace(s.number, slot);
  Enter(slot);
  return victim;
}

// --- They go. ---

void StreamBook::Release(size_t slot) {
  Slot& s = slots_[slot];
  assert(s.used);
  Leave(slot);
  const auto forget = [&](auto& of, const auto& whose) {
    const auto it = of.find(whose);
    it->second.erase({s.number, slot});
    if (it->second.empty()) of.erase(it);
  };
  forget(of_source_, s.source);
  if (s.proven) forget(of_key_, s.key);
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
