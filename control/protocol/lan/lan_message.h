// What a node announces on its own link (node.discover), so that its peers find it there. It is a datagram to a
// multicast group, and no message of a session: docs/wire-format.md has worked bytes. All integers are little endian.
//
//   announcement = 57 41 52 50 01 | interface u16 | epoch u64 | number u64 | challenge 16 | udp-port u16
//                | address-count u8 | tag-count u8 | address-count × address 16 | tag-count × tag 16
//
//   field          meaning
//   interface      the sender's own number of the interface that this is sent by
//   epoch          random, of the interface, for as long as it stays where it is
//   number         grows with every announcement of the epoch
//   challenge      random, of the interface, another one after some seconds: who hears it proves that it has
//   udp-port       at which the sender's interfaces can be reached, not zero
//   address-count  1 to 8
//   address        of this interface; IPv4 as ::ffff:a.b.c.d
//   tag-count      8 to 64, a multiple of 8
//   tag            a lan-tag or lan-proof, each for one peer, or random: nobody can count the peers
//
//   tag          = lan-tag | lan-proof | 16 random bytes
//   lan-tag      = BLAKE2b-128, keyed with lan-key, of everything before the first tag
//   lan-proof    = BLAKE2b-128, keyed with lan-key, of everything before the first tag | a challenge of the receiver
//   lan-key      = BLAKE2b-256, keyed with lan-shared, of "WARP/1 lan" | psk 32 | sender 32 | receiver 32
//   lan-shared   = X25519(static key of the sender, static key of the receiver)
//
//   psk               the preshared key of the two; zeros without one
//   sender, receiver  their public keys
//
// A lan-tag tells the peer that it is for that its sender has the other static key, and tells everybody else nothing:
// not who sends it, nor to whom. Epoch and number make every tag another one. It may be a recording: a lan-proof tells
// that it was made after the receiver's challenge (lan_proofs.h).
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_MESSAGE_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/handshake/handshake_mac.h"

namespace warp::protocol {

inline constexpr size_t kLanMaxAddresses = 8;
inline constexpr size_t kLanTagStep = 8;
inline constexpr size_t kLanMaxTags = 64;
inline constexpr size_t kLanHeaderSize = 43;
// Fits IPv6's smallest MTU, with the headers before it.
inline constexpr size_t kLanMaxDatagram = kLanHeaderSize + 16 * (kLanMaxAddresses + kLanMaxTags);
static_assert(kLanMaxDatagram + 40 + 8 <= 1280);

using LanTag = wire::Mac;
using LanChallenge = std::array<uint8_t, 16>;

struct LanAnnouncement {
  uint16_t interface = 0;
  uint64_t epoch = 0;
  uint64_t number = 0;
  LanChallenge challenge{};
  uint16_t udp_port = 0;
  std::vector<wire::IpAddress> addresses;
  std::vector<LanTag> tags;
  friend bool operator==(const LanAnnouncement&, const LanAnnouncement&) = default;
};

// The bytes before the tags, which tags are made of. `tags` is how many will follow. The announcement keeps the bounds.
std::vector<uint8_t> EncodeLanHead(const LanAnnouncement& announcement, size_t tags);
std::vector<uint8_t> EncodeLanAnnouncement(const LanAnnouncement& announcement);

// Reads a whole datagram; nullopt where the bytes break the format in any way. Whatever this accepts,
// EncodeLanAnnouncement turns back into the same bytes.
std::optional<LanAnnouncement> DecodeLanAnnouncement(wire::Bytes datagram);
// What the tags of an announcement that was decoded are made of.
wire::Bytes LanHeadOf(const LanAnnouncement& announcement, wire::Bytes datagram);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_MESSAGE_H_
