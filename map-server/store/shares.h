// Which network (network.h) has how much of a store's room, so that no network keeps out the others: not by many
// registrations, and not by long allow lists.
#ifndef WARP_MAP_SERVER_STORE_SHARES_H_
#define WARP_MAP_SERVER_STORE_SHARES_H_

#include <cstddef>
#include <cstdint>

#include "map-server/flat/id_index.h"
#include "map-server/flat/id_list.h"
#include "map-server/flat/rank_order.h"
#include "map-server/network.h"
#include "map-server/stored.h"

namespace warp::map {

class Shares {
 public:
  // Both outlive this.
  Shares(Slab<StoredRecord>& records, Slab<StoredRegistration>& registrations)
      : records_(records), registrations_(registrations), by_network_(shares_) {}

  // A registration is charged to the network of its address. It keeps that address until Remove.
  void Add(Id registration);
  void Remove(Id registration);
  // A record's allow list is charged to the network of its first registration. The record keeps the list until
  // RemoveList. An empty list is nothing.
  void AddList(Id record);
  void RemoveList(Id record);
  // Call it when the first registration of a record, which has one, is or may be another one, or has moved.
  void ChargeAnew(Id record);

  size_t registrations() const { return count_; }
  size_t allow() const { return allow_; }

  // The newest registration in the network that has most of them. kNoId where `newcomer`, with one more, would have as
  // many.
  Id Heaviest(Network newcomer) const;
  // The record of the newest long list in the network that has most entries beyond kAllowPerRegistration for each of
  // its registrations. kNoId where `newcomer`, with `ids` more entries, would be as far beyond.
  Id LargestExcess(Network newcomer, size_t ids) const;

 private:
  struct Share {
    Network network = 0;
    uint32_t count = 0;  // registrations
    uint32_t allow = 0;  // entries of lists
    IdList<StoredRegistration, &StoredRegistration::in_network> registrations;
    IdList<StoredRecord, &StoredRecord::long_list> long_lists;
    Links by_count;
    Links by_excess;

    int64_t excess() const;
  };
  Id Get(Network network);
  // Changes the numbers of a share and keeps the orders below. An empty share ends.
  void Change(Id share, int registrations, int64_t allow);

  Slab<StoredRecord>& records_;
  Slab<StoredRegistration>& registrations_;
  Slab<Share> shares_;
  IdIndex<Share, Network, &Share::network> by_network_;
  RankOrder<Share, &Share::by_count> by_count_;
  RankOrder<Share, &Share::by_excess> by_excess_;  // those beyond what is theirs
  size_t count_ = 0;
  size_t allow_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STORE_SHARES_H_
