// Allow lists on their way: the map asked for one (its digest is not the record's), and its parts
// arrive in any order.
#ifndef WARP_MAP_SERVER_REGISTRY_PARTIAL_ALLOW_H_
#define WARP_MAP_SERVER_REGISTRY_PARTIAL_ALLOW_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/map/map_message.h"
#include "dataplane/wire/time.h"
#include "map-server/record.h"

namespace warp::map {

class PartialAllow {
 public:
  struct Limits {
    size_t lists = 0;     // at once, one for each node
    size_t list_ids = 0;  // ids in one
  };
  explicit PartialAllow(const Limits& limits) : limits_(limits) {}

  // The list of `id` shall be the one that `digest` names: said by a registration of this order,
  // older ones are ignored. False where there is no room to take it now.
  bool Want(Instant now, const KeyId& id, const AllowDigest& digest, Order order);

  enum class Verdict : uint8_t {
    kTaken,     // acknowledge it
    kComplete,  // acknowledge it; `list` has the whole list
    kUnwanted,  // not asked for
    kTooLong,   // more ids than this map takes from one node; no longer wanted
    kBad,       // the parts do not give what the digest says; no longer wanted
  };
  Verdict Take(const KeyId& id, const protocol::MapAllow& part, std::vector<KeyId>* list);

  // Forgets lists that were asked for too long ago; the next registration asks again.
  void Expire(Instant now);
  Instant NextTimeout() const;  // kNever for never

 private:
  struct List {
    AllowDigest digest;
    Order order;
    Instant begun;
    std::vector<KeyId> ids;   // as many as the first part said; zeros where not arrived
    std::vector<bool> parts;  // which have arrived
  };

  const Limits limits_;
  absl::flat_hash_map<KeyId, List> lists_;
  std::deque<std::pair<Instant, KeyId>> begun_;  // oldest first; may name lists that are gone
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_PARTIAL_ALLOW_H_
