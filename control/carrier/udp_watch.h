// Whether an interface wants a connection: its map has not answered by UDP for a while, and has not done so for long
// enough since. Each answer that is a moment late changes nothing.
#ifndef WARP_CONTROL_CARRIER_UDP_WATCH_H_
#define WARP_CONTROL_CARRIER_UDP_WATCH_H_

#include <algorithm>
#include <chrono>

#include "dataplane/wire/time.h"

namespace warp::control {

class UdpWatch {
 public:
  static constexpr wire::Duration kSilent = std::chrono::seconds(5);
  static constexpr wire::Duration kWorks = std::chrono::seconds(30);

  // `answers`: a map knows the interface by UDP now, and owes it no answer. Call it about once a second.
  void Note(wire::Instant now, bool answers) {
    if (answers) {
      silent_ = wire::kNever;
      if (works_ == wire::kNever) works_ = now;
      if (now - works_ >= kWorks) wants_ = false;
      return;
    }
    if (silent_ == wire::kNever) silent_ = now;
    if (now - silent_ < kSilent) return;
    wants_ = true;
    works_ = wire::kNever;
  }
  // The interface is down, or has no address: nothing can be said of it.
  void Forget() { *this = UdpWatch(); }

  bool wants_connection() const { return wants_; }

 private:
  bool wants_ = false;
  wire::Instant silent_ = wire::kNever;  // since when it does not answer
  wire::Instant works_ = wire::kNever;   // since when it does, pauses shorter than kSilent aside
};

}  // namespace warp::control

#endif  // WARP_CONTROL_CARRIER_UDP_WATCH_H_
