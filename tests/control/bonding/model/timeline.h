// Virtual time: what is to happen when, in the order of its time, and of its making where times are equal.
#ifndef WARP_TESTS_CONTROL_BONDING_MODEL_TIMELINE_H_
#define WARP_TESTS_CONTROL_BONDING_MODEL_TIMELINE_H_

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "dataplane/wire/time.h"

namespace warp::bonding {

using wire::Duration;
using wire::Instant;

class Timeline {
 public:
  Instant now() const { return now_; }
  void At(Instant when, std::function<void()> what) {
    events_.push({std::max(when, now_), made_++, std::move(what)});
  }
  void In(Duration delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }
  void RunUntil(Instant end) {
    while (!events_.empty() && events_.top().when <= end) {
      Event event = std::move(const_cast<Event&>(events_.top()));
      events_.pop();
      now_ = event.when;
      event.what();
    }
    now_ = end;
  }

 private:
  struct Event {
    Instant when;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  Instant now_{};
  uint64_t made_ = 0;
  std::priority_queue<Event> events_;
};

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_MODEL_TIMELINE_H_
