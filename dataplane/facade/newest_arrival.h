// The newest payload that came over a path, and when: a sender that spreads payloads must hear that of each path.
#ifndef WARP_DATAPLANE_FACADE_NEWEST_ARRIVAL_H_
#define WARP_DATAPLANE_FACADE_NEWEST_ARRIVAL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "dataplane/wire/time.h"

namespace warp::lcore {

struct NewestArrival {
  uint32_t counter = 0;             // its low half
  uint8_t session = 0;              // the low byte of our index of its session
  std::chrono::nanoseconds age{0};  // since it was received
};

// Has one writer, the worker of the path's port. Any thread may read it at any time.
//
// A reader must not take the counter of one payload for that of another, or its time, and the writer must not wait. So
// one word holds the low parts of counter, session and time, and is right by itself. The other has the whole session,
// so that the writer knows whether two counters can be compared, and the high half of the time, which changes every
// second or two. Where a reader finds the second word of a payload that came up to four seconds before that of the
// first, the bits of the time that both have lead it to the right one.
class NewestCell {
 public:
  struct Of {
    uint32_t index = 0;  // ours of the session
    wire::Instant expires = wire::kNever;
  };
  // A payload of a session was received when the time-stamp counter, each tick of which takes `ns`, stood at `cycles`.
  // One that others of its session have overtaken changes nothing: what was sent twice, by whomever, would else take
  // the path back to where it was. Nor does one of a session that ends sooner than that of the newest one, while that
  // is no second old: a recording of the session before would take its path out of what is told.
  void Note(const Of& session, uint64_t counter, uint64_t cycles, double ns) {
    const auto number = static_cast<uint32_t>(counter);
    if (const std::optional<Reading> last = Read()) {
      if (rest_.load(std::memory_order_relaxed) >> 32 == session.index) {
        if (static_cast<int32_t>(number - last->counter) <= 0) return;
      } else if (session.expires < expires_ &&
                 static_cast<double>(cycles - last->cycles) * ns < 1e9) {
        return;
      }
    }
    expires_ = session.expires;
    const uint64_t time = cycles >> kTimeShift & kTimeMask;
    word_.store(uint64_t{number} << 32 | uint64_t{session.index & 0xff} << kTimeBits | time,
                std::memory_order_release);
    rest_.store(uint64_t{session.index} << 32 | cycles >> 32, std::memory_order_release);
  }

  struct Reading {
    uint32_t counter = 0;
    uint8_t session = 0;
    uint64_t cycles = 0;  // the time-stamp counter when it came, to 1,024 ticks
  };
  // None has come: nullopt. The word is as new as the rest or newer.
  std::optional<Reading> Read() const {
    const uint64_t rest = rest_.load(std::memory_order_acquire);
    if (rest == kNone) return std::nullopt;
    const uint64_t word = word_.load(std::memory_order_acquire);
    const uint64_t base = rest << 32;
    const uint64_t since = ((word & kTimeMask) << kTimeShift) - base;
    return Reading{.counter = static_cast<uint32_t>(word >> 32),
                   .session = static_cast<uint8_t>(word >> kTimeBits),
                   .cycles = base + (since & (kTimeMask << kTimeShift))};
  }

 private:
  static constexpr int kTimeShift = 10, kTimeBits = 24;
  static constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;
  static constexpr uint64_t kNone = UINT64_MAX;

  std::atomic<uint64_t> word_{0};      // counter 32 | session 8 | time 24
  std::atomic<uint64_t> rest_{kNone};  // session 32 | time 32
  wire::Instant expires_{};            // the writer's: when the session does
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_NEWEST_ARRIVAL_H_
