// Finds things in a Slab by a key that is a member of them: a hash table of 5 bytes a place.
#ifndef WARP_MAP_SERVER_FLAT_ID_INDEX_H_
#define WARP_MAP_SERVER_FLAT_ID_INDEX_H_

#include <algorithm>
#include <cstddef>

#include "absl/container/flat_hash_set.h"
#include "map-server/flat/keyed_hash.h"
#include "map-server/flat/slab.h"

namespace warp::map {

// `things` outlives this. The hash is keyed, so that nobody outside can choose keys that collide.
template <typename T, typename Key, Key T::*kKey>
class IdIndex {
 public:
  explicit IdIndex(const Slab<T>& things) : ids_(0, Hash{&things, {}}, Equal{&things}) {}

  // Takes the room of so many at once, of which the kernel gives what is used. So the table need not be made anew while
  // the map serves.
  void Reserve(size_t count) { ids_.reserve(count); }

  Id Find(const Key& key) const {
    const auto it = ids_.find(Probe{key});
    return it == ids_.end() ? kNoId : *it;
  }
  void Add(Id id) { ids_.insert(id); }
  void Remove(Id id) { ids_.erase(id); }
  size_t size() const { return ids_.size(); }

 private:
  struct Probe {
    const Key& key;
  };
  struct Hash {
    using is_transparent = void;
    const Slab<T>* things;
    KeyedHash keyed;
    size_t operator()(Id id) const { return keyed.Of((*things)[id].*kKey); }
    size_t operator()(const Probe& probe) const { return keyed.Of(probe.key); }
  };
  struct Equal {
    using is_transparent = void;
    const Slab<T>* things;
    bool operator()(Id a, Id b) const { return a == b; }
    bool operator()(Id a, const Probe& b) const { return (*things)[a].*kKey == b.key; }
    bool operator()(const Probe& a, Id b) const { return (*things)[b].*kKey == a.key; }
  };

  absl::flat_hash_set<Id, Hash, Equal> ids_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_FLAT_ID_INDEX_H_
