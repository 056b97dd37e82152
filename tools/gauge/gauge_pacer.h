// Says when the next datagrams are due. It reads no clock: `now` is a parameter, in ns of any steady clock.
#ifndef WARP_TOOLS_GAUGE_GAUGE_PACER_H_
#define WARP_TOOLS_GAUGE_GAUGE_PACER_H_

#include <cstdint>

namespace warp::tools {

// A sender that was held up catches up in small batches at no more than twice the rate. Otherwise its own pause would
// become a burst that overflows somebody's queue. It never makes up for more than kMaxDebt.
class GaugePacer {
 public:
  static constexpr uint64_t kMaxBatch = 8;
  static constexpr uint64_t kMaxDebt = 100'000'000;  // ns

  // `rate` is in datagrams a second. With 0 datagrams are always due, in full batches.
  GaugePacer(double rate, uint64_t start);

  // Returns how many datagrams to send at `now`, 0..kMaxBatch. They count as sent.
  uint64_t Take(uint64_t now);
  // Returns the time before which Take gives nothing.
  uint64_t next() const;

 private:
  const uint64_t start_;
  const double interval_;    // in ns; 0 without pacing
  double due_ = 0;           // when the next datagram is due, since start_
  uint64_t not_before_ = 0;  // catching up allows nothing before this, since start_
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_PACER_H_
