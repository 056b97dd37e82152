// The timers of one state machine, each with a name. Whatever happens sets or stops a timer where it happens; the
// machine asks in one place what is due. So a new timer is one name and one case, and nobody takes a minimum by hand.
//
//   enum class Timer : uint8_t { kExpiry, kRetry, kCount };
//   timers_.Set(Timer::kRetry, now + retry);
//   while (const std::optional<Timer> due = timers_.TakeDue(now)) switch (*due) ...
#ifndef WARP_CONTROL_PROTOCOL_TIMER_TABLE_H_
#define WARP_CONTROL_PROTOCOL_TIMER_TABLE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "control/protocol/constants.h"

namespace warp::protocol {

// `Timer` is an enum class that counts from 0 and ends with kCount.
template <typename Timer>
class TimerTable {
 public:
  TimerTable() { times_.fill(kNever); }

  void Set(Timer timer, Instant when) { times_[Index(timer)] = when; }
  void Stop(Timer timer) { Set(timer, kNever); }
  void StopAll() { times_.fill(kNever); }
  // Sets the timer unless it goes off before `when` anyway.
  void Hasten(Timer timer, Instant when) { Set(timer, std::min(At(timer), when)); }
  // A timer that runs goes off at `when` at the earliest. One that is stopped stays so.
  void PutOff(Timer timer, Instant when) { Set(timer, std::max(At(timer), when)); }

  Instant At(Timer timer) const { return times_[Index(timer)]; }  // kNever: it is stopped
  bool Runs(Timer timer) const { return At(timer) != kNever; }
  Instant Next() const { return *std::min_element(times_.begin(), times_.end()); }

  // Stops one of the timers that are due and names it; nullopt when none is. Of several that are due it takes the one
  // that the enum names first, so the enum's order is the order in which a machine does what has become due together.
  std::optional<Timer> TakeDue(Instant now) {
    for (size_t i = 0; i < times_.size(); ++i) {
      if (times_[i] > now || times_[i] == kNever) continue;
      times_[i] = kNever;
      return static_cast<Timer>(i);
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t Index(Timer timer) { return static_cast<size_t>(timer); }

  std::array<Instant, Index(Timer::kCount)> times_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_TIMER_TABLE_H_
