// How a path follows timers that have changed. The rest of it is in path.cc.
#include <algorithm>

#include "control/protocol/path/path.h"

namespace warp::protocol {

Duration Path::LongestWait(const Timers& timers) const {
  if (!active() && !in_use_) return std::max(timers.probe_interval, LongestInterval(timers));
  if (!active()) return std::max(timers.probe_interval, timers.lost_interval_max);
  if (in_use_) return timers.probe_interval;
  return std::max(timers.probe_interval, IdleInterval(timers));
}

void Path::Retune(Instant now, const Timers& timers, Duration before) {
  ScheduleLoss(timers);
  size_.SetPace(PaceOf(timers));
  if (!usable_) return;
  if (!active() && timers.probe_interval < before) return Wake(now);
  if (last_probe_) timers_.Hasten(Timer::kProbe, std::max(now, *last_probe_ + LongestWait(timers)));
}

}  // namespace warp::protocol
