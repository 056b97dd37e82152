// The protocol's timers that a configuration may set (`node.timers`): one line each, of which the protocol's
// structure, the configuration's keys and docs/config.md are made. Those that no configuration sets are in
// control/protocol/constants.h.
#ifndef WARP_DATAPLANE_WIRE_SESSION_TIMERS_H_
#define WARP_DATAPLANE_WIRE_SESSION_TIMERS_H_

#include <chrono>

#include "dataplane/wire/time.h"

namespace warp::wire {

// X(name, default, shortest, longest, why), times in milliseconds
#define WARP_TIMERS(X)                                                                         \
  /* Sessions. */                                                                              \
  X(rekey_after, 120'000, 100, 3'600'000,                                                      \
    "The node that initiated a session makes the next one after this time.")                   \
  X(rekey_after_responder, 135'000, 100, 3'600'000,                                            \
    "The other node does, if the initiator did not by then.")                                  \
  X(session_lifetime, 180'000, 200, 3'600'000,                                                 \
    "A session's keys die after this time, whether there is a new session or not.")            \
  X(session_silence, 1'000, 100, 60'000,                                                       \
    "When nothing authentic came from the peer for so long, despite probes, a new handshake "  \
    "begins.")                                                                                 \
  /* Handshakes. */                                                                            \
  X(handshake_retry, 250, 10, 60'000,                                                          \
    "An unanswered handshake message is repeated after this time, then after twice that, and " \
    "so on.")                                                                                  \
  X(handshake_retry_max, 1'000, 10, 600'000,                                                   \
    "The longest time between two repetitions: a peer that comes back is found within it.")    \
  /* Paths. */                                                                                 \
  X(probe_interval, 200, 10, 10'000,                                                           \
    "How often each path is probed. A link put back is in use again after about this time.")   \
  X(path_lost_after, 1'000, 20, 60'000,                                                        \
    "A path whose probes stay unanswered for so long carries no payloads until one is answered.")

struct ConfiguredTimers {
#define WARP_TIMER_FIELD(name, standard, shortest, longest, why) \
  Duration name = std::chrono::milliseconds(standard);
  WARP_TIMERS(WARP_TIMER_FIELD)
#undef WARP_TIMER_FIELD
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SESSION_TIMERS_H_
