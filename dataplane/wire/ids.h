// The numbers by which threads name things to each other: small, so that they travel in ring items and packets.
#ifndef WARP_DATAPLANE_WIRE_IDS_H_
#define WARP_DATAPLANE_WIRE_IDS_H_

#include <cstdint>

namespace warp::wire {

using PortId = uint16_t;    // 0 .. max_ports-1, chosen by the dataplane
using WorkerId = uint16_t;  // 0 .. workers-1
// Numbers from 0. An id is not reused while packets of its old owner may still be under way.
using PeerId = uint32_t;
using PathId = uint32_t;

inline constexpr PeerId kNoPeer = UINT32_MAX;  // the peer of a session with a map

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_IDS_H_
