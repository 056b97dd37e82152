// Tells the time of the protocol by the CPU's cycle counter, which the packet path may read while it may read no clock.
//
// Control sets the two side by side whenever it makes a forwarding table; from then on the counter alone says how much
// time has passed, so that the workers know the time even if control never runs again. The counter's frequency is known
// to a hundredth.
//
// CLOCK_BOOTTIME goes on while the machine is suspended. On some machines the counter does so too, on others it begins
// anew, and then it stands before the place where it was set: the time is unknown, and told as later than any. It is
// right again with the next table, which control makes when a handshake brings a session. Where the counter merely
// stood still, the time is late by the suspension until then, and it is control that ends old keys, as its timers
// follow CLOCK_BOOTTIME.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_CYCLE_CLOCK_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_CYCLE_CLOCK_H_

#include <cstdint>

#include "dataplane/wire/time.h"

namespace warp::lcore {

class CycleClock {
 public:
  // At `now` the counter stood at `cycles`; it counts `frequency` a second.
  CycleClock(wire::Instant now, uint64_t cycles, uint64_t frequency)
      : now_(now),
        cycles_(cycles),
        frequency_(static_cast<int64_t>(frequency)),
        ns_per_cycle_(1e9 / static_cast<double>(frequency)) {}

  // Later than whatever ends, and earlier than kNever.
  static constexpr wire::Instant kUnknown = wire::kNever - wire::Duration(1);

  // What the time was when the counter stood at `cycles`; kUnknown where that is more than a second before it was set.
  // Counters of different CPUs may differ by less.
  wire::Instant At(uint64_t cycles) const {
    const auto since = static_cast<int64_t>(cycles - cycles_);
    if (since < -frequency_) [[unlikely]]
      return kUnknown;
    return now_ + wire::Duration(static_cast<int64_t>(static_cast<double>(since) * ns_per_cycle_));
  }

 private:
  wire::Instant now_;
  uint64_t cycles_;
  int64_t frequency_;
  double ns_per_cycle_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_CYCLE_CLOCK_H_
