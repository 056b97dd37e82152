// Initiations of the last seconds, each with the reply it got: a copy gets the same reply and costs no Diffie-Hellman.
// An initiation is named by its Noise part, so copies that differ in what stands around it are known as well.
//
// The number is bounded, and the oldest goes when another needs its room. Replies that led to a session and replies
// that did not are kept apart by their owner: whoever causes many of the second kind must not displace the first.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_REMEMBERED_REPLIES_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_REMEMBERED_REPLIES_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/handshake.h"

namespace warp::protocol {

class RememberedReplies {
 public:
  struct Entry {
    std::vector<uint8_t> reply;
    uint32_t local_index = 0;  // of the session that a response is about; 0: a retry
    uint64_t number = 0;       // in the order of Remember
  };

  // Null where there is none, or its time is over. Valid until the next call.
  const Entry* Find(Instant now, const InitiationHash& hash);
  void Remember(Instant now, Duration lifetime, const InitiationHash& hash,
                std::vector<uint8_t> reply, uint32_t local_index);
  void Forget(const InitiationHash& hash) { entries_.erase(hash); }
  size_t size() const { return entries_.size(); }

 private:
  struct Expiry {
    Instant when;
    InitiationHash hash;
    uint64_t number;
  };
  void Expire(Instant now);
  void DropOldest();

  absl::flat_hash_map<InitiationHash, Entry> entries_;
  std::deque<Expiry>
      expiries_;  // oldest first; some entries may be gone, or be newer than their first expiry
  uint64_t numbers_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_REMEMBERED_REPLIES_H_
