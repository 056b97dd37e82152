// What a node sends to endpoints that have not answered: probes, and copies of handshake messages. One budget for all
// peers bounds it, so that whoever feeds a node false endpoints makes it shoot at nobody. Each peer has a share of it,
// so that whoever asks for much takes nothing from those who ask for little.
//
//   left of the budget     who may take from it
//   more than half         everybody
//   more than a quarter    who has some of its share left
//   more than an eighth    the same, if it was heard lately; the share is larger then
//   less                   who has spent nothing of its share: the first datagram to a peer waits for nobody
//
// The shares are paid back at half the rate of the budget, all together. Peers that ask without end have therefore
// spent theirs and live on what is left above the half; they take less than flows in below it, so that each lower part
// is full again soon. A peer that has been silent, or is new, finds them full, and as soon as it answers it counts as
// heard, which those who are dead never do.
//
// Of each share, probes leave a quarter to what a peer needs to be reached at all, and those to learned endpoints,
// which a relay may invent without end, another quarter to those of which somebody has told.
//
// The first probe of a path goes before the others of its row: it may take a sixteenth of the budget more. A node with
// many peers has thousands of paths to try, of which most lead nowhere: those would be tried again while others wait
// for their first time. A learned endpoint has that advantage only within its peer's share.
#ifndef WARP_CONTROL_PROTOCOL_NODE_UNANSWERED_BUDGET_H_
#define WARP_CONTROL_PROTOCOL_NODE_UNANSWERED_BUDGET_H_

#include <cstddef>
#include <cstdint>

#include "control/protocol/constants.h"
#include "control/protocol/token_bucket.h"

namespace warp::protocol {

class UnansweredBudget {
 public:
  enum class Use : uint8_t {
    kContact,       // handshake messages, and probes of the lost path that was active last
    kFirstProbe,    // of a path to an endpoint of which the configuration or a map has told
    kProbe,         // of such a path, once more
    kFirstLearned,  // of a path to a learned endpoint
    kLearned,       // of such a path, once more
  };

  // The use of a probe: whether the path's endpoint is a learned one, and was probed before.
  static Use OfProbe(bool learned, bool again) {
    if (learned) return again ? Use::kLearned : Use::kFirstLearned;
    return again ? Use::kProbe : Use::kFirstProbe;
  }

  // The share of one peer, as long as it lives.
  class Share {
   public:
    explicit Share(UnansweredBudget& budget) : budget_(budget) { ++budget_.shares_; }
    ~Share() { --budget_.shares_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Takes one datagram if there is one for this peer. `heard`: it has proved lately that it is there.
    bool Take(Instant now, Use use, bool heard);

   private:
    UnansweredBudget& budget_;
    Instant paid_back_{};  // when nothing of the share is spent any more
  };

 private:
  TokenBucket all_{kUnansweredBurst, kUnansweredPerSecond};
  size_t shares_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_NODE_UNANSWERED_BUDGET_H_
