// Payloads that were sent and may have to be sent once more: until the peer says that they arrived, or until it is too
// late for that. Where they are more than may be kept, the oldest are given up: then a loss stays one.
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
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class SentPayloads {
 public:
  static constexpr size_t kMaxBytes = 8u << 20;

  struct Sent {
    std::vector<uint8_t> bytes;
    wire::Instant taken;  // from the application
    wire::Instant until;  // it may be sent again before then
  };

  // A payload has left for the first time. One of the same number is replaced.
  void Keep(uint64_t number, Sent sent) {
    bytes_ += sent.bytes.size();
    order_.emplace_back(number, sent.until);
    if (const auto old = sent_.find(number); old != sent_.end()) {
      bytes_ -= old->second.bytes.size();
      old->second = std::move(sent);
    } else {
      sent_.emplace(number, std::move(sent));
    }
    while (bytes_ > kMaxBytes && !order_.empty()) ForgetOldest();
  }

  // Null: it arrived, or is too old.
  const Sent* Find(uint64_t number) const {
    const auto found = sent_.find(number);
    return found == sent_.end() ? nullptr : &found->second;
  }

  void Forget(uint64_t number) {
    const auto found = sent_.find(number);
    if (found == sent_.end()) return;
    bytes_ -= found->second.bytes.size();
    sent_.erase(found);
  }

  void Expire(wire::Instant now) {
    while (!order_.empty() && order_.front().second <= now) ForgetOldest();
  }

  size_t size() const { return sent_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  void ForgetOldest() {
    const auto [number, until] = order_.front();
    order_.pop_front();
    const auto found = sent_.find(number);
    // One that was kept anew has a later entry.
    if (found != sent_.end() && found->second.until == until) Forget(number);
  }

  absl::flat_hash_map<uint64_t, Sent> sent_;
  std::deque<std::pair<uint64_t, wire::Instant>>
      order_;  // as they left; some are forgotten already
  size_t bytes_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_BOND_SENT_PAYLOADS_H_
