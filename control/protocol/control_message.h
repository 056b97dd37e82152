// The messages between peers that are not payload: contents of sealed control messages (dataplane/wire/message.h). All
// integers are little endian. docs/wire-format.md has worked bytes.
//
//   control   = %x03 message
//   message   = probe / answer / confirm / close / map-message   ; map-message: %x40 and up, map_message.h
//
//   probe     = %x01 port number challenge   ; over one path, to be answered
//   answer    = %x02 challenge        ; of the probe, back over the path it came on and over the active ones
//   confirm   = %x03                  ; initiator: until it opened a packet of the session; responder: in answer
//   close     = %x04                  ; the sender forgets its sessions up to this one
//
//   port      = u16                   ; the sender's own number of the port that the probe left from
//   number    = u64                   ; grows with every probe of the sender, over all its sessions
//   challenge = 8 bytes               ; random
//
// Both peers and maps know confirm and close.
#ifndef WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"

namespace warp::protocol {

using Challenge = std::array<uint8_t, 8>;

struct Probe {
  uint16_t port = 0;
  uint64_t number = 0;
  Challenge challenge{};
  friend bool operator==(const Probe&, const Probe&) = default;
};
struct Answer {
  Challenge challenge{};
  friend bool operator==(const Answer&, const Answer&) = default;
};
struct Confirm {
  friend bool operator==(const Confirm&, const Confirm&) = default;
};
struct Close {
  friend bool operator==(const Close&, const Close&) = default;
};

using ControlMessage = std::variant<Probe, Answer, Confirm, Close>;

// The whole plaintext, kind byte first, ready to be sealed.
std::vector<uint8_t> EncodeControlMessage(const ControlMessage& message);

// Of a whole plaintext, kind byte included. kUnknownKind for a message type that is not one of these, kMalformed where the
// bytes break the grammar.
std::variant<ControlMessage, wire::Drop> DecodeControlMessage(wire::Bytes plaintext);

// True for the messages of map_message.h.
bool IsMapMessage(wire::Bytes plaintext);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_
