// A path: (local port, remote endpoint), the unit of probing, statistics and replication.
#ifndef WARP_CONTROL_PROTOCOL_PATH_H_
#define WARP_CONTROL_PROTOCOL_PATH_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "control/protocol/time.h"
#include "control/protocol/transmit.h"

namespace warp::protocol {

using PathId = uint32_t;  // of one node, never reused

enum class PathState : uint8_t {
  kCandidate,  // never answered
  kActive,     // a probe was answered: carries payloads
  kLost,       // was active, or its port is down
};
absl::string_view PathStateName(PathState state);  // "candidate", "active", "lost"

struct PathStatus {
  PathId id = 0;
  PortId port = 0;
  wire::Endpoint remote;
  PathState state = PathState::kCandidate;
  absl::string_view reason;  // of the last change, a constant: "probe answered", "port down", ...
  Instant since;             // of the last change
  std::optional<Duration> rtt;     // smoothed (RFC 6298); only ever from answers on the same path
  std::optional<Duration> jitter;  // its mean deviation
  double loss = 0;                 // share of the last 64 probes that were not answered
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_H_
