// What the relay forwards for one pair of nodes: a rate, and bytes in a day.
#ifndef WARP_MAP_SERVER_RELAY_PAIR_ALLOWANCE_H_
#define WARP_MAP_SERVER_RELAY_PAIR_ALLOWANCE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dataplane/wire/time.h"
#include "map-server/constants.h"

namespace warp::map {

struct RelayTerms {
  uint64_t rate =
      20'000'000;  // bits a second of one pair, both directions together; of UDP payloads, as charged
  uint64_t bytes = 10'000'000'000;  // of one pair in a day, likewise
  uint32_t pairs = 1000;            // at a time
  friend bool operator==(const RelayTerms&, const RelayTerms&) = default;
};

class PairAllowance {
 public:
  enum class Verdict : uint8_t { kTaken, kTooFast, kUsedUp };
  // Takes a datagram of `bytes` where it may be forwarded.
  Verdict Take(wire::Instant now, const RelayTerms& terms, size_t bytes) {
    Roll(now);
    const size_t size = std::max(bytes, kRelayChargeAtLeast);
    if (used_ + size > terms.bytes) return Verdict::kUsedUp;
    const double rate = static_cast<double>(terms.rate) / 8;
    const double burst = std::max(rate * kRelayBurst, kRelayBurstAtLeast);
    const double earned = std::chrono::duration<double>(now - refilled_).count() * rate;
    owed_ = std::max(0.0, owed_ - std::max(0.0, earned));
    refilled_ = std::max(refilled_, now);
    if (owed_ + static_cast<double>(size) > burst) return Verdict::kTooFast;
    owed_ += static_cast<double>(size);
    used_ += size;
    return Verdict::kTaken;
  }
  bool exhausted(wire::Instant now, const RelayTerms& terms) {
    Roll(now);
    return used_ + kRelayLeast > terms.bytes;
  }
  uint64_t used() const { return used_; }
  // Nothing is to be remembered any more.
  bool over(wire::Instant now) const { return used_ == 0 || now >= began_ + kRelayDay; }

 private:
  // A day begins with the first datagram.
  void Roll(wire::Instant now) {
    if (used_ != 0 && now < began_ + kRelayDay) return;
    began_ = now;
    used_ = 0;
  }

  wire::Instant refilled_{};
  double owed_ = 0;  // bytes of the burst
  wire::Instant began_{};
  uint64_t used_ = 0;  // since
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_RELAY_PAIR_ALLOWANCE_H_
