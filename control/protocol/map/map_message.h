// The messages between a node and its map: contents of sealed control messages
// (dataplane/wire/message.h). All integers are little endian. docs/wire-format.md has worked bytes.
//
//   control     = %x03 message
//   message     = register / registered / allow / allowed / lookup / endpoints / push / push-ack /
//   deregister
//
//   register    = %x40 port echo allow-digest count 1*16endpoint             ; node to map, through
//   that port registered  = %x41 port state flags challenge lifetime refresh endpoint  ; map to
//   node, to where it came from allow       = %x42 allow-digest total first count 1*64key-id ; node
//   to map allowed     = %x43 allow-digest first                                    ; map to node:
//   this part arrived lookup      = %x44 request port key                                      ;
//   node to map endpoints   = %x45 request key count 0*32endpoint                        ; map to
//   node push        = %x46 push-id key count 1*32endpoint                        ; map to node,
//   unasked push-ack    = %x47 push-id                                               ; node to map
//   deregister  = %x48 port                                                  ; node to map; %xffff:
//   all ports
//
//   port        = u16         ; the node's own number of the port, below %xffff
//   echo        = 8 bytes     ; the last challenge that the map sent to this port, zeros where
//   there was none challenge   = 8 bytes     ; bound to the node, the port and the address that the
//   map saw state       = %x00        ; nothing changed yet: register again and echo the challenge
//               / %x01        ; published
//               / %x02        ; refused: the map is full
//               / %x03        ; refused: the node has registered as many ports as it may
//   flags       = u8          ; bit 0: send the allow list, the map does not have the one named.
//   Others zero lifetime    = u16         ; seconds, not zero: how long a registration lives
//   without a refresh refresh     = u16         ; milliseconds, not zero: how soon the map wants to
//   hear of the port again, at the latest allow-digest= 8 bytes     ; names a set of keys;
//   AllowDigest below. All zero: the empty set total       = u16         ; key ids in the whole
//   list, not zero first       = u16         ; position of this part's first key id in the list, a
//   multiple of 64 count       = u8          ; in an allow: 64 in every part but the last key-id =
//   16 bytes    ; BLAKE2b-128 of a public key. A list is sorted (bytewise) and has no repetition
//   request     = u32         ; chosen by the node, repeated in the answer
//   push-id     = u32
//   key         = 32 bytes    ; the public key that is looked up, or whose endpoints these are
//   endpoint    = 16 bytes (IPv4 as ::ffff:0:0/96) u16 (UDP port, not zero)
//
// Allow lists longer than one message travel in parts, which the map acknowledges one by one and
// uses once it has all of them and their digest is right. A register costs only the digest.
//
// No answer is longer than its request as long as the node's address is not verified: registered
// (36 bytes) against register (at least 39) and lookup (40), allowed against allow; endpoints go to
// verified addresses alone.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_MESSAGE_H_

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "control/protocol/map/map_constants.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

// How allow lists and the map's tables name a key: they need not know keys that never ask.
class KeyId {
 public:
  constexpr KeyId() = default;
  static constexpr KeyId FromBytes(const std::array<uint8_t, 16>& bytes) {
    KeyId id;
    id.bytes_ = bytes;
    return id;
  }
  static KeyId Of(const wire::PublicKey& key);

  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  friend bool operator==(const KeyId&, const KeyId&) = default;
  friend auto operator<=>(const KeyId&, const KeyId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const KeyId& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

using MapChallenge = std::array<uint8_t, 8>;
using AllowDigest = std::array<uint8_t, 8>;

// Of a sorted list without repetition: the first 8 bytes of BLAKE2b-256 over it; zeros for an empty
// one.
AllowDigest DigestOf(std::span<const KeyId> sorted);
// Sorted, without repetition, ready for DigestOf and for sending.
std::vector<KeyId> AllowList(std::span<const wire::PublicKey> keys);

struct MapRegister {
  uint16_t port = 0;
  MapChallenge echo{};
  AllowDigest allow{};
  std::vector<wire::Endpoint> candidates;  // the port's own addresses; at least one
  friend bool operator==(const MapRegister&, const MapRegister&) = default;
};

enum class MapState : uint8_t { kEcho = 0, kPublished = 1, kFull = 2, kTooManyPorts = 3 };

struct MapRegistered {
  uint16_t port = 0;
  MapState state = MapState::kEcho;
  bool send_allow = false;
  MapChallenge challenge{};
  uint16_t lifetime_s = 0;
  uint16_t refresh_ms = 0;
  wire::Endpoint observed;
  friend bool operator==(const MapRegistered&, const MapRegistered&) = default;
};

struct MapAllow {
  AllowDigest digest{};
  uint16_t total = 0;
  uint16_t first = 0;
  std::vector<KeyId> ids;
  friend bool operator==(const MapAllow&, const MapAllow&) = default;
};

struct MapAllowed {
  AllowDigest digest{};
  uint16_t first = 0;
  friend bool operator==(const MapAllowed&, const MapAllowed&) = default;
};

struct MapLookup {
  uint32_t request = 0;
  uint16_t port = 0;  // through which it is sent
  wire::PublicKey key;
  friend bool operator==(const MapLookup&, const MapLookup&) = default;
};

// Without endpoints where the key is unknown, not registered, or does not allow the asker: nobody
// can tell which.
struct MapEndpoints {
  uint32_t request = 0;
  wire::PublicKey key;
  std::vector<wire::Endpoint> endpoints;
  friend bool operator==(const MapEndpoints&, const MapEndpoints&) = default;
};

struct MapPush {
  uint32_t id = 0;
  wire::PublicKey key;
  std::vector<wire::Endpoint> endpoints;
  friend bool operator==(const MapPush&, const MapPush&) = default;
};

struct MapPushAck {
  uint32_t id = 0;
  friend bool operator==(const MapPushAck&, const MapPushAck&) = default;
};

struct MapDeregister {
  uint16_t port = kMapAllPorts;
  friend bool operator==(const MapDeregister&, const MapDeregister&) = default;
};

using MapMessage = std::variant<MapRegister, MapRegistered, MapAllow, MapAllowed, MapLookup,
                                MapEndpoints, MapPush, MapPushAck, MapDeregister>;

// The whole plaintext, kind byte first, ready to be sealed. The message must keep the bounds above.
std::vector<uint8_t> EncodeMapMessage(const MapMessage& message);

// Of a whole plaintext, kind byte included. kUnknownKind for a message type of a later version,
// kMalformed where the bytes break the grammar in any way (sizes, zero bits, order, ranges).
// Whatever it takes, EncodeMapMessage gives back the same bytes.
std::variant<MapMessage, wire::Drop> DecodeMapMessage(wire::Bytes plaintext);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_MESSAGE_H_
