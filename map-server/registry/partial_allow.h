// Allow lists that are arriving. The map asks a node for its list where the record's digest is another one, and the
// parts arrive in any order.
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

  // A registration of this order says that `digest` names the list of `id`. A registration of a lower order is ignored.
  // False where there is no room to take the list now.
  bool Request(Instant now, const KeyId& id, const AllowDigest& digest, Order order);

  enum class Verdict : uint8_t {
    kTaken,     // acknowledge it
    kComplete,  // acknowledge it; `list` is whole
    kUnwanted,  // the map has not asked for it
    kTooLong,   // more ids than this map takes from one node; no longer wanted
    kBad,       // the parts do not give what the digest says; no longer wanted
  };
  Verdict Take(const KeyId& id, const protocol::MapAllow& part, std::vector<KeyId>* list);

  // Forgets lists that were asked for too long ago. The next registration asks again.
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
