#include "control/protocol/handshake/remembered_replies.h"

#include <utility>

namespace warp::protocol {

const RememberedReplies::Entry* RememberedReplies::Find(Instant now, const InitiationHash& hash) {
  Expire(now);
  const auto it = entries_.find(hash);
  return it != entries_.end() ? &it->second : nullptr;
}

void RememberedReplies::Remember(Instant now, Duration lifetime, const InitiationHash& hash,
                                 std::vector<uint8_t> reply, uint32_t local_index) {
  if (expiries_.size() >= kMaxRememberedInitiations) DropOldest();
  const uint64_t number = ++numbers_;
  entries_[hash] = {std::move(reply), local_index, number};
  expiries_.push_back({now + lifetime, hash, number});
}

void RememberedReplies::Expire(Instant now) {
  while (!expiries_.empty() && expiries_.front().when <= now) DropOldest();
}

void RememberedReplies::DropOldest() {
  const Expiry& oldest = expiries_.front();
  const auto it = entries_.find(oldest.hash);
  if (it != entries_.end() && it->second.number == oldest.number) entries_.erase(it);
  expiries_.pop_front();
}

}  // namespace warp::protocol
