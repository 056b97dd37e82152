#include "map-server/store/memory_store.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

namespace warp::map {

MemoryStore::MemoryStore(const Limits& limits)
    : limits_(limits), by_tag_(records_), shares_(records_, registrations_) {
  const size_t ready = std::min(limits.registrations, kReserveAtMost);
  by_tag_.Reserve(ready);
  timers_.reserve(ready);
}

void MemoryStore::ShowTag(KeyTag tag, const Found& found, Instant now) const {
  const Id id = by_tag_.Find(tag);
  if (id == kNoId) return found(now, nullptr);
  const Record record(records_[id], registrations_);
  found(now, &record);
}

void MemoryStore::PushChanged(KeyTag tag) {
  Push([this, tag](Instant now) {
    ShowTag(
        tag,
        [this](Instant at, const Record* record) {
          if (record != nullptr) NotifyChanged(at, KeyId::Of(record->key()), *record);
        },
        now);
  });
}

void MemoryStore::GetAllowed(KeyTag tag, Found found) {
  Push([this, tag, found = std::move(found)](Instant now) { ShowTag(tag, found, now); });
}

void MemoryStore::PutRegistration(const wire::PublicKey& key, const KeyId& id,
                                  Registration registration, PutDone done) {
  const KeyTag tag = TagOf(id);
  const auto answer = [&](Put put) {
    Push([this, tag, put, done = std::move(done)](Instant now) {
      if (put != Put::kApplied && put != Put::kStale) return done(now, put, nullptr);
      ShowTag(
          tag, [&](Instant at, const Record* record) { done(at, put, record); }, now);
    });
  };
  Id record = by_tag_.Find(tag);
  if (record != kNoId && records_[record].key != key)
    return answer(Put::kFull);  // as good as never

  size_t ports = 0;
  for (Id r = record == kNoId ? kNoId : records_[record].first; r != kNoId;
       r = registrations_[r].next) {
    const StoredRegistration& standing = registrations_[r];
    if (standing.port == registration.port &&
        standing.v6() == !registration.observed.address.is_v4()) {
      if (standing.order >= registration.order) return answer(Put::kStale);
      const bool changed = Replace(r, registration);
      answer(Put::kApplied);
      if (changed) PushChanged(tag);
      return;
    }
    ++ports;
  }

  if (ports >= limits_.ports_per_key) return answer(Put::kTooManyPorts);
  // Making room may take the last registration of this very record, which then has none until its timer.
  if (!MakeRoom(NetworkOf(registration.observed.address))) return answer(Put::kFull);
  if (record == kNoId) {
    record = records_.Make();
    records_[record].key = key;
    records_[record].tag = tag;
    by_tag_.Add(record);
    AddTimer({StoredRegistration::Ticks(registration.expires), record});
  }
  const Id made = registrations_.Make();
  StoredRegistration& stored = registrations_[made];
  stored.port = registration.port;
  stored.record = record;
  Id* link = &records_[record].first;
  while (*link != kNoId) link = &registrations_[*link].next;
  *link = made;
  Fill(stored, registration);
  shares_.Add(made);
  answer(Put::kApplied);
  PushChanged(tag);
}

bool MemoryStore::Fill(StoredRegistration& stored, const Registration& registration) {
  const bool moved = stored.observed != registration.observed ||
                     IsStream(stored.local_address) != IsStream(registration.local_address);
  stored.local_address = registration.local_address;
  stored.observed = registration.observed;
  stored.order = registration.order;
  stored.expires_ticks = StoredRegistration::Ticks(registration.expires);
  const bool others = stored.candidates.Set(registration.Candidates());
  return moved || others;
}

bool MemoryStore::Replace(Id standing, const Registration& registration) {
  StoredRegistration& stored = registrations_[standing];
  if (NetworkOf(stored.observed.address) == NetworkOf(registration.observed.address))
    return Fill(stored, registration);
  shares_.Remove(standing);
  Fill(stored, registration);
  shares_.Add(standing);
  shares_.ChargeAnew(stored.record);
  return true;
}

void MemoryStore::Withdraw(Instant, const KeyId& id, uint16_t port, Order order) {
  const KeyTag tag = TagOf(id);
  const Id record = by_tag_.Find(tag);
  if (record == kNoId) return;
  bool changed = false;
  for (Id r = records_[record].first; r != kNoId; r = registrations_[r].next) {
    StoredRegistration& registration = registrations_[r];
    if (port != protocol::kMapAllPorts && registration.port != port) continue;
    if (registration.order >= order) continue;
    changed = changed || registration.live();
    registration.order = order;
    registration.observed.port = 0;  // the rest of the address keeps the family
    registration.candidates.Set({});
  }
  if (changed) PushChanged(tag);
}

void MemoryStore::Forget(const KeyId& id) {
  const Id record = by_tag_.Find(TagOf(id));
  if (record == kNoId) return;
  while (records_[record].first != kNoId) RemoveRegistration(records_[record].first);
}

bool MemoryStore::Show(const KeyId& id, See see) const {
  const Id record = by_tag_.Find(TagOf(id));
  return record != kNoId && ShowAt(record, see);
}

bool MemoryStore::ShowAt(Id number, See see) const {
  if (number >= records_.end() || records_[number].key.is_zero()) return false;
  see(Record(records_[number], registrations_));
  return true;
}

void MemoryStore::PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                           AllowDone done) {
  const auto answer = [&](bool applied) {
    Push([applied, done = std::move(done)](Instant now) { done(now, applied); });
  };
  const KeyTag tag = TagOf(id);
  const Id found = by_tag_.Find(tag);
  if (found == kNoId || ids.size() > limits_.allow_per_key) return answer(false);
  StoredRecord& record = records_[found];
  if (record.digest == digest) return answer(true);
  if (record.first == kNoId) return answer(false);
  std::vector<KeyTag> tags(ids.size());
  std::transform(ids.begin(), ids.end(), tags.begin(), TagOf);
  std::sort(tags.begin(), tags.end());
  const Network network = NetworkOf(registrations_[record.first].observed.address);
  // The list that stands is given up for the new one, and stands again where that finds no room.
  const AllowDigest old_digest = record.digest;
  const std::vector<KeyTag> old(record.allow.tags().begin(), record.allow.tags().end());
  SetList(found, {}, {});
  if (!MakeRoomForList(network, tags.size())) {
    SetList(found, old_digest, old);
    return answer(false);
  }
  SetList(found, digest, tags);
  answer(true);
  PushChanged(tag);
}

void MemoryStore::SetList(Id record, const AllowDigest& digest, std::span<const KeyTag> tags) {
  shares_.RemoveList(record);
  records_[record].digest = digest;
  records_[record].allow.Set(tags);
  shares_.AddList(record);
}

void MemoryStore::RemoveRegistration(Id registration) {
  const Id record = registrations_[registration].record;
  Id* link = &records_[record].first;
  while (*link != registration) link = &registrations_[*link].next;
  *link = registrations_[registration].next;
  shares_.Remove(registration);
  registrations_.Free(registration);
  // A record without registrations lives until its timer.
  if (records_[record].first == kNoId) {
    SetList(record, {}, {});
  } else {
    shares_.ChargeAnew(record);
  }
}

// Where all registrations are taken, the network that has most of them loses one, unless the newcomer's network would
// then have as many.
bool MemoryStore::MakeRoom(Network network) {
  if (shares_.registrations() < limits_.registrations) return true;
  const Id victim = shares_.Heaviest(network);
  if (victim == kNoId) return false;
  const KeyTag tag = records_[registrations_[victim].record].tag;
  RemoveRegistration(victim);
  PushChanged(tag);
  return true;
}

// The same for the entries of allow lists. Each network has as many as its registrations bring (kAllowPerRegistration);
// what others have beyond that makes room.
bool MemoryStore::MakeRoomForList(Network network, size_t ids) {
  while (shares_.allow() + ids > limits_.allow) {
    const Id victim = shares_.LargestExcess(network, ids);
    if (victim == kNoId) return false;
    SetList(victim, {}, {});
    PushChanged(records_[victim].tag);
  }
  return true;
}

// --- Time. ---

void MemoryStore::AddTimer(Timer timer) {
  timers_.push_back(timer);
  std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
}

void MemoryStore::Expire(Instant now) {
  while (!timers_.empty() && StoredRegistration::FromTicks(timers_.front().ticks) <= now) {
    const Id record = timers_.front().record;
    std::pop_heap(timers_.begin(), timers_.end(), std::greater<>());
    timers_.pop_back();
    ExpireRecord(now, record);
  }
}

void MemoryStore::ExpireRecord(Instant now, Id record) {
  const KeyTag tag = records_[record].tag;
  bool changed = false;
  uint32_t next = UINT32_MAX;
  for (Id r = records_[record].first; r != kNoId;) {
    const Id following = registrations_[r].next;
    if (registrations_[r].expires() <= now) {
      changed = changed || registrations_[r].live();
      RemoveRegistration(r);
    } else {
      next = std::min(next, registrations_[r].expires_ticks);
    }
    r = following;
  }
  if (records_[record].first == kNoId) {
    by_tag_.Remove(record);
    records_.Free(record);
    return;
  }
  AddTimer({next, record});
  if (changed) PushChanged(tag);
}

Instant MemoryStore::NextTimeout() const {
  return timers_.empty() ? wire::kNever : StoredRegistration::FromTicks(timers_.front().ticks);
}

}  // namespace warp::map
