// Initiations that were let in and wait for their Diffie-Hellman, in the order in which they came. What is quick need
// not wait behind them, however many there are. Copies of one, which nodes send over all their paths, wait behind it
// for the same answer.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATION_QUEUE_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATION_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/handshake.h"
#include "dataplane/wire/arrival.h"

namespace warp::protocol {

class InitiationQueue {
 public:
  struct Entry {
    wire::Arrival arrival;
    InitiationHash hash;
    std::vector<uint8_t> datagram;
    bool copy = false;
  };

  // False where it is full, or too many copies wait: then the initiation is lost.
  bool Push(const wire::Arrival& arrival, const InitiationHash& hash, wire::Bytes datagram) {
    if (entries_.size() >= kMaxWaitingInitiations) return false;
    size_t& waiting = waiting_[hash];
    if (waiting >= kMaxWaitingCopies) return false;
    entries_.push_back(
        {arrival, hash, std::vector<uint8_t>(datagram.begin(), datagram.end()), waiting > 0});
    ++waiting;
    return true;
  }
  std::optional<Entry> Pop() {
    if (entries_.empty()) return std::nullopt;
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    const auto waiting = waiting_.find(entry.hash);
    if (--waiting->second == 0) waiting_.erase(waiting);
    return entry;
  }
  // Whether it waits, or a copy of it.
  bool Has(const InitiationHash& hash) const { return waiting_.contains(hash); }
  size_t size() const { return entries_.size(); }

 private:
  std::deque<Entry> entries_;
  absl::flat_hash_map<InitiationHash, size_t> waiting_;  // how many of each
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATION_QUEUE_H_
