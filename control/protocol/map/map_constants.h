// Every size, limit and time of the map protocol. The first block is what nodes and maps must agree on, the second what
// this implementation chose.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_CONSTANTS_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_CONSTANTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace warp::protocol {

// --- Specification: docs/wire-format.md, "Map messages". ---

// No sealed map message is longer than this inside UDP, so that it passes every IPv6 path (RFC 8200, section 5).
inline constexpr size_t kMapMaxDatagram = 1200;

inline constexpr size_t kMapMaxCandidates = 16;  // in one register
inline constexpr size_t kMapMaxEndpoints = 32;   // in one answer or push
inline constexpr size_t kMapAllowPart = 48;      // key ids in one message
inline constexpr size_t kMapMaxAllow = 65535;    // key ids in one allow list

inline constexpr size_t kMapMaxChannels = 16;  // of a relay, in one answer

// "All ports" in a deregister.
inline constexpr uint16_t kMapAllPorts = 0xffff;

// --- Implementation. ---

// A registration lives this long without a refresh, unless the map's configuration says otherwise. The map names the
// lifetime in each answer.
inline constexpr std::chrono::seconds kMapLifetime{60};
// A registration ends only after this many refreshes were lost.
inline constexpr int kMapRefreshesPerLifetime = 6;

// A node refreshes each port after kMapRefresh, or earlier where the map asks for it. A map with few registrations asks
// for kMapRefreshMin, so that nodes notice its restart within seconds, and a month of refreshes stays small beside the
// probes of an idle pair. A map with many asks for longer, so that it has at most kMapRefreshesPerSecond to answer.
inline constexpr std::chrono::seconds kMapRefresh{10};
inline constexpr std::chrono::seconds kMapRefreshMin{6};
inline constexpr int kMapRefreshesPerSecond = 20000;
// A node does not refresh more often than this, whatever the map asks for.
inline constexpr std::chrono::milliseconds kMapRefreshFloor{100};

// A request without an answer is repeated after this time, or after twice the round trip if that is longer; then at a
// random time within twice that, up to kMapRetryMax.
inline constexpr std::chrono::milliseconds kMapRetry{250};
inline constexpr std::chrono::seconds kMapRetryMax{30};
inline constexpr std::chrono::seconds kMapRoundTripMax{2};

// After this many registers in a row without any answer from the map, the node shakes hands anew.
inline constexpr int kMapSilentRequests = 2;

// Of several servers that are one map, the next is tried as well when those before it have not answered a handshake for
// this long.
inline constexpr std::chrono::seconds kMapNextServer{1};

// The allow list is sent this many times without an acknowledgement of all of it.
inline constexpr int kMapUploadTries = 5;

// This many challenges in a row are echoed at once. Then the node waits for its next refresh.
inline constexpr int kMapEchoes = 3;

// The time between lookups of a peer for which no endpoint is known, and of one for which some are. Pushes bring the
// changes of the latter, so its lookups matter only where a push was lost for good.
inline constexpr std::chrono::seconds kMapLookupMissing{5};
inline constexpr std::chrono::seconds kMapLookupKnown{60};
// A peer that cannot be reached is looked up at once, and a port before which a NAT may have forgotten us is registered
// at once, but neither more often than this.
inline constexpr std::chrono::seconds kMapLookUpAgain{1};

// A relay is asked for when the map has said endpoints of the peer for this long, and none of them has led to a path;
// and not more often than so: at all, where nobody of that key can be relayed to, where the map relays nothing, in all,
// where it has no room, and while there are channels, since either node may have more ports by then. New channels are
// taken of a map as often as they are asked for.
inline constexpr std::chrono::seconds kMapRelayPatience{1};
inline constexpr std::chrono::seconds kMapRelayAgain{1};
inline constexpr std::chrono::seconds kMapRelayMissing{5};
inline constexpr std::chrono::seconds kMapRelayOff{10};
inline constexpr std::chrono::seconds kMapRelayRefused{60};
inline constexpr std::chrono::seconds kMapRelayKnown{60};

// Requests sent in one turn. A limit keeps a node with many peers from being busy with requests alone.
inline constexpr size_t kMapRequestsPerTurn = 64;

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_CONSTANTS_H_
