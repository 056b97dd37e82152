// Adds up what a port has carried, over the resets of its counters: a device that is opened anew, a driver that begins
// anew. Nothing is counted twice, nor ever taken back.
#ifndef WARP_CONTROL_CAP_ODOMETER_H_
#define WARP_CONTROL_CAP_ODOMETER_H_

#include <cstdint>
#include <optional>
#include <utility>

namespace warp::cap {

class Odometer {
 public:
  // Returns how many bytes came since the last call. `total` is what the device has counted. The first call after it
  // was opened, which is best made at once, counts nothing: its counters may begin anywhere.
  uint64_t Advance(uint64_t total) {
    if (!last_.has_value()) {
      last_ = total;
      return 0;
    }
    const uint64_t before = std::exchange(*last_, total);
    return total >= before ? total - before : total;
  }
  // The device was closed.
  void Close() { last_.reset(); }

 private:
  std::optional<uint64_t> last_;
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_ODOMETER_H_
