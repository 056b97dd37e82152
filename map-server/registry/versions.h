// The version of what each node was told. It changes when a push to the node is given up, and the node sees it in the
// answer to its next register, and then looks its peers up.
#ifndef WARP_MAP_SERVER_REGISTRY_VERSIONS_H_
#define WARP_MAP_SERVER_REGISTRY_VERSIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "control/protocol/map/key_id.h"
#include "map-server/flat/keyed_hash.h"

namespace warp::map {

class Versions {
 public:
  // Remembers as many nodes as `most`. Whoever missed something longest ago is forgotten first. Its version changes
  // once more by that, so it looks its peers up in vain once, and nobody else does.
  explicit Versions(size_t most);

  void Miss(const protocol::KeyId& id);
  // Everybody may have missed something.
  void MissAll();
  uint64_t Of(const protocol::KeyId& id) const;

 private:
  const size_t most_;
  // Random, so that another life of the map has other versions; MissAll makes it another one.
  uint64_t first_;
  uint64_t misses_ = 0;
  KeyedMap<protocol::KeyId, uint64_t> missed_;  // the number of the last miss
  std::map<uint64_t, protocol::KeyId> by_number_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_VERSIONS_H_
