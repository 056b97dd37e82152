// Initiations that were let in and wait for their Diffie-Hellman, in the order in which they came. What is quick need
// not wait behind them, however many there are.
//
// Copies of one, which nodes send over all their paths, have the same answer, and are kept with it: they take no place
// and no turn, because they have paid for none. Anybody can make copies of what he sees or made himself.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATION_QUEUE_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATION_QUEUE_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
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
    std::vector<wire::Arrival> copies;  // where others of it came from
  };

  // False where it is full: then the initiation is lost. It must not wait already.
  bool Push(const wire::Arrival& arrival, const InitiationHash& hash, wire::Bytes datagram) {
    if (entries_.size() >= kMaxWaitingInitiations) return false;
    assert(!waiting_.contains(hash));
    waiting_.emplace(hash, first_ + entries_.size());
    entries_.push_back({arrival, hash, std::vector<uint8_t>(datagram.begin(), datagram.end()), {}});
    return true;
  }
  // False where none of it waits. Copies beyond kMaxWaitingCopies are lost.
  bool AddCopy(const wire::Arrival& arrival, const InitiationHash& hash) {
    const auto waiting = waiting_.find(hash);
    if (waiting == waiting_.end()) return false;
    std::vector<wire::Arrival>& copies = entries_[waiting->second - first_].copies;
    if (copies.size() < kMaxWaitingCopies) copies.push_back(arrival);
    return true;
  }
  std::optional<Entry> Pop() {
    if (entries_.empty()) return std::nullopt;
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    ++first_;
    waiting_.erase(entry.hash);
    return entry;
  }
  size_t size() const { return entries_.size(); }

 private:
  std::deque<Entry> entries_;
  uint64_t first_ = 0;                                     // the number of the front
  absl::flat_hash_map<InitiationHash, uint64_t> waiting_;  // numbers
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATION_QUEUE_H_
