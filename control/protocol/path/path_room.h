// Shares the room for a peer's paths, where it does not do for every pair of a local port and a remote endpoint.
//
// Whoever comes first must not use up the room: endpoints that do not work, or ports that reach many of them, would
// keep the one address that works from ever being tried. So the ports take turns, and within a port the sources of
// endpoints do.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_ROOM_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/transmit.h"

namespace warp::protocol {

struct PathWish {
  PortId port = 0;
  EndpointSource source = EndpointSource::kConfig;
  uint64_t instance = 0;  // of the source
  bool held = false;      // a path that must stay
};

// Whether each wish has room, of which there is for `room` paths. Those that are held come first; there are `room` at
// most. Then the ports take turns, and at each turn a port takes the next wish of its next source: held ones before
// others, and else as they are ordered in `wishes`. Learned endpoints come first, since the peer was there lately.
// Which of the other sources comes next differs from port to port, so that none is left out where the ports are many.
std::vector<bool> ShareRoom(std::span<const PathWish> wishes, size_t room);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_ROOM_H_
