// When each of many machines is due, by a small number that names the machine. A binary heap: to ask for the next one
// costs nothing, whatever their number, and to change one costs the logarithm of it.
#ifndef WARP_CONTROL_PROTOCOL_NODE_TIMER_HEAP_H_
#define WARP_CONTROL_PROTOCOL_NODE_TIMER_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/protocol/constants.h"

namespace warp::protocol {

class TimerHeap {
 public:
  // `id` is due at `when`, whatever was set before; kNever stops its timer. Ids should be dense.
  void Set(uint32_t id, Instant when);

  Instant Next() const { return heap_.empty() ? kNever : heap_.front().when; }

  // Stops the timer that went off first and names its machine; nullopt when none is due. Of timers with the same time,
  // the one that was set first goes first, so that nobody is passed over while more are due than are taken.
  std::optional<uint32_t> TakeDue(Instant now);

 private:
  struct Item {
    Instant when;
    uint64_t order = 0;  // in which the timers were set
    uint32_t id = 0;

    bool IsBefore(const Item& other) const {
      return when != other.when ? when < other.when : order < other.order;
    }
  };
  static constexpr size_t kNowhere = SIZE_MAX;

  void Remove(size_t place);
  void Put(size_t place, const Item& item);
  void Rise(size_t place);
  void Sink(size_t place);

  std::vector<Item> heap_;
  std::vector<size_t> places_;  // in heap_, by id
  uint64_t orders_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_NODE_TIMER_HEAP_H_
