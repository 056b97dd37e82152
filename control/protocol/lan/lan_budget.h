// The hashes that may be spent on what is received (LanDiscovery): a bounded number a second in all, of which whoever
// sends from one address gets an eighth in the long run. So one station that floods keeps no other from being heard.
//
// A datagram may cost more than is left, once; what it took too much is paid back before the next one. Addresses are
// told apart by a hash of theirs that nobody else knows, so that the memory is bounded. Pure; one thread.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_BUDGET_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_BUDGET_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::protocol {

// So many hashes at once, and so many a second: a few hundredths of a CPU.
inline constexpr int64_t kLanHashBurst = 2000;
inline constexpr int64_t kLanHashesPerSecond = 20000;
// So many a second on what comes from one address.
inline constexpr int64_t kLanHashesPerSource = kLanHashesPerSecond / 8;

class LanBudget {
 public:
  // False: there is nothing left, for this address or for all.
  bool Spend(wire::Instant now, const wire::IpAddress& from, size_t hashes);

 private:
  class Purse {
   public:
    explicit Purse(int64_t a_second)
        : period_(std::chrono::nanoseconds(std::chrono::seconds(1)) / a_second) {}
    bool Has(wire::Instant now);
    void Take(size_t hashes) { left_ -= static_cast<int64_t>(hashes); }

   private:
    wire::Duration period_;  // in which one hash is earned
    int64_t left_ = kLanHashBurst;
    wire::Instant refilled_{};
  };
  struct Share : Purse {
    Share() : Purse(kLanHashesPerSource) {}
  };

  Purse all_{kLanHashesPerSecond};
  std::array<Share, 64> shares_{};
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_BUDGET_H_
