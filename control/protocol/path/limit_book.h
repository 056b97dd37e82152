// How much may come in by ports: what the peer is told of ours, and what it has told of its own.
//
// A node cannot slow what comes in by a port: the queue that it would like to be short is in the network, before the
// port. Only who sends can, so a peer that spreads payloads to it is told its part, and keeps to it. See
// control_message.h for the message.
//
// Limits are told again and again while they matter, so that a lost message costs a second and is not missed. Whoever
// lies in them slows what is sent to itself, and no other.
#ifndef WARP_CONTROL_PROTOCOL_PATH_LIMIT_BOOK_H_
#define WARP_CONTROL_PROTOCOL_PATH_LIMIT_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/control_message.h"
#include "control/protocol/path/arrival_book.h"
#include "control/protocol/path/path_set.h"
#include "control/protocol/token_bucket.h"

namespace warp::protocol {

// The peers of a node among which the rates of its ports are divided: those that spread payloads to it now.
class Sharers {
 public:
  // Whether one peer is among them, as long as it lives.
  class Share {
   public:
    explicit Share(Sharers& sharers) : sharers_(sharers) {}
    ~Share() { Set(false); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    void Set(bool shares) {
      if (shares == shares_) return;
      shares_ = shares;
      sharers_.count_ += shares ? 1 : -1;
    }

   private:
    Sharers& sharers_;
    bool shares_ = false;
  };

  size_t count() const { return static_cast<size_t>(count_); }

 private:
  int64_t count_ = 0;
};

class LimitBook {
 public:
  // --- What the peer is told. ---

  // Feedback goes in the session with this local index: what is to be said beside it of these ports, of which each
  // sharer has its part. Empty: nothing is, now.
  std::vector<Limits> Take(Instant now, uint32_t session, const Ports& ports, size_t sharers);

  // --- What the peer has told. ---

  // The session in use is of this life of the peer. What an earlier one has told is forgotten.
  void SetLife(uint32_t life);
  // The peer has told limits, in a session of this life. True where they changed anything.
  bool Handle(Instant now, const Limits& limits, uint32_t life, SealOrder order);
  // What may be sent to the peer's port, in kbit/s; 0: as much as there is.
  uint32_t RateOf(uint16_t remote_port) const {
    const auto known = heard_.find(remote_port);
    return known != heard_.end() ? known->second.rate : 0;
  }

 private:
  // What has been said last, and when, in which session. A port that lost its bound stays in it with a rate of 0.
  std::vector<Limit> said_;
  Instant when_{};
  uint32_t session_ = 0;

  struct Heard {
    uint32_t rate = 0;
    SealOrder sealed;  // the message that said so
  };
  absl::flat_hash_map<uint16_t, Heard> heard_;  // kMaxRemotePorts at most
  uint32_t life_ = 0;
  TokenBucket changes_{kLimitChangesBurst, kLimitChangesPerSecond};
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_LIMIT_BOOK_H_
