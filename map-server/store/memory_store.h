// Registrations in this process's memory, bounded. docs/map-server.md has the bytes for each. Shares decides whose go
// where there is no room left.
#ifndef WARP_MAP_SERVER_STORE_MEMORY_STORE_H_
#define WARP_MAP_SERVER_STORE_MEMORY_STORE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "map-server/constants.h"
#include "map-server/flat/id_index.h"
#include "map-server/store/shares.h"
#include "map-server/store/store.h"

namespace warp::map {

class MemoryStore : public Store {
 public:
  struct Limits {
    size_t registrations = 1'000'000;
    size_t ports_per_key = kMaxPortsPerKey;
    size_t allow_per_key = kMaxAllowPerKey;
    size_t allow = kAllowPerRegistration * 1'000'000;  // entries of all lists together
  };
  explicit MemoryStore(const Limits& limits);

  void Get(const KeyId& id, Found found) override { GetAllowed(TagOf(id), std::move(found)); }
  void GetAllowed(KeyTag tag, Found found) override;
  void PutRegistration(const wire::PublicKey& key, const KeyId& id, Registration registration,
                       PutDone done) override;
  void Withdraw(Instant now, const KeyId& id, uint16_t port, Order order) override;
  void PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                AllowDone done) override;
  void Forget(const KeyId& id) override;
  bool Show(const KeyId& id, See see) const override;
  bool ShowAt(Id number, See see) const override;
  Id shown_end() const override { return records_.end(); }
  void Expire(Instant now) override;
  Instant NextTimeout() const override;
  uint64_t registrations() const override { return shares_.registrations(); }
  size_t keys() const { return records_.size(); }
  size_t allow_entries() const { return shares_.allow(); }

 private:
  // There is one entry for each key, at the earliest time at which one of its registrations may expire. Refreshes do
  // not touch it: an entry that comes too early is put off then. So a registration costs the queue one move in each
  // lifetime.
  struct Timer {
    uint32_t ticks;
    Id record;
    friend bool operator>(const Timer& a, const Timer& b) { return a.ticks > b.ticks; }
  };

  // Replaces one that stands, by a later one of the same place.
  // Both say whether the endpoints are others than before.
  bool Replace(Id standing, const Registration& registration);
  static bool Fill(StoredRegistration& stored, const Registration& registration);
  // Shows the record of a tag as it is then; null where there is none.
  void ShowTag(KeyTag tag, const Found& found, Instant now) const;
  void PushChanged(KeyTag tag);
  void ExpireRecord(Instant now, Id record);
  void AddTimer(Timer timer);
  void RemoveRegistration(Id registration);
  bool MakeRoom(Network network);
  bool MakeRoomForList(Network network, size_t ids);
  void SetList(Id record, const AllowDigest& digest, std::span<const KeyTag> tags);

  const Limits limits_;
  Slab<StoredRecord> records_;
  Slab<StoredRegistration> registrations_;
  IdIndex<StoredRecord, KeyTag, &StoredRecord::tag> by_tag_;
  std::vector<Timer> timers_;  // a heap, earliest first
  Shares shares_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STORE_MEMORY_STORE_H_
