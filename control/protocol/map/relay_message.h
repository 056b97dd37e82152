// The messages about a map's relay: map messages like those of map_message.h, which has the notation.
//
//   relay       = 49 | request u64 | port u16 | key 32                                        ; node to map
//   relayed     = 4a | request u64 | key 32 | state u8 | lifetime u16 | count u8 | count × channel ; map to node
//   bind        = 4b | channel-id u32 | port u16 | flags u8 | order | echo 8  ; node to map, from that port to the
//                                                                               channel's UDP port
//   bound       = 4c | channel-id u32 | port u16 | state u8 | challenge 8 | times             ; map to node, from there
//   channel     = channel-id u32 | port u16 | udp-port u16
//
//   field         meaning
//   request       chosen by the node and not zero; zero where the map says it unasked, because the other node has asked
//   port          of a relay: the registered port that it leaves from, as of a look-up; of a channel: the port of the
//                 reader that the channel is for
//   key           the public key of the node at the other end
//   state         of a relayed: 00 these are all channels there are; 01 there is no room for them, or the pair has used
//                 up what it may send; 02 this map relays nothing. Of a bound: 00 echo the challenge; 01 bound, and the
//                 other end is not; 02 both ends are; 03 there is no such channel any more
//   udp-port      of the map, at the address at which the node reaches it: what the node sends to there from `port` is
//                 forwarded to the other node
//   lifetime      seconds, not zero: an end that is not bound again within this time is not forwarded to
//   flags         bit 0: the node has need of the channel, which ends where neither node has; other bits are zero
//   challenge     bound to the node, to the port and to the address that the map saw
//
// A map forwards to an address only after a bind from there has echoed the challenge, and a bound (21 bytes) is shorter
// than a bind (33).
#ifndef WARP_CONTROL_PROTOCOL_MAP_RELAY_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_MAP_RELAY_MESSAGE_H_

#include <cstdint>
#include <vector>

#include "control/protocol/map/map_bytes.h"
#include "control/protocol/map/map_order.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {

struct MapRelay {
  uint64_t request = 0;
  uint16_t port = 0;
  wire::PublicKey key;
  friend bool operator==(const MapRelay&, const MapRelay&) = default;
};

struct MapChannel {
  uint32_t id = 0;
  uint16_t port = 0;
  uint16_t udp_port = 0;
  friend bool operator==(const MapChannel&, const MapChannel&) = default;
};

enum class RelayState : uint8_t { kGiven = 0, kRefused = 1, kOff = 2 };

// It has no channels where there is no such key, or it is not registered, or one of both nodes does not allow the
// other. The asker cannot tell which.
struct MapRelayed {
  uint64_t request = 0;
  wire::PublicKey key;
  RelayState state = RelayState::kGiven;
  uint16_t lifetime_s = 0;
  std::vector<MapChannel> channels;
  friend bool operator==(const MapRelayed&, const MapRelayed&) = default;
};

struct MapBind {
  uint32_t channel = 0;
  uint16_t port = 0;
  bool needed = true;
  MapOrder order;
  MapChallenge echo{};
  friend bool operator==(const MapBind&, const MapBind&) = default;
};
// Sealed. What comes to the relay's ports with another size is no bind.
inline constexpr size_t kMapBindDatagram =
    wire::kDataHeaderSize + 1 + 1 + 4 + 2 + 1 + 16 + 8 + wire::kTagSize;

enum class BindState : uint8_t { kEcho = 0, kHalf = 1, kOpen = 2, kEnded = 3 };

struct MapBound {
  uint32_t channel = 0;
  uint16_t port = 0;
  BindState state = BindState::kEcho;
  MapChallenge challenge{};
  uint16_t lifetime_s = 0;
  uint16_t refresh_ms = 0;
  friend bool operator==(const MapBound&, const MapBound&) = default;
};

// How map_message.cc writes and reads them.
std::vector<uint8_t> Encode(const MapRelay& m);
std::vector<uint8_t> Encode(const MapRelayed& m);
std::vector<uint8_t> Encode(const MapBind& m);
std::vector<uint8_t> Encode(const MapBound& m);
MapRelay ReadRelay(MapReader& in);
MapRelayed ReadRelayed(MapReader& in);
MapBind ReadBind(MapReader& in);
MapBound ReadBound(MapReader& in);

void Write(MapWriter& out, const MapOrder& order);
MapOrder ReadOrder(MapReader& in);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_RELAY_MESSAGE_H_
