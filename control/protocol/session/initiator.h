// The initiating side of an association: at most one handshake of ours at a time, repeated until it has an answer.
//
//              Connect; silence; rekey time
//    ┌──────┐ ─────────────────────────────► ┌────────────┐ ◄─┐ retry: the same initiation over every route
//    │ Idle │                                │ Initiating │ ──┘ cookie reply, attempt over: fresh ephemeral key
//    └──────┘ ◄───────────────────────────── └────────────┘
//              response (a session, unconfirmed);
//              a session of the peer's handshake was confirmed;
//              after silence: the old session is heard again
//
// Association decides when to begin and when to stop; the timers here are those of the handshake under way.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_INITIATOR_H_
#define WARP_CONTROL_PROTOCOL_SESSION_INITIATOR_H_

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/session/cookie.h"
#include "control/protocol/session/handshake.h"
#include "control/protocol/session/identity.h"
#include "control/protocol/session/session_table.h"
#include "control/protocol/timer_table.h"
#include "control/protocol/token_bucket.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

// Every route to the remote end. It is asked only when something is about to be sent over all of them, so that asking
// may be charged to a budget.
using RoutesFunction = absl::FunctionRef<std::vector<Route>()>;

class Initiator {
 public:
  // Why a handshake was begun.
  enum class Reason : uint8_t { kConnect, kSilence, kRekey };

  // `identity`, `table`, and `owner`, which is found in the table by the handshake's index, outlive this. So does the
  // psk that `params` points to.
  Initiator(Identity& identity, SessionTable& table, Association* owner,
            const HandshakeParams& params);
  ~Initiator() { Stop(); }
  Initiator(const Initiator&) = delete;
  Initiator& operator=(const Initiator&) = delete;

  // Nothing is under way yet. The first initiation is due at once. False where the table has no free index.
  bool Begin(Instant now, Reason reason);
  // Gives up the handshake under way, if there is one, and its index.
  void Stop();
  // There are new routes: the handshake under way goes out over them soon, not at its next retry.
  void Hurry(Instant now);

  // The answer to the handshake under way ends it, and its index is the session's from then on.
  struct Finished {
    std::shared_ptr<wire::Session> session;
    Duration round_trip;  // at most: it includes the retries of the same initiation
  };
  // `index` is the one that the datagram names; mac1 of a response was verified. On a drop nothing has changed.
  std::variant<Finished, wire::Drop> HandleResponse(Instant now, uint32_t index,
                                                    wire::Bytes datagram);
  wire::Drop HandleCookieReply(Instant now, const Arrival& arrival, uint32_t index,
                               wire::Bytes datagram);

  Instant NextTimeout() const { return timers_.Next(); }
  void HandleTimeout(Instant now, RoutesFunction routes, Outbox& outbox);

  bool active() const { return std::holds_alternative<Initiating>(state_); }
  // Whether the handshake under way was begun because of silence.
  bool because_of_silence() const;
  uint32_t index() const;  // of the handshake under way; 0: there is none

 private:
  enum class Timer : uint8_t {
    kCookie,   // cookies have come: try with a fresh ephemeral key
    kAttempt,  // the ephemeral key has lived long enough
    kRetry,    // the initiation goes out over every route
    kCount
  };

  struct Idle {};
  struct Initiating {
    InitiatorHandshake handshake;
    Reason reason;
    Instant started;  // the present ephemeral key
    Instant last_send;
    bool refreshed = false;  // a cookie has led to a fresh key already
  };

  void Refresh(Instant now, Initiating& initiating);
  void SendCopies(Instant now, Initiating& initiating, RoutesFunction routes, Outbox& outbox);
  Initiating* UnderWay(uint32_t index);  // null where no handshake has this index

  Identity& identity_;
  SessionTable& table_;
  Association* const owner_;
  const HandshakeParams params_;
  std::variant<Idle, Initiating> state_;
  TimerTable<Timer> timers_;
  Duration backoff_;  // the time until the next retry
  CookieJar cookies_;
  // Bounds the responses to our initiations, because reading one costs a Diffie-Hellman.
  TokenBucket responses_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_INITIATOR_H_
