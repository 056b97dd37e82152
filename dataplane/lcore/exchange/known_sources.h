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

#include "dataplane/wire/arrival.h"
#include "dataplane/wire/endpoint.h"

namespace warp::lcore {

class KnownSources {
 public:
  // --- Control. ---
  // A place for so many endpoints.
  explicit KnownSources(size_t endpoints);
  // A hash costs some 30 ns, so that control keeps those of the peers that did not change.
  static uint64_t Hash(wire::PortId port, const wire::Endpoint& endpoint);
  void Add(uint64_t hash);

  // --- Any worker. ---
  bool Has(wire::PortId port, const wire::Endpoint& endpoint) const {
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
  static uint32_t Fingerprint(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | 1; }

  // Fingerprints, 0: free. Their number is a power of two, and at most half of them are taken.
  std::vector<uint32_t> slots_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_KNOWN_SOURCES_H_
