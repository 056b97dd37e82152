// When a path is about to fail, where it fails at the same moments of each 15 s. Links to satellites in low orbit do:
// all terminals change their satellite 12, 27, 42 and 57 s after each full minute, and may lose all that is under way.
// What is sent just before such a moment cannot be known to be lost until later, so that a deadline shorter than that
// can be kept only by who knows the moment beforehand.
//
//   outages that began     ●              ●                               ●
//   periods of 15 s        |--------------|--------------|--------------|--------------|
//   due                                   ▒ (the one)    ▒ (two of the last three)      ▒
//
// One that had none within the period before it is expected again once: it may be the first of them. Where several come
// in each period they are of no such kind, as the bursts of a radio are, unless they are seen to repeat.
//
// Pure; `now` is a parameter. Control thread.
#ifndef WARP_CONTROL_BONDING_OUTAGE_SLOTS_H_
#define WARP_CONTROL_BONDING_OUTAGE_SLOTS_H_

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

#include "dataplane/wire/time.h"

namespace warp::bonding {

class OutageSlots {
 public:
  static constexpr wire::Duration kPeriod = std::chrono::seconds(15);
  // From so long before the moment until so long after it an outage is due: by then it is known whether it came.
  static constexpr wire::Duration kBefore = std::chrono::milliseconds(100);
  static constexpr wire::Duration kAfter = std::chrono::milliseconds(200);

  // An outage began about then. It may be noted several times, and late: when it is known that something was lost. That
  // nothing is heard of a path for a moment is none, since a machine that is late does the same.
  void Note(wire::Instant began) {
    if (began > last_ + kApart) {
      alone_ = last_ == wire::Instant{} || began > last_ + kPeriod - kApart;
      last_ = began;
    }
    const int64_t slot = SlotOf(began), period = slot / kSlots;
    if (period > period_) {
      const int64_t ahead = period - period_;
      for (uint8_t& times : times_) times = ahead < 8 ? static_cast<uint8_t>(times << ahead) : 0;
      period_ = period;
    }
    if (period_ - period < 8) {
      times_[static_cast<size_t>(slot % kSlots)] |= static_cast<uint8_t>(1u << (period_ - period));
    }
    seen_ = true;
    looked_ = -1;
  }

  // An outage began at this moment in two of the last three periods, or a period ago and was the only one.
  bool Due(wire::Instant now) const {
    if (!seen_) return false;
    const int64_t slot = SlotOf(now);
    if (slot == looked_) return due_;
    looked_ = slot;
    due_ = alone_ && now + kBefore + kSlot >= last_ + kPeriod &&
           now - kAfter - kSlot <= last_ + kPeriod;
    for (int64_t one = SlotOf(now - kAfter); one <= SlotOf(now + kBefore); ++one) {
      // It may begin, or be noticed, a slot earlier or later than before.
      const unsigned times = TimesOf(one - 1) | TimesOf(one) | TimesOf(one + 1);
      due_ = due_ || std::popcount(times) >= 2;
    }
    return due_;
  }

 private:
  static constexpr wire::Duration kSlot = std::chrono::milliseconds(100);
  static constexpr int64_t kSlots = kPeriod / kSlot;
  static constexpr wire::Duration kApart =
      std::chrono::seconds(1);  // what is nearer is the same outage
  static int64_t SlotOf(wire::Instant at) { return at.time_since_epoch() / kSlot; }

  // The last three periods before that of the slot: bit i is set if an outage began in this slot of the i-th before it.
  unsigned TimesOf(int64_t slot) const {
    if (slot < 0) return 0;
    const int64_t ahead = slot / kSlots - period_;
    if (ahead < 0 || ahead > 3) return 0;
    return (unsigned{times_[static_cast<size_t>(slot % kSlots)]} << ahead) & 0b1110u;
  }

  std::array<uint8_t, kSlots> times_{};  // of each slot: bit i is the i-th period before period_
  int64_t period_ = 0;                   // of the last outage
  wire::Instant last_{};                 // of the last outage
  bool alone_ = false;                   // none came in the period before it
  bool seen_ = false;
  mutable int64_t looked_ = -1;  // the slot for which due_ holds
  mutable bool due_ = false;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_OUTAGE_SLOTS_H_
