// What a peer that spreads payloads is told of them: when the newest came on each path, how much came, and which
// counters were delivered. See feedback.h for the message.
//
//   peer's probe asks ──► payload ──► feedback_interval ──► feedback ─┐ payloads came
//                                           ▲                         │
//                                           └─────────────────────────┤
//                         until a payload comes ◄── kFeedbackEchoes ◄─┘ none came
//
// The dataplane knows what came, ArrivalBook adds it up, and the replay window is the list of what was delivered.
// Nothing is asked while the peer does not ask.
//
// Feedback speaks of the session in which payloads come, whichever session is in use here: at a change of keys the peer
// changes later, and of handshakes that crossed the two ends may use one each. For some time it also says which
// payloads of the session before were delivered, or the peer could not know of those that were under way then.
#ifndef WARP_CONTROL_PROTOCOL_PATH_FEEDBACK_BOOK_H_
#define WARP_CONTROL_PROTOCOL_PATH_FEEDBACK_BOOK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/feedback.h"
#include "control/protocol/path/arrival_book.h"
#include "control/protocol/path/path_set.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

// The payload that came last on a path.
struct NewestArrival {
  uint32_t counter = 0;  // its low half
  uint8_t session = 0;   // the lowest bits of the session's local index
  Duration age{};        // how long ago it came
};
// The dataplane knows it; nullopt: none has come, or it is too long ago. Called for the paths of peers that ask for
// feedback, up to a hundred times a second.
using NewestFunction = std::function<std::optional<NewestArrival>(PathId)>;

class FeedbackBook {
 public:
  // `newest` may be empty: then there is no feedback.
  explicit FeedbackBook(NewestFunction newest) : newest_(std::move(newest)) {}

  // A probe asks for feedback, or does not. `order` has the session's order and the probe's number: of a session's
  // probes the newest counts, over whichever path it came. Where its session is not in use here, it counts if no other
  // one's probes come: it may have been held back.
  void NoteProbe(Instant now, SealOrder order, bool asks, bool in_use);
  bool asked() const { return asks_; }

  // A payload came in this session, of this order among those with the peer. True where next() is another now.
  bool NotePayload(Instant now, const Timers& timers, uint32_t local_index, SealOrder payload);

  // When Take is due; kNever: nothing is to be said.
  Instant next() const { return next_; }
  void Stop() { next_ = kNever; }

  // Local indices of the sessions of which the next Take speaks: that in which payloads come, and the one before, or 0.
  uint32_t session() const { return current_.index; }
  uint32_t session_before() const { return before_.index; }

  struct Batch {
    std::vector<Feedback> messages;  // oldest counters first; empty: nothing is said now
    std::vector<Feedback> before;    // of the session before; they go first
    bool everywhere = false;         // over all paths, not over the best one
    // Else over the best path between one of these pairs of ports: payloads came there just now, so that it works.
    struct Pair {
      uint16_t from = 0;  // the peer's
      uint16_t to = 0;    // ours
      friend bool operator==(const Pair&, const Pair&) = default;
    };
    std::vector<Pair> working;
  };
  // `session` is session(), in which the messages will be sealed, and `before` the one before; null: it is gone.
  // `arrivals` has just counted.
  Batch Take(Instant now, const Timers& timers, wire::Session* session, wire::Session* before,
             const ArrivalBook& arrivals, const PathSet& paths);

 private:
  // A pair of ports, with what is said of it.
  struct Entry {
    PathFeedback said;
    uint64_t newest = 0;
    Duration age{};
  };

  // Whether something is to be said, and when again.
  bool IsDue(Instant now, const Timers& timers, const ArrivalBook::Sum& received);
  // Most recent first, kMaxFeedbackPaths at most.
  std::vector<Entry> Entries(Instant now, const Timers& timers, const ArrivalBook& arrivals,
                             const PathSet& paths) const;
  std::vector<Feedback> Messages(Instant now, wire::ReplayWindow& window,
                                 const std::vector<Entry>& entries);
  std::vector<Feedback> MessagesBefore(Instant now, wire::ReplayWindow& window) const;
  // Takes what the messages cost from the budget, which may then owe so many bytes. False where there is too little.
  bool Pay(const std::vector<Feedback>& messages, size_t ways, int64_t borrow);

  const NewestFunction newest_;

  SealOrder probe_;  // the newest
  Instant probed_{};
  bool asks_ = false;

  Instant next_ = kNever;
  Instant last_payload_{};
  bool first_ = false;  // a payload came after a pause, and nothing has been said since
  Instant looked_{};
  Instant paid_{};                // until then time has added to the budget
  int echoes_ = kFeedbackEchoes;  // since the last payload
  ArrivalBook::Sum seen_;
  int64_t budget_ = 0;  // bytes

  struct Told {
    uint32_t index = 0;  // local; 0: none
    uint64_t order = 0;
    Instant since{};       // its first payload came
    Instant last{};        // its newest one
    uint64_t counter = 0;  // of about the newest payload
    uint16_t number = 0;   // of the next message
    // The lowest newest counter of each of the last feedbacks, oldest first. Before the first: the first payload.
    std::deque<uint64_t> floors;
  };
  Told current_;
  Told before_;
  uint32_t sent_ = 0;  // feedbacks
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_FEEDBACK_BOOK_H_
