// The messages between a node and its map: contents of sealed control messages (dataplane/wire/message.h). The notation
// is that of docs/wire-format.md, which also has worked bytes.
//
//   control     = 03 | message
//   map-message = register / registered / allow / allowed / lookup / endpoints / push / push-ack / deregister
//               / relay / relayed / bind / bound                                            ; see relay_message.h
//
//   register    = 40 | port u16 | order | echo 8 | count u8 | count × endpoint 18 | allow-digest 8 | part
//                                                                                   ; node to map, from that port
//   registered  = 41 | port u16 | state u8 | flags u8 | challenge 8 | times | endpoint 18 | mark u64
//   allow       = 42 | allow-digest 8 | first u16 | part                                      ; node to map
//   allowed     = 43 | allow-digest 8 | first u16                                             ; map to node: it arrived
//   lookup      = 44 | request u64 | port u16 | key 32                                        ; node to map
//   endpoints   = 45 | request u64 | key 32 | count u8 | count × endpoint 18                  ; map to node
//   push        = 46 | push-id u32 | key 32 | count u8 | count × endpoint 18                  ; map to node, unasked
//   push-ack    = 47 | push-id u32                                                            ; node to map
//   deregister  = 48 | port u16 | order                                                       ; node to map
//   order       = epoch u64 | number u64
//   part        = total u16 | count u8 | count × key-id 16
//   times       = lifetime u16 | refresh u16
//   endpoint    = address 16 | udp-port u16                            ; IPv4 as ::ffff:a.b.c.d
//
//   field         meaning
//   port          the node's own number of the port, below ffff; in a deregister, ffff means all ports
//   order         the node's own: of two messages about one port, the one of the higher (epoch, number) applies. A node
//                 chooses its epoch, below ffffffffffffffff, when it starts; its numbers grow with every message
//   echo          the last challenge that the map sent to this port, zeros where there was none
//   challenge     bound to the node, to the port and to the address that the map saw
//   state         00 nothing changed yet: register again and echo the challenge; 01 published;
//                 02 refused, the map is full; 03 refused, the node has registered as many ports as it may;
//                 04 refused, a message of a higher order stands
//   flags         bit 0: send the allow list, since the map does not have the one that was named; other bits are zero
//   mark          in state 01 the version of what the node was told: where it is another one than in the last answer,
//                 the node has missed something and looks its peers up; in state 04 the epoch that stands; else zero
//   lifetime      seconds, not zero: how long a registration lives without a refresh
//   refresh       milliseconds, not zero: the map wants to hear of the port again within this time
//   allow-digest  names a set of keys, see AllowDigest; all zero for the empty set
//   total         key ids in the whole list, not zero in an allow. In a register it is zero where no part is sent along
//   first         position in the list of this part's first key id, a multiple of 48; in a register it is zero
//   count         endpoints: 1 to 16 in a register, 0 to 32 in an answer, 1 to 32 in a push;
//                 key ids: 48 in every part of an allow list but the last
//   key-id        BLAKE2b-128 of a public key; a list is sorted bytewise and has no repetition
//   request       chosen by the node, repeated in the answer
//   key           the public key that is looked up, or whose endpoints these are
//
// A node sends the first part of its list with the register, which is the whole list where it has 48 ids at most, until
// an answer shows that the map has the list; after that a register carries the digest alone. Further parts travel by
// themselves when the map asks. The map acknowledges each of them and uses the list once it has all parts and their
// digest is right.
//
// No answer is longer than its request as long as the node's address is not verified: registered (44 bytes) against
// register (at least 58) and lookup (44), allowed against allow. Endpoints go to verified addresses alone.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_MESSAGE_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "control/protocol/map/key_id.h"
#include "control/protocol/map/map_constants.h"
#include "control/protocol/map/map_order.h"
#include "control/protocol/map/relay_message.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

struct MapRegister {
  uint16_t port = 0;
  MapOrder order;
  MapChallenge echo{};
  std::vector<wire::Endpoint> candidates;  // the port's own addresses, at least one
  AllowDigest allow{};
  uint16_t allow_total = 0;  // ids in the whole list; 0 where no part of it is sent along
  std::vector<KeyId> ids;    // its first part
  friend bool operator==(const MapRegister&, const MapRegister&) = default;
};

enum class MapState : uint8_t {
  kEcho = 0,
  kPublished = 1,
  kFull = 2,
  kTooManyPorts = 3,
  kStale = 4,
};

struct MapRegistered {
  uint16_t port = 0;
  MapState state = MapState::kEcho;
  bool send_allow = false;
  MapChallenge challenge{};
  uint16_t lifetime_s = 0;
  uint16_t refresh_ms = 0;
  wire::Endpoint observed;
  uint64_t mark = 0;
  friend bool operator==(const MapRegistered&, const MapRegistered&) = default;
};

struct MapAllow {
  AllowDigest digest{};
  uint16_t first = 0;
  uint16_t total = 0;
  std::vector<KeyId> ids;
  friend bool operator==(const MapAllow&, const MapAllow&) = default;
};

struct MapAllowed {
  AllowDigest digest{};
  uint16_t first = 0;
  friend bool operator==(const MapAllowed&, const MapAllowed&) = default;
};

struct MapLookup {
  uint64_t request = 0;
  uint16_t port = 0;  // through which it is sent
  wire::PublicKey key;
  friend bool operator==(const MapLookup&, const MapLookup&) = default;
};

// It has no endpoints where the key is unknown, or is not registered, or does not allow the asker. The asker cannot
// tell which.
struct MapEndpoints {
  uint64_t request = 0;
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
  MapOrder order;
  friend bool operator==(const MapDeregister&, const MapDeregister&) = default;
};

using MapMessage =
    std::variant<MapRegister, MapRegistered, MapAllow, MapAllowed, MapLookup, MapEndpoints, MapPush,
                 MapPushAck, MapDeregister, MapRelay, MapRelayed, MapBind, MapBound>;

// The whole plaintext, kind byte first, ready to be sealed. The message keeps the bounds above.
std::vector<uint8_t> EncodeMapMessage(const MapMessage& message);

// Reads a whole plaintext, kind byte included. kUnknownKind for a message type of a later version, kMalformed where the
// bytes break the format in any way (sizes, zero bits, order, ranges). Whatever this accepts, EncodeMapMessage turns
// back into the same bytes.
std::variant<MapMessage, wire::Drop> DecodeMapMessage(wire::Bytes plaintext);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_MESSAGE_H_
