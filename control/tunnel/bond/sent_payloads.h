// Payloads that were sent and may have to be sent once more: until the peer says that they arrived, or until it is too
// late for that. Where they are more than may be kept, by this tunnel or by all, the oldest are given up: then a loss
// stays one.
//
// Pure; control thread only.
#ifndef WARP_CONTROL_TUNNEL_BOND_SENT_PAYLOADS_H_
#define WARP_CONTROL_TUNNEL_BOND_SENT_PAYLOADS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/tunnel/pace/shared_room.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class SentPayloads {
 public:
  static constexpr size_t kMaxBytes = 8u << 20;
  // What remembering a payload takes beside its bytes, of which there may be none.
  static constexpr size_t kEntry = 128;

  struct Sent {
    std::vector<uint8_t> bytes;
    wire::Instant taken;  // from the application
    wire::Instant until;  // it may be sent again before then
    wire::Flow flow;
    uint32_t place = 0;  // in the tunnel's order
  };

  // `room` is the node's; null: there is no such bound.
  explicit SentPayloads(SharedRoom* room = nullptr) : part_(room) {}

  // A payload has left for the first time. One of the same number is replaced.
  void Keep(uint64_t number, Sent sent) {
    part_.Add(sent.bytes.size() + kEntry);
    order_.emplace_back(number, sent.until);
    if (const auto old = sent_.find(number); old != sent_.end()) {
      part_.Remove(old->second.bytes.size() + kEntry);
      old->second = std::move(sent);
    } else {
      sent_.emplace(number, std::move(sent));
    }
    while (!order_.empty() && (part_.used() > kMaxBytes || part_.too_large()))
      by_room_ += ForgetOldest() ? 1 : 0;
  }

  // Null: it arrived, or is too old.
  const Sent* Find(uint64_t number) const {
    const auto found = sent_.find(number);
    return found == sent_.end() ? nullptr : &found->second;
  }

  void Forget(uint64_t number) {
    const auto found = sent_.find(number);
    if (found == sent_.end()) return;
    part_.Remove(found->second.bytes.size() + kEntry);
    sent_.erase(found);
    // What has arrived is forgotten at once, and its place in the order soon.
    if (order_.size() < 2 * sent_.size() + 64) return;
    while (!order_.empty() && !sent_.contains(order_.front().first)) order_.pop_front();
  }

  void Expire(wire::Instant now) {
    while (!order_.empty() && order_.front().second <= now) ForgetOldest();
  }

  size_t size() const { return sent_.size(); }
  size_t places() const { return order_.size(); }
  size_t bytes() const { return part_.used(); }  // with what remembering takes
  uint64_t by_room() const { return by_room_; }  // payloads that were given up for want of room

 private:
  bool ForgetOldest() {
    const auto [number, until] = order_.front();
    order_.pop_front();
    const auto found = sent_.find(number);
    // One that was kept anew has a later entry.
    if (found == sent_.end() || found->second.until != until) return false;
    Forget(number);
    return true;
  }

  absl::flat_hash_map<uint64_t, Sent> sent_;
  std::deque<std::pair<uint64_t, wire::Instant>>
      order_;  // as they left; some are forgotten already
  SharedRoom::Part part_;
  uint64_t by_room_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_BOND_SENT_PAYLOADS_H_
