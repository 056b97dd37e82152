// Whether a peer has need of a map's relay: where no path has led to it for a moment, and at once where the last one
// that did is gone; until one has for so long that it can be relied on.
#ifndef WARP_CONTROL_PROTOCOL_PATH_RELAY_WISH_H_
#define WARP_CONTROL_PROTOCOL_PATH_RELAY_WISH_H_

#include <optional>
#include <utility>

#include "control/protocol/constants.h"

namespace warp::protocol {

class RelayWish {
 public:
  explicit RelayWish(Instant now) : since_(now) {}

  // Whether any path that leads through no relay works now.
  void Note(Instant now, bool direct) {
    if (direct != direct_) {
      direct_ = direct;
      since_ = now;
    }
    const bool before = wanted_;
    if (direct && now >= since_ + kRelayLinger) wanted_ = false;
    if (!direct && (had_direct_ || now >= since_ + kRelayAfter)) wanted_ = true;
    had_direct_ |= direct;
    changed_ |= wanted_ != before;
  }
  Instant next() const {
    if (direct_) return wanted_ ? since_ + kRelayLinger : kNever;
    return wanted_ ? kNever : since_ + kRelayAfter;
  }

  bool wanted() const { return wanted_; }
  // The wish, where it has changed since the last call.
  std::optional<bool> TakeChange() {
    if (!std::exchange(changed_, false)) return std::nullopt;
    return wanted_;
  }

 private:
  bool direct_ = false;
  bool had_direct_ = false;
  bool wanted_ = false;
  bool changed_ = false;
  Instant since_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_RELAY_WISH_H_
