// Views of bytes, in which the wire library takes and gives messages.
#ifndef WARP_DATAPLANE_WIRE_BYTES_H_
#define WARP_DATAPLANE_WIRE_BYTES_H_

#include <cstdint>
#include <span>

namespace warp::wire {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_BYTES_H_
