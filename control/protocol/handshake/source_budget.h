// What one source may ask for: an address, and its network (an IPv4 /24, an IPv6 /48), each with a share of its own.
// The shares are in a fixed number of buckets, in which a keyed hash puts them, so that no flood of sources costs
// memory.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_SOURCE_BUDGET_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_SOURCE_BUDGET_H_

#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/protocol/small_bucket.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

struct SourceRates {
  BucketRate address;
  BucketRate network;
};

class SourceBudget {
 public:
  explicit SourceBudget(const SourceRates& rates);

  // Whether there is a token for a sender at `from`, of its address and of its network.
  bool Has(Instant now, const wire::IpAddress& from) const;
  // Takes one of both, if there are.
  bool Take(Instant now, const wire::IpAddress& from);

 private:
  static constexpr size_t kBuckets = size_t{1} << 16;  // of each kind

  // The bucket of the first `size` bytes.
  size_t Hash(const wire::IpAddress& from, size_t size) const;
  size_t Address(const wire::IpAddress& from) const;
  size_t Network(const wire::IpAddress& from) const;

  const SourceRates rates_;
  std::array<uint8_t, crypto_shorthash_KEYBYTES> key_;
  std::vector<SmallBucket> addresses_ = std::vector<SmallBucket>(kBuckets);
  std::vector<SmallBucket> networks_ = std::vector<SmallBucket>(kBuckets);
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_SOURCE_BUDGET_H_
