#include "dataplane/lcore/exchange/known_sources.h"

#include <bit>

namespace warp::lcore {

// Nobody else knows it, so nobody can choose endpoints that look alike.
const KnownSources::Key& KnownSources::ProcessKey() {
  static const Key key = [] {
    Key random;
    crypto_shorthash_keygen(random.data());
    return random;
  }();
  return key;
}

KnownSources::KnownSources(size_t endpoints) : slots_(std::bit_ceil(2 * endpoints + 1)) {}

void KnownSources::Add(uint64_t hash) {
  size_t slot = hash & mask();
  while (slots_[slot] != 0) {
    // Many peers may name the same endpoint. If each took a slot, all would have to be passed for the next.
    if (slots_[slot] == Fingerprint(hash)) return;
    slot = (slot + 1) & mask();
  }
  slots_[slot] = Fingerprint(hash);
}

uint64_t KnownSources::Hash(wire::PortId port, const wire::Endpoint& endpoint) {
  std::array<uint8_t, 20> text;
  std::memcpy(text.data(), endpoint.address.bytes().data(), 16);
  std::memcpy(text.data() + 16, &endpoint.port, 2);
  std::memcpy(text.data() + 18, &port, 2);
  uint64_t hash;
  static_assert(sizeof(hash) == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<uint8_t*>(&hash), text.data(), text.size(),
                   ProcessKey().data());
  return hash;
}

}  // namespace warp::lcore
