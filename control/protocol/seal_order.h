// When the peer sealed a message: two of them compare as they were sealed, whichever paths they took.
#ifndef WARP_CONTROL_PROTOCOL_SEAL_ORDER_H_
#define WARP_CONTROL_PROTOCOL_SEAL_ORDER_H_

#include <compare>
#include <cstdint>

namespace warp::protocol {

struct SealOrder {
  uint64_t session = 0;  // its order among those with the peer
  uint64_t counter = 0;  // in that
  friend auto operator<=>(const SealOrder&, const SealOrder&) = default;
};

// The newest of some messages. Of two sessions that are in use at once nobody knows which message was sealed first: the
// one that came last counts then.
class NewestSealed {
 public:
  void Note(SealOrder order) {
    if (!IsAfter(order)) newest_ = order;
  }
  // It was sealed after that.
  bool IsAfter(SealOrder order) const {
    return order.session == newest_.session && order.counter < newest_.counter;
  }

 private:
  SealOrder newest_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SEAL_ORDER_H_
