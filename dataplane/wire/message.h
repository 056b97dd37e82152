// The outermost bytes of every WARP datagram (a UDP payload), and the inner header of what is sealed.
//
//   datagram       = sealed / initiation / response / cookie-reply / retry    ; handshake/handshake_message.h
//   sealed         = 01 000000 | receiver-index u32 | counter u64 | ciphertext | tag 16
//   receiver-index = what the receiver chose in the handshake (its sender-index there)
//   counter        = from 0, less than 2^36                            ; never used twice under a key
//   nonce          = 4 zero bytes | counter u64                        ; 12 bytes
//   ciphertext     = the cipher of the session over the plaintext      ; additional data: the 16 bytes of header
//
//   plaintext      = payload / fragment / control / sequenced / sequenced-fragment / parity
//   payload        = 01 | flow u8 | tunnel-id u16 | bytes
//   fragment       = 02 | index u8 | tunnel-id u16 | count u8 | flow u8 | chunk u16 | bytes
//   control        = 03 | message                                      ; control/protocol has the messages
//   sequenced      = 04 | hold u8 | tunnel-id u16 | sequence u32 | bytes
//   parity         = 05 | index u8 | tunnel-id u16 | first u32 | count u8 | hold u8 | length u16 | symbol
//   sequenced-fragment = 06 | hold u8 | tunnel-id u16 | sequence u32 | index u8 | count u8 | chunk u16 | bytes
//
// The notation is that of docs/wire-format.md: `|` joins fields, digits are bytes in hexadecimal, a field has its
// size in bytes or its integer type behind its name, and integers are little endian. A datagram whose first four
// bytes are no type above belongs to another version. A fragment's index is below its count, the count is 2 to 255,
// and `chunk` is the size of every fragment but the last. The fragments of one payload have consecutive counters.
// The low seven bits of `hold` are how long the receiver may hold the payload back for the sake of order, in units
// of 8 ms, and its highest bit says that the sender sends lost payloads again.
//
// A flow is what one program behind a gate exchanges with the other side: see Flow. Three bits of the first byte say
// more of it. With bit 6 (40) the number is one that the receiver gave. With bit 7 (80) of a sequenced, a
// sequenced-fragment or a parity, which have no byte for a flow, there is one: `flow u8` stands in front of `bytes`,
// and is not zero. With bit 5 (20), `dscp u8` stands in front of `bytes`, behind the flow, and is 1 to 63. Each payload
// of a block whose parity has bit 7 counts as if its flow stood in front of its bytes, as three bytes: the number, 1
// where the receiver gave it, and the DSCP.
//
// Parity is of a block: the payloads of a tunnel of `count` (1 to 32) sequences from `first` on. Its fields `length`
// and `symbol` are sums over the block of the same fields of the payloads, each multiplied by a coefficient of its
// place and of `index` (0 to 7), in GF(2^8): control/parity/generator.h. A payload that is shorter than the symbol
// counts as if zeros followed. Each parity stands in for any one payload of its block, which is delivered as its
// `hold` says.
#ifndef WARP_DATAPLANE_WIRE_MESSAGE_H_
#define WARP_DATAPLANE_WIRE_MESSAGE_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/time.h"

namespace warp::wire {

enum class MessageType : uint8_t {
  kSealed = 1,
  kInitiation = 2,
  kResponse = 3,
  kCookieReply = 4,
  kRetry = 5
};

// Every packet passes through these functions. They are inline, and read type and reserved bytes as one word.

// The type of a datagram, nullopt where the first four bytes are not one of this version's.
inline std::optional<MessageType> ClassifyDatagram(Bytes datagram) {
  if (datagram.size() < sizeof(Le32)) return std::nullopt;
  const uint32_t type = ReadAs<Le32>(datagram.data()).value();
  if (type < static_cast<uint32_t>(MessageType::kSealed) ||
      type > static_cast<uint32_t>(MessageType::kRetry)) {
    return std::nullopt;
  }
  return static_cast<MessageType>(type);
}

// True when ClassifyDatagram would say kSealed and the datagram is long enough to be sealed.
inline bool IsSealed(Bytes datagram) {
  return datagram.size() >= kMinSealedSize &&
         ReadAs<Le32>(datagram.data()).value() == static_cast<uint32_t>(MessageType::kSealed);
}

struct DataHeader {
  uint32_t receiver_index = 0;
  uint64_t counter = 0;
};
// Writes kDataHeaderSize bytes.
inline void WriteDataHeader(const DataHeader& header, uint8_t* out) {
  WriteAs(Le64(uint64_t{header.receiver_index} << 32 | static_cast<uint64_t>(MessageType::kSealed)),
          out);
  WriteAs(Le64(header.counter), out + 8);
}
// nullopt when the datagram is shorter than kMinSealedSize. The caller has classified its type.
inline std::optional<DataHeader> ReadDataHeader(Bytes datagram) {
  if (datagram.size() < kMinSealedSize) return std::nullopt;
  return DataHeader{.receiver_index = ReadAs<Le32>(datagram.data() + 4).value(),
                    .counter = ReadAs<Le64>(datagram.data() + 8).value()};
}

enum class Kind : uint8_t {
  kPayload = 1,
  kFragment = 2,
  kControl = 3,
  kSequenced = 4,
  kParity = 5,
  kSequencedFragment = 6
};

// What one program behind a gate exchanges with the other side. Whoever has the program gives the flow its number, and
// answers to it come back with that number, `answer` being set. So both sides may have programs of the same numbers.
struct Flow {
  uint8_t number = 0;
  bool answer = false;  // the receiver gave the number
  uint8_t dscp =
      0;  // 0 to 63: how the program marked the payload (RFC 2474), where that is carried
  friend bool operator==(const Flow&, const Flow&) = default;
};

struct PayloadHeader {
  uint16_t tunnel_id = 0;
  Flow flow;
};
struct FragmentHeader {
  uint16_t tunnel_id = 0;
  Flow flow;
  uint8_t index = 0;
  uint8_t count = 0;
  uint16_t chunk = 0;  // bytes in each fragment but the last
};
// A payload that has a place in its tunnel. A payload that is sent again has the sequence that it had.
struct SequencedHeader {
  uint16_t tunnel_id = 0;
  // How long the receiver may wait for earlier payloads, in steps of kHoldUnit. Zero: it delivers this one at once.
  Duration hold{};
  bool resend = false;  // the sender sends again what was lost
  uint32_t sequence = 0;
  Flow flow;
  friend bool operator==(const SequencedHeader&, const SequencedHeader&) = default;
};
inline constexpr Duration kHoldUnit = std::chrono::milliseconds(8);
inline constexpr Duration kLongestHold = 127 * kHoldUnit;
struct SequencedFragmentHeader {
  SequencedHeader payload;  // of the whole one
  uint8_t index = 0;
  uint8_t count = 0;
  uint16_t chunk = 0;  // as in a FragmentHeader
};
// What makes up for payloads of a block that are lost.
struct ParityHeader {
  uint16_t tunnel_id = 0;
  uint32_t first = 0;   // sequence of the block's first payload
  uint8_t count = 0;    // payloads of the block
  uint8_t index = 0;    // of the parity among those of the block
  uint8_t hold = 0;     // the second byte of a sequenced header, for what is restored
  uint16_t length = 0;  // of the sum
  bool flows = false;   // the payloads count with their flows in front of them
  friend bool operator==(const ParityHeader&, const ParityHeader&) = default;
};
inline constexpr size_t kMostPayloadsOfBlock = 32;
inline constexpr size_t kMostParitiesOfBlock = 8;
inline constexpr size_t kFlowInBlock = 3;  // bytes that a flow adds to a payload of a block

// What stands in front of the bytes of a plaintext of this kind and flow, of parity in front of the symbol.
constexpr size_t HeaderSizeOf(Kind kind, const Flow& flow = {}) {
  const size_t number = flow.number != 0 ? 1 : 0, mark = flow.dscp != 0 ? 1 : 0;
  switch (kind) {
    case Kind::kPayload:
      return kInnerHeaderSize + mark;
    case Kind::kFragment:
      return kFragmentHeaderSize + mark;
    case Kind::kControl:
      return 1;
    case Kind::kSequenced:
      return kSequencedHeaderSize + number + mark;
    case Kind::kParity:
      return kParityHeaderSize;
    case Kind::kSequencedFragment:
      return kSequencedFragmentHeaderSize + number + mark;
  }
  return 0;
}

// Each writes HeaderSizeOf bytes. `hold` is rounded up to the next step, and cut at kLongestHold.
void WritePayloadHeader(const PayloadHeader& header, uint8_t* out);
void WriteFragmentHeader(const FragmentHeader& header, uint8_t* out);
void WriteSequencedHeader(const SequencedHeader& header, uint8_t* out);
void WriteSequencedFragmentHeader(const SequencedFragmentHeader& header, uint8_t* out);
void WriteParityHeader(const ParityHeader& header, uint8_t* out);

// The second byte of a sequenced header, and what it says of `hold` and `resend`.
uint8_t HoldByteOf(const SequencedHeader& header);
void SetHoldByte(uint8_t byte, SequencedHeader* header);

// nullopt where the plaintext is empty or of a kind that this version does not know.
std::optional<Kind> ClassifyPlaintext(Bytes plaintext);
// Nothing but control messages says something that is answered.
inline bool IsAnswered(Bytes plaintext) {
  return !plaintext.empty() && plaintext[0] == static_cast<uint8_t>(Kind::kControl);
}
// nullopt where the contents break the grammar above (sizes, flow, index and count, chunk against the rest).
std::optional<PayloadHeader> ReadPayloadHeader(Bytes plaintext);
std::optional<FragmentHeader> ReadFragmentHeader(Bytes plaintext);
std::optional<SequencedHeader> ReadSequencedHeader(Bytes plaintext);
std::optional<SequencedFragmentHeader> ReadSequencedFragmentHeader(Bytes plaintext);
std::optional<ParityHeader> ReadParityHeader(Bytes plaintext);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_MESSAGE_H_
