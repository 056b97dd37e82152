// Payloads for an application that does not read at the moment. They are copies, so that they hold no packet memory,
// and their number, bytes and time are bounded.
#ifndef WARP_CONTROL_GATE_UNIX_UNIX_OUTBOX_H_
#define WARP_CONTROL_GATE_UNIX_UNIX_OUTBOX_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class UnixOutbox {
 public:
  static constexpr size_t kMaxPayloads = 1024;
  static constexpr size_t kMaxBytes = size_t{4} << 20;

  // False: there is no more room, and the payload was not added.
  bool Add(wire::Bytes payload, wire::Instant deadline) {
    if (payloads_.size() == kMaxPayloads || bytes_ + payload.size() > kMaxBytes) return false;
    bytes_ += payload.size();
    payloads_.push_back({.bytes = {payload.begin(), payload.end()}, .deadline = deadline});
    return true;
  }

  bool empty() const { return payloads_.empty(); }
  size_t size() const { return payloads_.size(); }
  wire::Bytes front() const { return payloads_.front().bytes; }
  wire::Instant deadline() const { return payloads_.front().deadline; }  // of the oldest
  void Pop() {
    bytes_ -= payloads_.front().bytes.size();
    payloads_.pop_front();
  }

  // Removes the payloads that are past their deadline; returns how many.
  size_t Expire(wire::Instant now) {
    size_t expired = 0;
    for (; !empty() && deadline() <= now; ++expired) Pop();
    return expired;
  }

 private:
  struct Waiting {
    std::vector<uint8_t> bytes;
    wire::Instant deadline;
  };
  std::deque<Waiting> payloads_;
  size_t bytes_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_UNIX_OUTBOX_H_
