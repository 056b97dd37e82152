// Tells the networks apart that datagrams come from: an IPv4 /24, an IPv6 /48. Whoever has one address there mostly has
// them all, so that what senders share is divided between networks, not between addresses. A /48 is what anybody gets
// for one tunnel of a broker; of narrower networks, such as a /56, he would have 256.
//
// The hash is keyed (SipHash), so that nobody can choose whose bucket to share.
#ifndef WARP_DATAPLANE_WIRE_NETWORK_HASH_H_
#define WARP_DATAPLANE_WIRE_NETWORK_HASH_H_

#include <sodium.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/wire/endpoint.h"

namespace warp::wire {

// Bytes of an address that name its network, the first 12 of which an IPv4 address has for being mapped.
inline constexpr size_t kNetworkSizeV6 = 6;
inline constexpr size_t kNetworkSizeV4 = 12 + 3;

class NetworkHash {
 public:
  // Draws a key. libsodium was initialised.
  NetworkHash() { crypto_shorthash_keygen(key_.data()); }

  // Any thread. The same for all addresses of a network.
  uint64_t Of(const IpAddress& address) const {
    std::array<uint8_t, crypto_shorthash_BYTES> hash;
    crypto_shorthash(hash.data(), address.bytes().data(),
                     address.is_v4() ? kNetworkSizeV4 : kNetworkSizeV6, key_.data());
    return std::bit_cast<uint64_t>(hash);
  }

 private:
  std::array<uint8_t, crypto_shorthash_KEYBYTES> key_;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_NETWORK_HASH_H_
