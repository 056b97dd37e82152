// Which of two paths should rather carry payloads, and which of them may at all.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_CHOICE_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_CHOICE_H_

#include <algorithm>

#include "control/protocol/path/path.h"

namespace warp::protocol {

inline bool AreAlternatives(const Path& a, const Path& b) {
  if (a.route().port != b.route().port || a.relayed() != b.relayed()) return false;
  return a.remote_port().has_value() && a.remote_port() == b.remote_port();
}

// What arrives over a path, in eighths, so that a change of little weight changes nothing. All good ones are alike.
inline int Eighths(const Path& path, Instant now) {
  return static_cast<int>(std::min(path.delivery(now), kGoodShare) * 8);
}

// Whether `a` should rather carry than `b`; both may.
inline bool IsBetter(const Path& a, const Path& b, Instant now) {
  if (a.active() != b.active()) return a.active();
  if (a.relayed() != b.relayed()) return b.relayed();
  if (Eighths(a, now) != Eighths(b, now)) return Eighths(a, now) > Eighths(b, now);
  if (a.learned() != b.learned()) return b.learned();
  if (a.hairpin(now) != b.hairpin(now)) return b.hairpin(now);
  if (a.carries() != b.carries()) return a.carries();
  return a.rtt().value_or(Duration::max()) < b.rtt().value_or(Duration::max());
}

inline bool Works(const Path& path, Instant now) {
  return path.active() && !path.blocked(now) && !path.use().refused();
}

inline bool JustLost(const Path& path, Instant now) {
  return path.usable() && path.last_active() != Instant{} && !path.active() &&
         !path.remote_down() && now < path.last_active() + kLostCarries;
}

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_CHOICE_H_
