// The messages between peers that are not payload: contents of sealed control messages (dataplane/wire/message.h). The
// notation is that of docs/wire-format.md, which also has worked bytes.
//
//   control = 03 | message
//   message = probe / answer / confirm / close / report / feedback / limits / ports-down / map-message
//                                            ; feedback: feedback.h; map-message: map/map_message.h
//   probe   = 01 | port u16 | number u64 | flags u8 | challenge 8 | padding ; over one path
//   answer  = 02 | port u16 | challenge 8                                   ; over the probe's path
//   confirm = 03
//   close   = 04
//   report  = 05 | count u8 | count × receipt                               ; count from 1 to 64
//   receipt = from u16 | to u16 | packets u32 | bytes u32
//   limits  = 07 | count u8 | count × limit                                 ; count from 1 to 64
//   limit   = port u16 | rate u32
//   ports-down = 08 | count u8 | count × port u16                          ; count from 1 to 64
//
// `port` is the sender's own number of the port that the probe left from, or that the answered probe came in on. So an
// answer tells which of the peer's ports an endpoint leads to. `number` grows with every probe of the sender, over all
// its sessions. Bit 0 of `flags` says that the sender hears no answers over this path: they should come over others as
// well. Bit 1 says that the sender spreads payloads over paths, and asks for feedback. Bits 2 and 3 are a number that
// says how the port wants to be used (port_use.h). Bits 4 to 7 are a number that says after how long a silence the
// receiver is to probe this path next. `challenge` is random. `padding` is any number of bytes, zeros when sent and
// ignored when received: an answer proves that a datagram of this size passes. A report says what has arrived since its
// sender began to count, modulo 2^32, from the receiver's port `from` at the sender's port `to`: payloads, their
// duplicates too. Limits say how much the receiver may send to the sender's ports, in kbit/s of frames; 0: as much as
// it likes. Ports-down names ports of the sender that have just gone down: nothing comes in by them. The initiator
// sends confirms until it opens a packet of the session, and the responder answers each. A close says that its sender
// forgets its sessions up to this one. Peers and maps know confirm and close alike.
#ifndef WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "control/protocol/feedback.h"
#include "control/protocol/port_use.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"

namespace warp::protocol {

using Challenge = std::array<uint8_t, 8>;

struct Probe {
  uint16_t port = 0;
  uint64_t number = 0;
  bool unheard = false;  // its sender hears no answers over this path
  Challenge challenge{};
  size_t padding = 0;            // bytes
  bool spreads = false;          // its sender spreads payloads over paths, and asks for feedback
  PortUse use = PortUse::kFree;  // of the port
  // The receiver is to probe this path next, after the silence of this step (path/pace/keep_alive.h). 0: whenever it
  // likes. Up to kMaxSilence.
  uint8_t silence = 0;
  friend bool operator==(const Probe&, const Probe&) = default;
};
inline constexpr uint8_t kMaxSilence = 15;
inline constexpr size_t kProbeSize = 21;  // its plaintext, without padding
struct Answer {
  uint16_t port = 0;
  Challenge challenge{};
  friend bool operator==(const Answer&, const Answer&) = default;
};
struct Confirm {
  friend bool operator==(const Confirm&, const Confirm&) = default;
};
struct Close {
  friend bool operator==(const Close&, const Close&) = default;
};

// What arrived over one pair of ports.
struct Receipt {
  uint16_t from = 0;     // the number of the port that it left, as the other end calls it
  uint16_t to = 0;       // our own number of the port that it came in on
  uint32_t packets = 0;  // payloads and their duplicates, modulo 2^32
  uint32_t bytes = 0;    // of their frames, modulo 2^32
  friend bool operator==(const Receipt&, const Receipt&) = default;
};
struct Report {
  std::vector<Receipt> receipts;  // 1 to kMaxReceipts
  friend bool operator==(const Report&, const Report&) = default;
};
inline constexpr size_t kMaxReceipts = 64;

// The most that may be sent to a port.
struct Limit {
  uint16_t port = 0;  // the sender's own number of it
  uint32_t rate = 0;  // kbit/s of frames; 0: no bound, or none any more
  friend bool operator==(const Limit&, const Limit&) = default;
};
struct Limits {
  std::vector<Limit> limits;  // 1 to kMaxLimits
  friend bool operator==(const Limits&, const Limits&) = default;
};
inline constexpr size_t kMaxLimits = 64;

// Ports of the sender, by its own numbers, that have just gone down.
struct PortsDown {
  std::vector<uint16_t> ports;  // 1 to kMaxPortsDown
  friend bool operator==(const PortsDown&, const PortsDown&) = default;
};
inline constexpr size_t kMaxPortsDown = 64;

using ControlMessage =
    std::variant<Probe, Answer, Confirm, Close, Report, Feedback, Limits, PortsDown>;

// The whole plaintext, kind byte first, ready to be sealed.
std::vector<uint8_t> EncodeControlMessage(const ControlMessage& message);

// Decodes a whole plaintext, kind byte included. Gives kUnknownKind for a message type that is not one of these, and
// kMalformed if the bytes break the grammar.
std::variant<ControlMessage, wire::Drop> DecodeControlMessage(wire::Bytes plaintext);

// Returns true for the messages of map_message.h.
bool IsMapMessage(wire::Bytes plaintext);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_CONTROL_MESSAGE_H_
