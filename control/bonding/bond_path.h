// One path of a bond: how much it carries, when it may send, what waits for it and what is under way.
#ifndef WARP_CONTROL_BONDING_BOND_PATH_H_
#define WARP_CONTROL_BONDING_BOND_PATH_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "control/bonding/capacity.h"
#include "control/bonding/compact_queue.h"
#include "control/bonding/flight.h"
#include "control/bonding/grant.h"
#include "control/bonding/outage_slots.h"
#include "control/bonding/path_clock.h"
#include "control/bonding/rate_meter.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/path_mask.h"

namespace warp::bonding {

// Of paths that carry only while no other one works: worse than any tier that is configured.
inline constexpr uint8_t kLastResortTier = UINT8_MAX - 1;

// A path that may send.
struct PathSpec {
  wire::PathId id = 0;
  wire::PathSlot slot = wire::kNoPathSlot;
  wire::PortId port = 0;
  uint16_t remote_port = 0;
  uint8_t tier = 1;
  // Bytes a second; 0: no bound. Our own is trusted: the path begins with it. What the peer lets come in says nothing
  // of the link, and bounds alone.
  uint64_t max_rate = 0;
  uint64_t told_rate = 0;
  // As probes found it; zero: unknown. Before payloads have shown the floor of the path, this stands in for it.
  Duration round_trip{};

  uint64_t bound() const {
    if (max_rate == 0 || told_rate == 0) return std::max(max_rate, told_rate);
    return std::min(max_rate, told_rate);
  }
};

// What a path does, for people.
struct PathStatus {
  Rate capacity = 0;  // bytes a second
  bool known = false;
  uint64_t bound = 0;  // bytes a second; 0: none
  Rate in_use = 0;
  Duration queue{};    // in the path, beyond its floor
  Duration above{};    // its floor above that of the fastest path
  Duration waiting{};  // what waits here for it
  double loss = 0;
  bool suspect = false;
  bool contested = false;  // a queue stands in it that is not ours
  uint64_t resent = 0;     // packets
  uint64_t copies = 0;
  uint64_t parity = 0;
};

struct BondPath {
  explicit BondPath(const PathSpec& of) : spec(of), capacity(of.max_rate, of.round_trip) {
    capacity.SetBound(of.bound());
  }

  PathSpec spec;
  bool present = true;
  // Since its share was looked at, something has had to wait, or was refused because it would have to for too long.
  bool waited = false;
  Capacity capacity;
  PathClock clock;
  Flight flight;

  uint64_t queued = 0;             // bytes that wait
  uint64_t again_queued = 0;       // of these, what was lost and goes again
  CompactQueue<uint16_t> waiting;  // flows with something in their queue, in turns
  uint64_t waiting_weight = 0;     // of these
  uint32_t crowded = 0;            // how often a flow came to where none waited
  double rounds = 0;               // of turns since
  Instant held_until{};            // all of them are held back until then
  int64_t copy_credit = 0;         // bytes of copies that may pass what waits

  // The last feedback said that nothing came of late, though something should have: no payload is put there until the
  // next one says otherwise.
  bool silent = false;
  bool suspect = false;
  Instant proving_since{};  // of a suspect path: copies arrive since
  Instant last_trial{};     // of a suspect path: a copy was sent to see whether any arrives
  Instant last_progress{};  // feedback said that something newer came
  double loss = 0;          // smoothed share of what was lost
  uint32_t run = 0;         // lost in a row
  Instant risky_until{};    // several were lost in a row
  Instant newest_sent{};    // of what has arrived, when the newest was sent
  OutageSlots outages;
  bool foreseen = false;  // an outage was due when the path was checked last

  uint64_t sent_bytes = 0;
  uint64_t charged_bytes = 0;  // by others
  uint64_t arrived_bytes = 0;
  uint32_t said_bytes = 0;  // in the last feedback
  uint32_t said_packets = 0;
  bool said = false;
  uint64_t resent = 0, copies = 0, parity = 0;
  RateMeter in_use;
  // Of looks at its share.
  Rate use = 0;
  Instant looked{};
  uint64_t looked_bytes = 0;
  uint32_t looks = 1;
  uint64_t used_weight = 0;  // of the tunnels that have sent since

  // What was sent already is paid for at the new pace, so that a path which had next to nothing goes on at once.
  void SetShare(Instant now, Rate share) {
    const double before = capacity.ByteTime(now), least = capacity.LeastByteTime();
    capacity.SetShare(share);
    clock.Scale(now, capacity.ByteTime(now) / before,
                least > 0 ? capacity.LeastByteTime() / least : 1);
  }
  // What was sent already is paid for at the new pace here as well.
  void Presume(Instant now, Rate rate) {
    const double before = capacity.ByteTime(now);
    capacity.Presume(now, rate);
    clock.Scale(now, capacity.ByteTime(now) / before);
  }
  // Bytes a second, lately. Who has just ceased to send needs nothing more, so that this forgets within some looks.
  Rate TakeUse(Instant now) {
    const double time = std::chrono::duration<double>(now - looked).count();
    if (time > 0) {
      const Rate since = static_cast<double>(sent_bytes - looked_bytes) / time;
      use += std::min(1.0, time / 0.1) * (since - use);
      if (use < 1) use = 0;
      looked = now;
      looked_bytes = sent_bytes;
    }
    return use;
  }
  // Of the tunnels that the share is for, since it was last asked; `waits` is that of those which wait now.
  double TakeWeight(uint64_t waits) {
    ++looks;
    return static_cast<double>(std::max({uint64_t{1}, waits, std::exchange(used_weight, 0)}));
  }
  Duration Backlog(Instant now) const {
    return clock.Wait(now) + PathClock::TimeOf(queued, capacity.ByteTime(now));
  }
  // Copies leave at once, and are paid for afterwards. So there are as many as can be paid for; and where payloads
  // wait, copies have no more than those.
  bool TakesCopy(Instant now, uint32_t size) const {
    return clock.Takes(now, PathClock::TimeOf(size, capacity.ByteTime(now))) &&
           (queued == again_queued || copy_credit > 0);
  }
  static constexpr int64_t kMostCopyCredit = 30'000;
  void NoteBytes(Instant now, uint64_t bytes) {
    sent_bytes += bytes;
    in_use.Note(now, bytes);
  }
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_BOND_PATH_H_
