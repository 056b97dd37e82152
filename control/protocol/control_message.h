// The messages between peers that are not payload: contents of sealed control messages (dataplane/wire/message.h). The
// notation is that of docs/wire-format.md, which also has worked bytes.
//
//   control = 03 | message
//   message = probe / answer / confirm / close / map-message       ; map-message: map/map_message.h
//   probe   = 01 | port u16 | number u64 | challenge 8             ; over one path
//   answer  = 02 | challenge 8                                     ; over the probe's path, and over the active ones
//   confirm = 03
//   close   = 04
//
// `port` is the sender's own number of the port that the probe left from. `number` grows with every probe of the
// sender, over all its sessions. `challenge` is random. The initiator sends confirms until it opens a packet of the
// session, and the responder answers each. A close says that its sender forgets its sessions up to this one. Peers and
// maps know confirm and close alike.
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

// Decodes a whole plaintext, kind byte included. Gives kUnknownKind for a message type that is not one of these, and
// kMalformed if the bytes break the grammar.
std::variant<ControlMessage, wire::Drop> DecodeControlMessage(wire::Bytes plaintext);

// Returns true for the messages of map_message.h.
bool IsMapMessage(wire::Bytes plaintext);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_
