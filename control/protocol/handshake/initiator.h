// The initiating side of an association: at most one handshake of ours at a time, repeated until it has an answer.
//
//              Connect; silence; rekey time
//    ┌──────┐ ─────────────────────────────► ┌────────────┐ ◄─┐ retry timer: the newest attempt over every route
//    │ Idle │                                │ Initiating │ ──┘ retry message, attempt timer: another attempt
//    └──────┘ ◄───────────────────────────── └────────────┘
//              response to any attempt (a session, unconfirmed);
//              a session of the peer's handshake was confirmed;
//              after silence: the old session is heard again;
//              a search was not answered
//
// An attempt is one initiation, with an ephemeral key and an index of its own. Attempts live side by side, and nothing
// that arrives ends one but the response: neither a slow link nor a link that forges answers takes another link's
// answer away.
//
// While keys of ours or of the remote end follow each other, the attempts take turns in the pairs that may serve
// (AssociationKeys::Pairs): the remote end is silent about a key that it does not know. Somebody who has stolen an old
// one may answer in its place, and sooner. So his response takes no answer away from a pair with a later key: those
// attempts rest, and their answers are taken until the next handshake begins. Nor does a retry of his put off the turn
// of another pair, or use up its budget. And a search (Reason::kSearch) asks the pairs by which nobody answers.
//
// Where a crowd initiates to one responder (HandshakeParams::spread), repetitions are spread: the first comes soon, as
// one datagram may be lost; each after that comes at a random time within twice as long as the one before. Another
// attempt is then no more than a repetition. A cookie, by which the responder says that it lives, brings the next
// repetition at once, and shortens those after it.
//
// Association decides when to begin and when to stop; the timers here are those of the handshake under way.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATOR_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATOR_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/association_keys.h"
#include "control/protocol/handshake/cookie.h"
#include "control/protocol/handshake/handshake.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/pair_lanes.h"
#include "control/protocol/handshake/session_table.h"
#include "control/protocol/timer_table.h"
#include "control/protocol/token_bucket.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

// Every way to the remote end. It is asked only when something is about to be sent over all of them, so that asking
// may be charged to a budget.
using WaysFunction = absl::FunctionRef<std::vector<Way>()>;

class Initiator {
 public:
  // Why a handshake was begun. A search asks whether the remote end has the newest keys by now, and once each time by
  // another pair; it does so beside the session of the pair that was served last, which it does not ask, and is short.
  enum class Reason : uint8_t { kConnect, kSilence, kRekey, kSearch };

  // `identity`, `table`, `keys`, and `owner`, which is found in the table by an attempt's index, outlive this. Of
  // `params`, those that are no keys count.
  Initiator(Identity& identity, SessionTable& table, Association* owner,
            const AssociationKeys& keys, const HandshakeParams& params);
  ~Initiator() { Stop(); }
  Initiator(const Initiator&) = delete;
  Initiator& operator=(const Initiator&) = delete;

  // Nothing is under way yet but a search, which ends. The first initiation is due at once. False where the table has
  // no free index.
  bool Begin(Instant now, Reason reason);
  // Gives up the handshake under way, if there is one, and its indices.
  void Stop();
  // There are newer keys: a handshake that is under way makes its next attempt with them, at once.
  void KeysChanged(Instant now);
  // Keys have ended: attempts that were made with them are forgotten, and the handshake is, where no other is left.
  void DropEnded();
  // There are new routes: the handshake under way goes out over them soon, not at its next retry.
  void Hurry(Instant now);

  // The response to an attempt ends the handshake, and the attempt's index is the session's from then on.
  struct Finished {
    std::shared_ptr<wire::Session> session;
    Duration round_trip;  // at most: it includes the repetitions of the same initiation
    HandshakeKeys keys;
    uint64_t handshake;  // its number
  };
  // `index` is the one that the datagram names; mac1 of a response was verified. On a drop nothing has changed.
  std::variant<Finished, wire::Drop> HandleResponse(Instant now, uint32_t index,
                                                    wire::Bytes datagram);
  wire::Drop HandleCookieReply(Instant now, const Arrival& arrival, uint32_t index,
                               wire::Bytes datagram);
  wire::Drop HandleRetry(Instant now, uint32_t index, wire::Bytes datagram);

  Instant NextTimeout() const { return timers_.Next(); }
  void HandleTimeout(Instant now, WaysFunction ways, Outbox& outbox);

  bool active() const { return !attempts_.empty() && !resting_; }
  // Active, and more than a search.
  bool connecting() const { return active() && reason_ != Reason::kSearch; }
  // Whether the handshake under way was begun because of silence.
  bool because_of_silence() const { return active() && reason_ == Reason::kSilence; }
  // Initiations made in all. Each has cost Diffie-Hellman work.
  uint64_t made() const { return made_; }
  // Of the handshake under way, from 1; 0: there is none.
  uint64_t number() const { return active() ? number_ : 0; }

 private:
  enum class Timer : uint8_t {
    kAttempt,  // the newest attempt has waited long enough: another one beside it
    kRetry,    // the newest attempt goes out over every route
    kCount
  };

  // Of a pair of keys.
  struct Lane {
    wire::Token token{};  // that the newest attempt echoes
    TokenBucket responses{kResponseBurst,
                          kResponsesPerSecond};           // each costs a Diffie-Hellman to read
    TokenBucket retries{kRetryBurst, kRetriesPerSecond};  // that are followed by another attempt
  };

  struct Attempt {
    InitiatorHandshake handshake;
    HandshakeKeys keys;
    Instant made;
    bool retried = false;  // the responder has answered it by a retry
  };

  // A new attempt, which is due at once. False where the table has no free index, or no key serves; then nothing has
  // changed.
  bool TryNext(Instant now);
  bool Try(Instant now, const HandshakeKeys& keys);
  // The pairs that a search asks, in their order: two at most.
  std::vector<HandshakeKeys> Sought(std::vector<HandshakeKeys> pairs) const;
  void Drop(absl::FunctionRef<bool(const Attempt&)> which);
  // No attempt is sent any more, and their answers are taken still.
  void Rest();
  void SendCopies(Instant now, WaysFunction ways, Outbox& outbox);
  // Until the next repetition.
  Duration NextWait();
  bool spread() const { return params_.spread != Duration::zero(); }
  Attempt* UnderWay(uint32_t index);  // null where no attempt has this index

  Identity& identity_;
  SessionTable& table_;
  Association* const owner_;
  const AssociationKeys& keys_;
  const HandshakeParams params_;

  // Of the handshake under way.
  std::deque<Attempt> attempts_;  // oldest first, kMaxAttempts of each pair at most; empty: Idle
  bool resting_ = false;
  uint64_t number_ = 0;
  Reason reason_ = Reason::kConnect;
  size_t turns_ = 0;  // of the pairs of keys
  Instant last_send_{};
  Instant last_cookie_{};  // when a cookie last hastened the retry
  Duration backoff_;       // the time until the next retry; where they are spread, the longest
  TimerTable<Timer> timers_;

  uint64_t made_ = 0;
  size_t searches_ = 0;

  CookieJar cookies_;
  absl::flat_hash_set<Route>
      asked_;  // that the handshake under way went out over; kMaxCookies at most
  PairLanes<Lane> lanes_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_INITIATOR_H_
