// A sealed message after it was opened: what it says, and what its seal proves about where it stands.
#ifndef WARP_CONTROL_PROTOCOL_OPENED_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_OPENED_MESSAGE_H_

#include <cstdint>

#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

struct OpenedMessage {
  Arrival arrival;
  // The session that opened it. It is alive, but its association may have forgotten it.
  const wire::Session* session = nullptr;
  uint64_t counter = 0;   // under which it was sealed
  wire::Bytes plaintext;  // whole, kind byte included
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_OPENED_MESSAGE_H_
