// Which network (network.h) has how much of a store's room, so that no network keeps out the others: not by many
// registrations, and not by long allow lists.
#ifndef WARP_MAP_SERVER_STORE_SHARES_H_
#define WARP_MAP_SERVER_STORE_SHARES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "map-server/network.h"
#include "map-server/record.h"

namespace warp::map {

class Shares {
 public:
  struct Place {
    Record* record = nullptr;
    Registration* registration = nullptr;
  };

  // A registration is charged to the network of its address. It keeps that address until Remove.
  void Add(Record* record, Registration* registration);
  void Remove(Registration* registration);
  // A record's allow list is charged to the network of its first registration. The record keeps the list until
  // RemoveList. An empty list is nothing.
  void AddList(Record* record);
  void RemoveList(Record* record);

  size_t registrations() const { return registrations_; }
  size_t allow() const { return allow_; }

  // The newest registration in the network that has most of them. nullopt where `newcomer`, with one more, would have
  // as many.
  std::optional<Place> Heaviest(Network newcomer) const;
  // The newest list in the network that has most entries beyond kAllowPerRegistration for each of its registrations.
  // Null where `newcomer`, with `ids` more entries, would be as far beyond.
  Record* LargestExcess(Network newcomer, size_t ids) const;

 private:
  struct Share {
    std::vector<Place> places;
    std::vector<Record*> lists;
    size_t allow = 0;

    int64_t excess() const;
    bool empty() const { return places.empty() && lists.empty(); }
  };
  // Changes a share and keeps the orders below.
  template <typename Change>
  void Update(Network network, const Change& change);

  absl::flat_hash_map<Network, Share> shares_;
  std::set<std::pair<size_t, Network>> by_registrations_;
  std::set<std::pair<int64_t, Network>> by_excess_;
  size_t registrations_ = 0;
  size_t allow_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STORE_SHARES_H_
