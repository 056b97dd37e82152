#include "control/protocol/handshake/fair_budget.h"

#include <algorithm>
#include <cstring>

namespace warp::protocol {
namespace {

constexpr size_t kNetworkSizeV6 = 7;       // bytes of the address: a /56
constexpr size_t kNetworkSizeV4 = 12 + 3;  // of the IPv4-mapped address: a /24

uint32_t Share(uint32_t whole) { return std::max<uint32_t>(whole / kBudgetShares, 1); }

}  // namespace

FairBudget::FairBudget(uint32_t burst, uint32_t per_second)
    : all_(burst, per_second),
      shares_(kBudgetBuckets, TokenBucket(Share(burst), Share(per_second))) {
  crypto_shorthash_keygen(hash_key_.data());
}

bool FairBudget::Take(Instant now, const wire::IpAddress& from) {
  // A share is charged only while it counts. Then mac2 has proved the source address, so that nobody can use up the
  // share of another network beforehand.
  return (!under_load(now) || ShareOf(from).Take(now)) && all_.Take(now);
}

TokenBucket& FairBudget::ShareOf(const wire::IpAddress& from) {
  const size_t size = from.is_v4() ? kNetworkSizeV4 : kNetworkSizeV6;
  std::array<uint8_t, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), from.bytes().data(), size, hash_key_.data());
  uint64_t number;
  std::memcpy(&number, hash.data(), sizeof(number));
  return shares_[number % shares_.size()];
}

}  // namespace warp::protocol
