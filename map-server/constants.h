// Sizes, limits and times that warp-map chose. control/protocol/map/map_constants.h has what nodes must agree on.
#ifndef WARP_MAP_SERVER_CONSTANTS_H_
#define WARP_MAP_SERVER_CONSTANTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "control/protocol/handshake/source_budget.h"

namespace warp::map {

// --- The registry. ---

// Registrations of one key: eight ports, each by IPv4 and by IPv6.
inline constexpr size_t kMaxPortsPerKey = 16;
// Keys that one key may allow, and keys in all allow lists together for each registration that the map may hold.
inline constexpr size_t kMaxAllowPerKey = 1024;
inline constexpr size_t kAllowPerRegistration = 8;
// Allow lists of which some parts have arrived. Each has kMaxAllowPerKey ids at most.
inline constexpr size_t kMaxPartialAllow = 1024;
inline constexpr std::chrono::seconds kPartialAllowLifetime{10};

// Between two tellings of a record's changes: at least, and where changes come all the time. So many readers are told
// before another record has its turn, and so many turns are taken before the loop looks at its sockets again.
inline constexpr std::chrono::milliseconds kChangeInterval{200};
inline constexpr std::chrono::milliseconds kChangeIntervalMax{3200};
// Slices in all: they take a twentieth of a core at most.
inline constexpr uint32_t kChangeSliceBurst = 2000;
inline constexpr uint32_t kChangeSlicesPerSecond = 6000;
// A store that has not answered by then is asked again.
inline constexpr std::chrono::seconds kChangeAnswer{1};
inline constexpr size_t kChangeSlice = 16;
inline constexpr int kChangeSlicesPerTurn = 16;

// Pushes without an acknowledgement, of all nodes and of one.
inline constexpr size_t kMaxPushes = size_t{1} << 18;
inline constexpr size_t kMaxPushesPerKey = 256;
// A push is repeated after this time, then after twice that, and so on, for about 16 seconds in all.
inline constexpr std::chrono::milliseconds kPushRepeat{250};
inline constexpr int kPushAttempts = 7;
// Pushes sent in all, repetitions included. Each takes 5 to 8 µs with its seal and its place in a sendmmsg, which is
// a sixth of a core at most.
inline constexpr uint32_t kPushBurst = 4000;
inline constexpr uint32_t kPushesPerSecond = 20000;
// Where the rate is used up, the queue waits for this long, and then has many tokens at once.
inline constexpr std::chrono::milliseconds kFairQueuePause{1};
// Pushes sent before the loop looks at its sockets again.
inline constexpr int kPushesPerTurn = 256;

// --- Sessions. ---

// Handshakes that are answered. With its registration each takes 0.22 ms, so that the rate is what a core can do; it
// bounds how fast a restarted map is whole again. Below half of the burst, initiations need a cookie. What a flood of
// them may cost is bounded by kHandshakesPerBatch: whatever else comes has half of the core.
inline constexpr uint32_t kMapHandshakeBurst = 1000;
inline constexpr uint32_t kMapHandshakesPerSecond = 4400;
// Of these, one address and one network (an IPv4 /24, an IPv6 /48). A NAT may have thousands of nodes behind it.
inline constexpr protocol::SourceRates kMapHandshakesOfSource = {
    .address = {500, 50},
    .network = {2000, 400},
};
// Cookies and repeated responses, each of which takes some microseconds.
inline constexpr uint32_t kMapReplyBurst = 5000;
inline constexpr uint32_t kMapRepliesPerSecond = 20000;

// Messages that one session may send: registrations of eight ports, lookups of its peers, acknowledgements.
inline constexpr uint32_t kMessagesPerSecond = 200;
inline constexpr uint32_t kMessageBurst = 2000;
// The same of all sessions that were begun in one network (network.h).
inline constexpr protocol::BucketRate kMessagesOfNetwork{40000, 10000};

// Clients that have proved nothing yet: for each one that may be in, as a divisor, and at least. A newcomer needs a
// round trip to prove itself, in which a flood brings kMapHandshakesPerSecond others.
inline constexpr size_t kNewcomerShare = 8;
inline constexpr size_t kNewcomersAtLeast = 1024;
// Clients whose timers run before the loop looks at its sockets again.
inline constexpr int kClientsPerTurn = 256;
// A node whose newer session is confirmed sends in it at once; what it sent in the one before arrives within this time.
inline constexpr std::chrono::seconds kRetiredLifetime{60};
inline constexpr int kMaxRetiredSessions = 2;
// A node that has said so much in a moment gets the wide replay window: it has many peers to look up, and what it says
// through a slow port meanwhile arrives late. So many sessions may have it, as a divisor, and at least.
inline constexpr uint32_t kWideningMessages = 48;
inline constexpr size_t kWideShare = 16;
inline constexpr size_t kWideAtLeast = 1024;
// Sessions beyond one for each client, as a divisor: those of nodes that shake hands anew.
inline constexpr size_t kSecondSessionShare = 4;
// Clients, and records, for which a map has its hash tables ready from the beginning. More make it stop for some tenths
// of a second when it has as many.
inline constexpr size_t kReserveAtMost = size_t{1} << 21;

// Nodes that are looked at before the loop looks at its sockets again, where some are not admitted any more.
inline constexpr size_t kPurgedPerTurn = 256;

// Clients that are told when the map shuts down.
inline constexpr size_t kMaxFarewells = 10000;

// --- The relay. ---

// Channels between two nodes: each port of both has one, where there are so many.
inline constexpr size_t kRelayChannelsOfPair = 4;
// An end of a new channel has to be bound within this time, which is some repetitions and then a refresh.
inline constexpr std::chrono::seconds kRelayBeginning{15};
// An end is sent to for so long after its last bind, where registrations live longer: its node may have left the
// address to somebody else.
inline constexpr std::chrono::seconds kRelayLifetime{60};
// Ended channels are looked for so often at most, because all are looked at.
inline constexpr std::chrono::milliseconds kRelayExpiryInterval{250};
// A channel of which one end is bound may be waiting for the other one's next word: its ends say theirs this often.
inline constexpr std::chrono::seconds kRelayHalfRefresh{1};
// The other node is told of channels this often, first after this time and then after twice that; and not more often
// than so anew, however often it is asked for, or where there are others, which a node can end and ask for all the
// time. Beyond so many pairs it is not told: it asks as well where it has need.
inline constexpr int kRelayTellings = 6;
inline constexpr std::chrono::milliseconds kRelayTellAgain{250};
inline constexpr std::chrono::seconds kRelayTellAnew{5};
inline constexpr std::chrono::seconds kRelayTellOthers{1};
inline constexpr size_t kRelayPairsTold = 65536;
// Of one pair at once: a tenth of a second of its rate, and at least these bytes.
inline constexpr double kRelayBurst = 0.1;
inline constexpr double kRelayBurstAtLeast = 131072;
// A datagram counts as so many bytes at least: what it costs the map does not shrink with it.
inline constexpr size_t kRelayChargeAtLeast = 128;
// What a pair may send in a day is used up when less than a datagram is left of it.
inline constexpr std::chrono::hours kRelayDay{24};
inline constexpr uint64_t kRelayLeast = 1500;
// Pairs of which it is known what they have used that day.
inline constexpr size_t kRelayPairsRemembered = 65536;
// Datagrams that the relay's sockets take before the loop looks at the others again.
inline constexpr size_t kRelayDatagramsPerTurn = 256;
inline constexpr int kRelaySocketBuffer = 1 << 20;  // bytes, each way

// --- The operator. ---

// Nodes that are listed before the loop looks at its sockets again, which take 3 µs each, and numbers that are looked
// at for them: more of these where few nodes fit.
inline constexpr size_t kRowsPerTurn = 32;
inline constexpr size_t kListedPerTurn = 1024;
// The same of a page. A client has five seconds to read one.
inline constexpr size_t kRowsPerPage = 1000;
inline constexpr size_t kListedPerPage = size_t{1} << 17;

// --- The socket loop. ---

inline constexpr size_t kBatch = 64;           // datagrams in one recvmmsg or sendmmsg
inline constexpr size_t kDatagramRoom = 2048;  // anything longer is not ours
inline constexpr int kSocketBuffer = 8 << 20;  // bytes, each way
inline constexpr int kBatchesPerTurn = 8;      // of one socket, before the others
// After each batch so many handshakes are answered, and one more for so many of its datagrams: a batch waits behind few
// of them, and where the map has too much to do, handshakes get half of the core.
inline constexpr size_t kHandshakesPerBatch = 1;
inline constexpr size_t kDatagramsPerHandshake = 32;
inline constexpr size_t kMaxLocalAddresses =
    16384;  // own addresses told apart; below kFirstStreamId
// Addresses of a file, and as many of another one that a reload opens before the former close.
inline constexpr size_t kMaxListeners = 32;

// --- Streams: TLS connections of nodes whose UDP is blocked. ---

inline constexpr size_t kMaxStreams = 4096;
// Of these, one IPv4 address and one IPv6 /64: a NAT may have an office behind it. And one key, as it may have
// registrations.
inline constexpr size_t kMaxStreamsOfSource = 64;
inline constexpr size_t kMaxStreamsOfKey = kMaxPortsPerKey;
// Of these, those that have opened no WARP message yet.
inline constexpr size_t kMaxUnprovenStreams = 512;
// The time that one has for TLS and for its first WARP message, and until the next one.
inline constexpr std::chrono::seconds kStreamProof{10};
inline constexpr std::chrono::seconds kStreamIdle{120};
// Connections that are taken from the system, which is 10 to 20 µs of it for each: only then is it known who comes.
inline constexpr uint32_t kStreamAcceptBurst = 1000;
inline constexpr uint32_t kStreamsAcceptedPerSecond = 4000;
inline constexpr int kStreamsAcceptedPerTurn = 64;
// Of these, handshakes. Each costs a signature and a key exchange, 0.3 to 0.5 ms of OpenSSL, so these take a tenth of a
// core at most. Networks take turns.
inline constexpr uint32_t kStreamBurst = 200;
inline constexpr uint32_t kStreamsPerSecond = 250;
inline constexpr int kStreamHandshakesPerTurn = 2;
inline constexpr size_t kStreamDatagramsPerTurn = 32;  // of one connection, before the others
// Bytes that may wait for one that does not read; what comes beyond is lost, as with UDP. Where it has read nothing at
// all in two looks, it ends.
inline constexpr size_t kStreamQueue = size_t{64} << 10;
inline constexpr std::chrono::seconds kStreamLook{10};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_CONSTANTS_H_
