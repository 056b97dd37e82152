// Every size and limit of the packet path. Sizes of pools stand in pool.h, those of the protocol in
// wire/constants.h.
#ifndef WARP_DATAPLANE_LCORE_CONSTANTS_H_
#define WARP_DATAPLANE_LCORE_CONSTANTS_H_

#include <cstddef>
#include <cstdint>

namespace warp::lcore {

// Packets that one stage handles at a time.
inline constexpr uint16_t kBurst = 32;

// From this size of a sealed datagram on, a header chained to a reference costs less than a linear
// copy (docs/decisions.md).
inline constexpr uint32_t kReferenceFrom = 352;

// Handshake messages of one RX burst that are worth a MAC; beyond it: handshake_budget.
inline constexpr uint16_t kHandshakesPerBurst = 8;

// Rings to control beside payloads and completions: enough for a turn of its loop.
inline constexpr uint32_t kHandshakeRing = 256;
inline constexpr uint32_t kForeignRing = 512;
// Frames from control to a worker: probes, handshakes, companion traffic.
inline constexpr uint32_t kFrameRing = 1024;

// One counter of this many is time-stamped when it is claimed, so that the lag of later copies is
// known.
inline constexpr uint64_t kSkewSampling = 16;
inline constexpr size_t kSkewSlots = 4096;

// One turn of so many that moved packets is measured stage by stage.
inline constexpr uint32_t kStageSampling = 256;

// Empty turns before an adaptive worker goes to sleep, and how long it sleeps at most: it
// shows a sign of life ten times a second. Where a port has no descriptor to poll, it only naps.
inline constexpr uint32_t kIdleTurns = 20;
inline constexpr uint32_t kSleepMs = 100;
inline constexpr uint32_t kNapUs = 100;

// Turns of an inline worker in one of control's, which takes at most so many payloads from a gate in turn: 128.
inline constexpr uint32_t kInlineTurns = 4;

// How long RemovePort waits for the lcores to let go of a port.
inline constexpr uint32_t kGraceMs = 2000;

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_CONSTANTS_H_
