// Every size and limit of the protocol, in two blocks: what two implementations must agree on, and what this one chose.
// Timers live in control/protocol/constants.h.
#ifndef WARP_DATAPLANE_WIRE_CONSTANTS_H_
#define WARP_DATAPLANE_WIRE_CONSTANTS_H_

#include <cstddef>
#include <cstdint>

namespace warp::wire {

// --- Specification: docs/wire-format.md. ---

inline constexpr uint16_t kDefaultPort = 13116;

inline constexpr size_t kKeySize = 32;
inline constexpr size_t kTagSize = 16;
inline constexpr size_t kDataHeaderSize = 16;
// The shortest sealed datagram: header and tag around nothing.
inline constexpr size_t kMinSealedSize = kDataHeaderSize + kTagSize;

inline constexpr size_t kInnerHeaderSize = 4;
inline constexpr size_t kFragmentHeaderSize = 8;
inline constexpr size_t kSequencedHeaderSize = 8;
inline constexpr size_t kSequencedFragmentHeaderSize = 12;
inline constexpr size_t kParityHeaderSize = 12;
// An unfragmented payload costs 36 bytes inside UDP.
inline constexpr size_t kPayloadOverhead = kDataHeaderSize + kInnerHeaderSize + kTagSize;

inline constexpr size_t kMaxPayloadSize = 65536;
inline constexpr size_t kMaxFragments = 255;

// Counters at or above this are refused before the window is looked at, and never sealed.
inline constexpr uint64_t kCounterLimit = uint64_t{1} << 36;

inline constexpr size_t kMacSize = 16;
inline constexpr size_t kCookieSize = 16;
inline constexpr size_t kTokenSize = 16;

// Handshake, see handshake/handshake_message.h. The least size of an initiation keeps every reply smaller than its
// request.
inline constexpr size_t kMinInitiationPayloadSize = 64;
inline constexpr size_t kMinResponsePayloadSize = 16;
inline constexpr size_t kMinInitiationSize = 200;
inline constexpr size_t kMinResponseSize = 104;
inline constexpr size_t kCookieReplySize = 64;
inline constexpr size_t kRetrySize = 64;
// Below the smallest MTU of IPv6, with room for its headers: handshakes are never fragmented.
inline constexpr size_t kMaxHandshakeSize = 1200;
inline constexpr size_t kMaxOfferedCiphers = 16;

// --- Implementation. ---

inline constexpr size_t kDefaultWindow = size_t{1} << 17;  // counters; peer sessions
inline constexpr size_t kMaxWindow = size_t{1} << 22;
// Counters of map sessions, which a slow port shares with many look-ups.
inline constexpr size_t kMapWindow = 1024;
// Keys that have a successor and serve for a while still: so many of each kind and owner.
inline constexpr size_t kMaxOldKeys = 3;

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_CONSTANTS_H_
