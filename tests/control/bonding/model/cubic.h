// One TCP flow through a world, as senders of today are: cubic, SACK, loss found by RACK with a window of reordering
// that grows when it was wrong, and the window given back then.
#ifndef WARP_TESTS_CONTROL_BONDING_MODEL_CUBIC_H_
#define WARP_TESTS_CONTROL_BONDING_MODEL_CUBIC_H_

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "tests/control/bonding/model/world.h"

namespace warp::bonding {

class Cubic {
 public:
  // Acknowledgements take `back`.
  Cubic(World& world, uint16_t flow, Duration back);
  void Start();

  double window() const { return window_; }
  uint64_t lost() const { return lost_; }
  uint64_t spurious() const { return spurious_; }
  const std::vector<float>& round_trips() const { return round_trips_; }

 private:
  struct Sent {
    Instant at;
    uint64_t segment;
    bool lost = false;
  };
  void Go();
  void Transmit(uint64_t segment);
  void Acknowledged(uint64_t order);
  void Grow(double round_trip);
  void FindLost();
  void Backoff();
  void Watch();
  bool acked(uint64_t segment) const { return segment < acked_.size() && acked_[segment]; }

  World& world_;
  const uint16_t flow_;
  const Duration back_;
  double window_ = 10, threshold_ = 1e9, top_ = 0, prior_ = 0, inflection_ = 0;
  Instant epoch_{};
  bool in_epoch_ = false;
  double smooth_ = 0, least_ = 1e9;  // round trips, ms
  double reorder_ = 1;
  uint64_t next_ = 0, first_unacked_ = 0, order_ = 0;
  int64_t flying_ = 0;
  std::map<uint64_t, Sent> sent_;                    // in the order of sending
  std::unordered_map<uint64_t, uint64_t> order_of_;  // a payload's number
  std::deque<uint64_t> again_;
  std::vector<bool> acked_;
  Instant recovery_end_{}, newest_acked_{}, last_undo_{}, last_ack_{};
  uint64_t lost_ = 0, spurious_ = 0;
  std::vector<float> round_trips_;
  bool resting_ = false;
};

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_MODEL_CUBIC_H_
