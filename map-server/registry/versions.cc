#include "map-server/registry/versions.h"

#include <sodium.h>

namespace warp::map {

using protocol::KeyId;

Versions::Versions(size_t most) : most_(most), first_(uint64_t{randombytes_random()} << 32) {}

void Versions::Miss(const KeyId& id) {
  // No version is used twice, so that a node which was forgotten and misses something again sees a change.
  const uint64_t number = ++misses_;
  const auto [it, fresh] = missed_.try_emplace(id, number);
  if (!fresh) {
    by_number_.erase(it->second);
    it->second = number;
  }
  by_number_.emplace(number, id);
  if (missed_.size() > most_) {
    missed_.erase(by_number_.begin()->second);
    by_number_.erase(by_number_.begin());
  }
}

void Versions::MissAll() { first_ += uint64_t{1} << 32; }

uint64_t Versions::Of(const KeyId& id) const {
  const auto it = missed_.find(id);
  return first_ + (it == missed_.end() ? 0 : it->second);
}

}  // namespace warp::map
