// Views of bytes, the currency of the wire library.
#ifndef WARP_DATAPLANE_WIRE_BYTES_H_
#define WARP_DATAPLANE_WIRE_BYTES_H_

#include <cstdint>
#include <span>

namespace warp::wire {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_BYTES_H_
