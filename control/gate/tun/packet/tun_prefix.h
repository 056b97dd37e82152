// The addresses that begin alike: a network behind a peer, or one that packets of a class come from or go to. Pure.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_TUN_PREFIX_H_
#define WARP_CONTROL_GATE_TUN_PACKET_TUN_PREFIX_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

using PrefixKey = std::pair<uint64_t, uint64_t>;  // an address with zeros behind the prefix

// `length` in bits of the address as it is written: 0 to 32, or 0 to 128.
inline PrefixKey PrefixKeyOf(const wire::IpAddress& address, size_t length) {
  const auto mask = [](size_t bits) { return bits == 0 ? 0 : ~uint64_t{0} << (64 - bits); };
  // An IPv4 address is the last 32 bits of the 128.
  const size_t bits = address.is_v4() ? 96 + length : length;
  const std::array<uint8_t, 16>& bytes = address.bytes();
  return {wire::ReadAs<wire::Be64>(bytes.data()).value() & mask(std::min<size_t>(bits, 64)),
          wire::ReadAs<wire::Be64>(bytes.data() + 8).value() & mask(bits > 64 ? bits - 64 : 0)};
}

struct TunPrefix {
  wire::IpAddress address;
  uint8_t length = 0;  // as of PrefixKeyOf

  // Never true of an address of the other family.
  bool Contains(const wire::IpAddress& other) const {
    return address.is_v4() == other.is_v4() &&
           PrefixKeyOf(address, length) == PrefixKeyOf(other, length);
  }
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_TUN_PREFIX_H_
