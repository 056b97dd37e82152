// How a worker waits for packets: a choice of the configuration that the dataplane carries out.
#ifndef WARP_DATAPLANE_WIRE_POLLING_H_
#define WARP_DATAPLANE_WIRE_POLLING_H_

#include <cstdint>

#include "dataplane/wire/words.h"

namespace warp::wire {

enum class Polling : uint8_t {
  kBusy,       // The worker never sleeps.
  kAdaptive,   // The worker looks a few times more, then sleeps until a frame or a ring wakes it.
  kInterrupt,  // The worker sleeps as soon as there is nothing to do.
};

inline constexpr Words<Polling, 3> kPollingWords = {{
    {"busy", Polling::kBusy},
    {"adaptive", Polling::kAdaptive},
    {"interrupt", Polling::kInterrupt},
}};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_POLLING_H_
