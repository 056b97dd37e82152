// What a node says of itself in a handshake, beside its keys: zeros where it has nothing to say, as old versions do,
// and towards maps.
#ifndef WARP_DATAPLANE_WIRE_HANDSHAKE_INTRODUCTION_H_
#define WARP_DATAPLANE_WIRE_HANDSHAKE_INTRODUCTION_H_

#include <cstdint>

namespace warp::wire {

// What a node understands beyond the first version, one bit each. Bits without a name are zero when sent and ignored
// when received.
enum Feature : uint32_t {
  kFeatureFeedback = 1 << 0,   // it answers probes that ask for feedback by feedback
  kFeatureSequenced = 1 << 1,  // it takes sequenced payloads
  kFeatureParity = 1 << 2,     // it takes parity
  kFeatureLimits = 1 << 3,     // it keeps to the limits that it is told
  kFeatureFlows = 1 << 4,      // it takes payloads of several flows, and DSCPs
  kFeaturePortsDown = 1 << 5,  // it listens where a peer says that ports of its are down
};

struct Introduction {
  uint32_t features = 0;
  // Chosen at random when the node starts, never zero: where it changes, sequences begin anew.
  uint32_t life = 0;
  friend bool operator==(const Introduction&, const Introduction&) = default;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_INTRODUCTION_H_
