// Every size, limit and time of the map protocol, in two blocks: what nodes and maps must agree on,
// and what this implementation chose.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_CONSTANTS_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_CONSTANTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace warp::protocol {

// --- Specification: docs/wire-format.md, "Map messages". ---

// No sealed map message is longer than this inside UDP, so that it passes every IPv6 path (RFC 8200
// section 5).
inline constexpr size_t kMapMaxDatagram = 1200;

inline constexpr size_t kMapMaxCandidates = 16;  // in one register
inline constexpr size_t kMapMaxEndpoints = 32;   // in one answer or push
inline constexpr size_t kMapAllowPart = 64;      // key ids in one allow message
inline constexpr size_t kMapMaxAllow = 65535;    // key ids in one allow list

// "All ports" in a deregister.
inline constexpr uint16_t kMapAllPorts = 0xffff;

// --- Implementation. ---

// Registrations live so long without a refresh. The map's configuration may say otherwise, and says
// so in each answer.
inline constexpr std::chrono::seconds kMapLifetime{60};
// And so many refreshes must be lost before one ends.
inline constexpr int kMapRefreshesPerLifetime = 6;

// A node refreshes each port so often, or as often as the map asks for if that is more. A map with
// few registrations asks for kMapRefreshMin, so that its restart is noticed within seconds; one
// with many for less, so that refreshes take kMapRefreshesPerSecond of its time at most, down to
// one in kMapRefresh.
inline constexpr std::chrono::seconds kMapRefresh{10};
inline constexpr std::chrono::seconds kMapRefreshMin{1};
inline constexpr int kMapRefreshesPerSecond = 20000;

// A request without an answer is repeated after this time, or twice the round trip if that is more; then after twice
// that, up to kMapRetryMax.
inline constexpr std::chrono::milliseconds kMapRetry{250};
inline constexpr std::chrono::seconds kMapRetryMax{10};
inline constexpr std::chrono::seconds kMapRoundTripMax{2};

// So many registers in a row without any answer from the map, and the node shakes hands anew.
inline constexpr int kMapSilentRequests = 2;

// So often is the allow list sent without an acknowledgement of all of it.
inline constexpr int kMapUploadTries = 5;

// So many challenges in a row are echoed at once; then the node waits for its next refresh.
inline constexpr int kMapEchoes = 3;

// Lookups: of a peer for which no endpoint is known, and of one for which some are (pushes bring
// the changes; this is for the case that one was lost for good).
inline constexpr std::chrono::seconds kMapLookupMissing{5};
inline constexpr std::chrono::seconds kMapLookupKnown{60};
// A peer that the node wants to reach is looked up at once, but not more often than this.
inline constexpr std::chrono::seconds kMapLookupSeek{1};

// Requests sent in one turn, so that a node with many peers still turns.
inline constexpr size_t kMapRequestsPerTurn = 64;

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_CONSTANTS_H_
