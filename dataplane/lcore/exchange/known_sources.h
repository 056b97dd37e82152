// Where the paths of all peers lead to, so that an initiation from there is told from a stranger's by one look.
//
// It keeps a hash of each (port, endpoint) under a random key. A stranger can be taken for known by chance, once in
// thousands of millions of endpoints, and then waits in the better line; nothing else follows from it.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_KNOWN_SOURCES_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_KNOWN_SOURCES_H_

#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/endpoint.h"

namespace warp::lcore {

class KnownSources {
 public:
  // Control.
  explicit KnownSources(const Snapshot& snapshot);

  // Any worker.
  bool Has(PortId port, const wire::Endpoint& endpoint) const {
    const uint64_t hash = Hash(port, endpoint);
    for (size_t slot = hash & mask();; slot = (slot + 1) & mask()) {
      if (slots_[slot] == 0) return false;
      if (slots_[slot] == Fingerprint(hash)) return true;
    }
  }

 private:
  size_t mask() const { return slots_.size() - 1; }
  using Key = std::array<uint8_t, crypto_shorthash_KEYBYTES>;
  static const Key& ProcessKey();
  uint64_t Hash(PortId port, const wire::Endpoint& endpoint) const;
  static uint32_t Fingerprint(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | 1; }

  const Key key_;
  std::vector<uint32_t>
      slots_;  // fingerprints, 0: free; a power of two, at most half of it is taken
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_KNOWN_SOURCES_H_
