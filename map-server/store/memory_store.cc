#include "map-server/store/memory_store.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace warp::map {
namespace {

bool SamePlace(const Registration& a, const Registration& b) {
  return a.port == b.port && a.v6() == b.v6();
}

bool SameEndpoints(const Registration& a, const Registration& b) {
  return a.observed == b.observed && std::equal(a.Candidates().begin(), a.Candidates().end(),
                                                b.Candidates().begin(), b.Candidates().end());
}

}  // namespace

const Record* MemoryStore::Find(const KeyId& id) const {
  const auto it = records_.find(id);
  return it == records_.end() ? nullptr : it->second.get();
}

void MemoryStore::PushChanged(const KeyId& id) {
  Push([this, id](Instant now) {
    if (const Record* record = Find(id); record != nullptr) NotifyChanged(now, id, *record);
  });
}

void MemoryStore::Get(const KeyId& id, Found found) {
  Push([this, id, found = std::move(found)](Instant now) { found(now, Find(id)); });
}

void MemoryStore::PutRegistration(const wire::PublicKey& key, const KeyId& id,
                                  Registration registration, PutDone done) {
  const auto answer = [&](Put put) {
    Push([this, id, put, done = std::move(done)](Instant now) {
      done(now, put, put == Put::kApplied || put == Put::kStale ? Find(id) : nullptr);
    });
  };
  const auto it = records_.find(id);
  Record* record = it == records_.end() ? nullptr : it->second.get();

  Registration* standing = nullptr;
  if (record != nullptr) {
    for (const auto& candidate : record->registrations()) {
      if (SamePlace(*candidate, registration)) standing = candidate.get();
    }
  }
  if (standing != nullptr) {
    if (standing->order >= registration.order) return answer(Put::kStale);
    const bool changed = !SameEndpoints(*standing, registration);
    *standing = std::move(registration);
    answer(Put::kApplied);
    if (changed) PushChanged(id);
    return;
  }

  if (total_ >= limits_.registrations) return answer(Put::kFull);
  if (record != nullptr && record->registrations().size() >= limits_.ports_per_key) {
    return answer(Put::kTooManyPorts);
  }
  if (record == nullptr) {
    record = records_.try_emplace(id, std::make_unique<Record>(key)).first->second.get();
    timers_.push_back({registration.expires, id});
    std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
  }
  record->mutable_registrations().push_back(
      std::make_unique<Registration>(std::move(registration)));
  ++total_;
  answer(Put::kApplied);
  PushChanged(id);
}

void MemoryStore::Withdraw(Instant, const KeyId& id, uint16_t port, Order order) {
  const auto it = records_.find(id);
  if (it == records_.end()) return;
  bool changed = false;
  for (const auto& registration : it->second->registrations()) {
    if (port != protocol::kMapAllPorts && registration->port != port) continue;
    if (registration->order >= order) continue;
    changed = changed || registration->live();
    registration->order = order;
    registration->observed.port = 0;  // the rest of the address keeps the family
    registration->candidates.reset();
    registration->candidate_count = 0;
  }
  if (changed) PushChanged(id);
}

void MemoryStore::PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                           AllowDone done) {
  const auto answer = [&](bool applied) {
    Push([applied, done = std::move(done)](Instant now) { done(now, applied); });
  };
  const auto it = records_.find(id);
  if (it == records_.end() || ids.size() > limits_.allow_per_key) return answer(false);
  Record& record = *it->second;
  if (record.allow_digest() == digest) return answer(true);
  assert(allow_total_ >= record.allow().size());
  const size_t total = allow_total_ - record.allow().size() + ids.size();
  if (total > limits_.allow) return answer(false);
  allow_total_ = total;
  record.SetAllow(digest, ids);
  answer(true);
  PushChanged(id);
}

void MemoryStore::Expire(Instant now) {
  while (!timers_.empty() && timers_.front().when <= now) {
    const KeyId id = timers_.front().id;
    std::pop_heap(timers_.begin(), timers_.end(), std::greater<>());
    timers_.pop_back();
    ExpireRecord(now, id);
  }
}

void MemoryStore::ExpireRecord(Instant now, const KeyId& id) {
  const auto it = records_.find(id);
  assert(it != records_.end());  // each record has one timer, which ends with it
  Record& record = *it->second;
  auto& registrations = record.mutable_registrations();
  bool changed = false;
  Instant next = wire::kNever;
  for (const auto& registration : registrations) {
    if (registration->expires <= now) {
      changed = changed || registration->live();
    } else {
      next = std::min(next, registration->expires);
    }
  }
  const size_t expired =
      std::erase_if(registrations, [now](const auto& r) { return r->expires <= now; });
  assert(total_ >= expired);
  total_ -= expired;
  if (registrations.empty()) {
    assert(allow_total_ >= record.allow().size());
    allow_total_ -= record.allow().size();
    records_.erase(it);
    return;
  }
  assert(next > now && next != wire::kNever);
  timers_.push_back({next, id});
  std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
  if (changed) PushChanged(id);
}

Instant MemoryStore::NextTimeout() const {
  return timers_.empty() ? wire::kNever : timers_.front().when;
}

}  // namespace warp::map
