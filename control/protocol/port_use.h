// How a port wants to be used, for the sake of what it costs: its node says so of itself, and each probe that leaves by
// the port says so to the peer (control_message.h).
#ifndef WARP_CONTROL_PROTOCOL_PORT_USE_H_
#define WARP_CONTROL_PROTOCOL_PORT_USE_H_

#include <cstdint>

namespace warp::protocol {

// Each asks for everything that those before it ask for.
enum class PortUse : uint8_t {
  kFree,        // as any other
  kSparing,     // while no payloads are sent by it, it is probed seldom
  kLastResort,  // payloads take it only while no other port works
  kNone,        // nothing goes by it at all
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PORT_USE_H_
