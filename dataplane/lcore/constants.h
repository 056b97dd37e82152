// The sizes and limits of the packet path. Those of pools stand in memory/pool.h, those of the protocol in
// wire/constants.h.
#ifndef WARP_DATAPLANE_LCORE_CONSTANTS_H_
#define WARP_DATAPLANE_LCORE_CONSTANTS_H_

#include <cstddef>
#include <cstdint>

namespace warp::lcore {

// Packets that one stage handles at a time.
inline constexpr uint16_t kBurst = 32;

// For sealed datagrams of at least this size, a header chained to a reference costs less than a linear copy
// (docs/decisions.md).
inline constexpr uint32_t kReferenceFrom = 352;

// Entries of the rings to control beside payloads and completions: enough for a turn of its loop. Handshake messages
// have a ring for each rank, in which a network of senders has at most a share. Those beyond it are dropped as
// handshake_budget.
inline constexpr uint32_t kHandshakeRing = 256;
inline constexpr uint16_t kHandshakeShare = kHandshakeRing / 8;
inline constexpr uint32_t kForeignRing = 512;
// Entries of the ring for frames from control to a worker: probes, handshakes, companion traffic.
inline constexpr uint32_t kFrameRing = 1024;

// Of the counters that are sampled (kFirstSampling) so many are remembered at a time: a copy that is further behind the
// newest than all of them finds nothing to be compared with.
inline constexpr size_t kFirstSlots = 4096;
// How long a set of counters of what is sampled has its turn.
inline constexpr uint64_t kFirstSetNs = 8'000'000'000;

// Of the turns that moved packets one in this many is measured stage by stage.
inline constexpr uint32_t kStageSampling = 256;

// Empty turns before an adaptive worker sleeps, and how long it sleeps at most: for so long it may miss what there is
// to do, where the thread that is to wake it stands still before it rings. Where a port has no descriptor to poll, it
// only naps.
inline constexpr uint32_t kIdleTurns = 20;
inline constexpr uint32_t kSleepMs = 50;
inline constexpr uint32_t kNapUs = 100;

// Turns of an inline worker in one turn of control, which takes at most this many bursts (128 payloads) from a gate at
// a time.
inline constexpr uint32_t kInlineTurns = 4;

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_CONSTANTS_H_
