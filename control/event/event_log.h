// The events of a node: numbers them, hands each to those who act on it at once (the log, hooks), and remembers the
// last ones for those who read at a pace of their own (`warp watch`).
//
//   Raise ──► sinks, at once
//       └───► the last kRemembered ◄── EventReader, one for each reader, which only has a place in it
//
// A reader that is too slow costs nothing and holds nobody up: it reads how many it has missed, and goes on with the
// oldest that is left. Control thread.
#ifndef WARP_CONTROL_EVENT_EVENT_LOG_H_
#define WARP_CONTROL_EVENT_EVENT_LOG_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "control/event/event.h"

namespace warp::control {

class EventLog {
 public:
  static constexpr size_t kRemembered = 512;

  explicit EventLog(std::function<absl::Time()> wall_clock) : wall_clock_(std::move(wall_clock)) {}

  // Every event from now on, in order. A sink must not block, and raises no event itself.
  void AddSink(std::function<void(const Event&)> sink) { sinks_.push_back(std::move(sink)); }

  void Raise(Event event) {
    event.number = ++raised_;
    event.time = wall_clock_();
    for (const auto& sink : sinks_) sink(event);
    events_.push_back(std::move(event));
    if (events_.size() > kRemembered) events_.pop_front();
  }

  uint64_t raised() const { return raised_; }

 private:
  friend class EventReader;
  const std::function<absl::Time()> wall_clock_;
  std::vector<std::function<void(const Event&)>> sinks_;
  std::deque<Event> events_;  // the last of them, whose numbers have no gap
  uint64_t raised_ = 0;
};

class EventReader {
 public:
  // Begins with the last `past` events, as far as they are remembered. `log` outlives it.
  EventReader(const EventLog& log, size_t past)
      : log_(log), read_(log.raised_ - std::min<uint64_t>(past, log.events_.size())) {}

  // nullopt: all are read.
  std::optional<Event> Next() {
    const uint64_t oldest = log_.raised_ - log_.events_.size() + 1;
    if (read_ + 1 < oldest) {
      Event missed{.kind = EventKind::kEventsMissed, .missed = oldest - read_ - 1};
      missed.time = log_.wall_clock_();
      read_ = oldest - 1;
      return missed;
    }
    if (read_ == log_.raised_) return std::nullopt;
    return log_.events_[++read_ - oldest];
  }

 private:
  const EventLog& log_;
  uint64_t read_;  // the number of the last one
};

}  // namespace warp::control

#endif  // WARP_CONTROL_EVENT_EVENT_LOG_H_
