// How both ends of a path want it to be used, for the sake of what it costs: each speaks for its own port, and the
// stricter word counts. And whether payloads go over it now, for a path that is sparing is as idle as any while they go
// over others.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_USE_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_USE_H_

#include <algorithm>
#include <cstdint>
#include <optional>

#include "control/protocol/constants.h"
#include "control/protocol/port_use.h"

namespace warp::protocol {

class PathUse {
 public:
  // Our port wants that, and the peer's. True when this is another word than before.
  bool SetOwn(PortUse use) { return Set(own_, use); }
  bool SetTold(PortUse use) { return Set(told_, use); }

  PortUse use() const { return std::max(own_, told_); }
  bool sparing() const { return use() >= PortUse::kSparing; }
  bool refused() const { return use() == PortUse::kNone; }

  // So many copies of payloads have been sent over the path in all.
  void NoteSent(Instant now, uint64_t copies) {
    if (sent_.has_value() && copies > *sent_) last_sent_ = now;
    sent_ = copies;
  }
  // Whether the path is in use where its peer is.
  bool Flows(Instant now, Duration linger) const {
    return !sparing() || (last_sent_ != kNeverSent && now - last_sent_ < linger);
  }

 private:
  static constexpr Instant kNeverSent{};

  bool Set(PortUse& word, PortUse use) {
    const bool changed = word != use;
    word = use;
    return changed;
  }

  PortUse own_ = PortUse::kFree;
  PortUse told_ = PortUse::kFree;
  std::optional<uint64_t> sent_;
  Instant last_sent_ = kNeverSent;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_USE_H_
