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
    if (NetworkOf(standing->observed.address) == NetworkOf(registration.observed.address)) {
      registration.share = standing->share;
      *standing = std::move(registration);
    } else {
      shares_.Remove(standing);
      *standing = std::move(registration);
      shares_.Add(record, standing);
    }
    answer(Put::kApplied);
    if (changed) PushChanged(id);
    return;
  }

  if (record != nullptr && record->registrations().size() >= limits_.ports_per_key) {
    return answer(Put::kTooManyPorts);
  }
  if (!MakeRoom(NetworkOf(registration.observed.address))) return answer(Put::kFull);
  if (record == nullptr) {
    record = records_.try_emplace(id, std::make_unique<Record>(key)).first->second.get();
    timers_.push_back({registration.expires, id});
    std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
  }
  record->mutable_registrations().push_back(
      std::make_unique<Registration>(std::move(registration)));
  shares_.Add(record, record->registrations().back().get());
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
  if (record.registrations().empty()) return answer(false);
  const Network network = NetworkOf(record.registrations().front()->observed.address);
  // The list that stands is given up for the new one, and stands again where that finds no room.
  const AllowDigest old_digest = record.allow_digest();
  const std::vector<KeyId> old(record.allow().begin(), record.allow().end());
  SetList(record, {}, {});
  if (!MakeRoomForList(network, ids.size())) {
    SetList(record, old_digest, old);
    return answer(false);
  }
  SetList(record, digest, ids);
  answer(true);
  PushChanged(id);
}

void MemoryStore::SetList(Record& record, const AllowDigest& digest, std::span<const KeyId> ids) {
  shares_.RemoveList(&record);
  record.SetAllow(digest, ids);
  shares_.AddList(&record);
}

// Where all registrations are taken, the network that has most of them loses one, unless the newcomer's network would
// then have as many.
bool MemoryStore::MakeRoom(Network network) {
  if (shares_.registrations() < limits_.registrations) return true;
  const std::optional<Shares::Place> victim = shares_.Heaviest(network);
  if (!victim.has_value()) return false;
  Record& record = *victim->record;
  const KeyId id = KeyId::Of(record.key());
  shares_.Remove(victim->registration);
  std::erase_if(record.mutable_registrations(),
                [&](const auto& r) { return r.get() == victim->registration; });
  // A record without registrations lives until its timer.
  if (record.registrations().empty()) SetList(record, {}, {});
  PushChanged(id);
  return true;
}

// The same for the entries of allow lists. Each network has as many as its registrations bring (kAllowPerRegistration);
// what others have beyond that makes room.
bool MemoryStore::MakeRoomForList(Network network, size_t ids) {
  while (shares_.allow() + ids > limits_.allow) {
    Record* const victim = shares_.LargestExcess(network, ids);
    if (victim == nullptr) return false;
    SetList(*victim, {}, {});
    PushChanged(KeyId::Of(victim->key()));
  }
  return true;
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
  for (const auto& registration : registrations) {
    if (registration->expires <= now) shares_.Remove(registration.get());
  }
  std::erase_if(registrations, [now](const auto& r) { return r->expires <= now; });
  if (registrations.empty()) {
    shares_.RemoveList(&record);
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
