#include "control/protocol/handshake/source_budget.h"

#include <bit>

namespace warp::protocol {

SourceBudget::SourceBudget(const SourceRates& rates) : rates_(rates) {
  crypto_shorthash_keygen(key_.data());
}

bool SourceBudget::Has(Instant now, const wire::IpAddress& from) const {
  return addresses_[Address(from)].Has(now, rates_.address) &&
         networks_[Network(from)].Has(now, rates_.network);
}

bool SourceBudget::Take(Instant now, const wire::IpAddress& from) {
  return Has(now, from) && addresses_[Address(from)].Take(now, rates_.address) &&
         networks_[Network(from)].Take(now, rates_.network);
}

size_t SourceBudget::Address(const wire::IpAddress& from) const {
  return Hash(from, from.bytes().size());
}

size_t SourceBudget::Network(const wire::IpAddress& from) const {
  return Hash(from, from.is_v4() ? 12 + 3 : 6);
}

size_t SourceBudget::Hash(const wire::IpAddress& from, size_t size) const {
  std::array<uint8_t, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), from.bytes().data(), size, key_.data());
  return std::bit_cast<uint64_t>(hash) % kBuckets;
}

}  // namespace warp::protocol
