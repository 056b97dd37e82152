// The protocol's timers that a configuration may set (`node.timers`): one line each, of which the protocol's
// structure, the configuration's keys and docs/config.md are made. Those that no configuration sets are in
// control/protocol/constants.h.
#ifndef WARP_DATAPLANE_WIRE_SESSION_TIMERS_H_
#define WARP_DATAPLANE_WIRE_SESSION_TIMERS_H_

#include <chrono>

#include "dataplane/wire/time.h"

namespace warp::wire {

// X(name, default, shortest, longest, why), times in milliseconds
#define WARP_TIMERS(X)                                                                      \
  /* Sessions. */                                                                           \
  X(rekey_after, 120'000, 100, 3'600'000,                                                   \
    "The node that initiated a session initiates the next one after this time.")            \
  X(rekey_after_responder, 135'000, 100, 3'600'000,                                         \
    "The node that answered initiates the next session after this time, if the initiator "  \
    "has not done so.")                                                                     \
  X(session_lifetime, 180'000, 200, 3'600'000,                                              \
    "A session's keys are wiped after this time, whether or not a newer session has been "  \
    "made.")                                                                                \
  X(session_silence, 1'000, 100, 60'000,                                                    \
    "A new handshake begins when probes were sent for this long and nothing authentic "     \
    "came from the peer.")                                                                  \
  /* Handshakes. */                                                                         \
  X(handshake_retry, 250, 10, 60'000,                                                       \
    "An unanswered handshake message is sent again after this time, then after twice this " \
    "time, and so on.")                                                                     \
  X(handshake_retry_max, 1'000, 10, 600'000,                                                \
    "The time between two repetitions does not grow beyond this, so that a peer that "      \
    "comes back is found within it.")                                                       \
  /* Paths. */                                                                              \
  X(probe_interval, 200, 10, 10'000,                                                        \
    "While payloads flow, each path is probed once in this time. A link that is put back "  \
    "is in use again within a second.")                                                     \
  X(path_lost_after, 1'000, 20, 60'000,                                                     \
    "A path whose probes stay unanswered for this long carries no payloads until one is "   \
    "answered.")

struct ConfiguredTimers {
#define WARP_TIMER_FIELD(name, standard, shortest, longest, why) \
  Duration name = std::chrono::milliseconds(standard);
  WARP_TIMERS(WARP_TIMER_FIELD)
#undef WARP_TIMER_FIELD
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SESSION_TIMERS_H_
