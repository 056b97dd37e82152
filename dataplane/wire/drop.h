// Every reason for which a packet or payload ends without being sent or delivered. The whole project has this one list:
// a drop's counter, its name in `warp status` and its line in docs/operations.md all come from here.
#ifndef WARP_DATAPLANE_WIRE_DROP_H_
#define WARP_DATAPLANE_WIRE_DROP_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace warp::wire {

// X(enumerator, name in status and documents, what it means in one sentence)
#define WARP_DROPS(X)                                                                              \
  /* Received, before any cryptography. */                                                         \
  X(kTruncated, "truncated", "shorter than its own headers say")                                   \
  X(kIpFragment, "ip_fragment", "an IP fragment; WARP sends none and takes none")                  \
  X(kBadIpChecksum, "bad_ip_checksum", "the IPv4 header checksum is wrong")                        \
  X(kOtherAddress, "other_address",                                                                \
    "to an address that the port's interface does not have, or no longer has")                     \
  X(kUnknownVlan, "unknown_vlan",                                                                  \
    "of a VLAN of the device that no port has, or without a tag where every port has a VLAN")      \
  X(kUnknownType, "unknown_type", "message type or reserved bytes of another version or protocol") \
  X(kUnknownSession, "unknown_session", "receiver index names no live session or handshake")       \
  X(kSessionExpired, "session_expired",                                                            \
    "the session's keys are past their lifetime, and control has not taken it away")               \
  X(kBadCounter, "bad_counter", "counter at or above 2^36")                                        \
  X(kDuplicate, "duplicate",                                                                       \
    "this counter was already delivered: the normal fate of a redundant copy")                     \
  X(kTooOld, "too_old", "counter is behind the replay window")                                     \
  X(kOpenedTwice, "opened_twice",                                                                  \
    "two workers opened the same counter; this one claimed it second")                             \
  X(kUnauthentic, "unauthentic", "the authentication tag is wrong")                                \
  X(kUnknownKind, "unknown_kind", "authentic, but of a kind this version does not know")           \
  X(kMalformed, "malformed", "authentic, but its contents break the format")                       \
  /* Handshake. */                                                                                 \
  X(kBadMac, "bad_mac", "handshake message made without knowing our public key")                   \
  X(kBadSource, "bad_source", "handshake message from an address that no other node can have")     \
  X(kBadCookie, "bad_cookie",                                                                      \
    "under load, and the cookie is missing, stale or of another address")                          \
  X(kHandshakeBudget, "handshake_budget", "more handshakes than their senders' share")             \
  X(kHandshakeRepeated, "handshake_repeated", "a copy of a handshake message already answered")    \
  X(kHandshakeFailed, "handshake_failed", "handshake message that does not decrypt or parse")      \
  X(kUnknownPeer, "unknown_peer", "handshake of a key that is not configured")                     \
  X(kHandshakeStale, "handshake_stale",                                                            \
    "handshake that does not prove to be new; answered by a retry")                                \
  /* Sending. */                                                                                   \
  X(kNoSession, "no_session", "no confirmed session with the peer")                                \
  X(kNoPath, "no_path", "no active path to the peer")                                              \
  X(kNoNeighbour, "no_neighbour", "the next hop's link-layer address is not known yet")            \
  X(kTxFull, "tx_full", "the port's transmit queue did not take the copy")                         \
  X(kKernelRefused, "kernel_refused",                                                              \
    "the kernel would not send it: a firewall rule, no route, or a source address that is gone")   \
  X(kRingFull, "ring_full", "the ring to the next thread is full")                                 \
  X(kNoBuffer, "no_buffer", "no packet buffer was free")                                           \
  X(kNotAuthorized, "not_authorized", "the map did not allow it")                                  \
  X(kRateLimited, "rate_limited", "more messages than the map exchanges with one node at a time")  \
  X(kMapFull, "map_full",                                                                          \
    "the map holds as many registrations, or as much for this node, as it may")                    \
  /* Gates, tunnels, reassembly. */                                                                \
  X(kGateFull, "gate_full",                                                                        \
    "the gate's queue towards the network, or its socket's buffer, is full")                       \
  X(kQueueDelay, "queue_delay",                                                                    \
    "the paths carry less than is sent, and the payload would have waited too long")               \
  X(kDeadline, "deadline",                                                                         \
    "could not be sent, or read by the application, within the tunnel's deadline")                 \
  X(kTooLarge, "too_large", "larger than 64 KiB, or than the peer or the interface lets through")  \
  X(kNoReceiver, "no_receiver", "the gate has no application to deliver to")                       \
  X(kReceiverFull, "receiver_full", "the application does not read fast enough")                   \
  X(kUnknownTunnel, "unknown_tunnel",                                                              \
    "authentic payload for a tunnel number that is not configured for the peer")                   \
  X(kForeignSender, "foreign_sender",                                                              \
    "datagram to a gate from an address that is neither local nor allowed")                        \
  X(kNoFlow, "no_flow", "from a further sender at a gate all of whose flows are in use")           \
  X(kUnknownFlow, "unknown_flow",                                                                  \
    "of a flow that has ended here, or whose number is out of the gate's range")                   \
  X(kBadPacket, "bad_packet",                                                                      \
    "through a TUN or TAP gate: no IP packet or Ethernet frame, or its headers contradict its "    \
    "size")                                                                                        \
  X(kBadOffload, "bad_offload", "the kernel's offload header contradicts the packet behind it")    \
  X(kNoRoute, "no_route", "no tunnel of the interface has a route to the packet's destination")    \
  X(kSpoofedSource, "spoofed_source",                                                              \
    "the peer's packet comes from an address that is not in the routes of its tunnel")             \
  X(kReassemblyFull, "reassembly_full", "the peer's reassembly memory is in use")                  \
  X(kReassemblyTimeout, "reassembly_timeout", "fragments of the payload did not all arrive")       \
  X(kReassemblyConflict, "reassembly_conflict", "fragments of one payload disagree")               \
  X(kSequenceRepeated, "sequence_repeated",                                                        \
    "the tunnel has had this payload: it was sent again, and the first one came after all")        \
  X(kSequenceTooOld, "sequence_too_old",                                                           \
    "so far behind the newest payload that nobody knows whether the tunnel has had it")            \
  X(kParityUnused, "parity_unused",                                                                \
    "all payloads of its block came without it: the normal fate of parity")                        \
  X(kParityTooFew, "parity_too_few", "more payloads of its block were lost than parity came for")  \
  X(kParityConflict, "parity_conflict", "the payloads that it would restore cannot be")            \
  /* Between threads and with the kernel. */                                                       \
  X(kControlFull, "control_full", "the control thread's queue is full")                            \
  X(kKernelFull, "kernel_full", "the companion interface did not take the frame")

enum class Drop : uint8_t {
#define WARP_DROP_ENUMERATOR(enumerator, name, meaning) enumerator,
  WARP_DROPS(WARP_DROP_ENUMERATOR)
#undef WARP_DROP_ENUMERATOR
  // No drop: the packet goes on, or was sent. It is no reason, so it has no counter and stands behind all others.
  kNone
};

inline constexpr size_t kDropCount = static_cast<size_t>(Drop::kNone);

absl::string_view DropName(Drop drop);
absl::string_view DropMeaning(Drop drop);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_DROP_H_
