// The door for initiations, before any association is known. Each process has one, nodes and maps alike.
//
// Checks stand in the order of their cost. The name is that of the drop in `warp status`; where something is sent all
// the same, it goes to the source of this very datagram.
//
//   ┌───┬─────────────────────────────────────────────────────────┬──────────────────────────────────────────────┐
//   │   │ check                                                   │ else                                         │
//   ├───┼─────────────────────────────────────────────────────────┼──────────────────────────────────────────────┤
//   │ 1 │ size and format                                         │ handshake_failed                             │
//   │ 2 │ mac1: the sender knows one of our public keys           │ bad_mac                                      │
//   │ 3 │ no copy of one that got a reply (hash of Noise's part)  │ the same reply; handshake_repeated           │
//   │   │ nor, at a map, of one that waits                        │ its reply, later; handshake_repeated         │
//   │ 4 │ mac2, when the Diffie-Hellman budget is half used up,   │ a cookie; bad_cookie                         │
//   │   │ many wait (at a map),                                   │                                              │
//   │   │ or what comes in the name of the source uses up its own │                                              │
//   │ 5 │ budget of the source, at a map                          │ handshake_budget                             │
//   │   │ budget of Diffie-Hellman, shared by networks;           │ handshake_budget                             │
//   │   │ room among those that wait, at a map                    │                                              │
//   │ 6 │ it decrypts; its key is a peer's                        │ handshake_failed; unknown_peer               │
//   │ 7 │ it echoes our token, or there is no session yet         │ a retry with the token; handshake_stale      │
//   │ 8 │ this key's own budget, a free index; a common cipher    │ handshake_budget; handshake_failed           │
//   └───┴─────────────────────────────────────────────────────────┴──────────────────────────────────────────────┘
#ifndef WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_
#define WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/handshake/cookie.h"
#include "control/protocol/handshake/fair_budget.h"
#include "control/protocol/handshake/initiation_queue.h"
#include "control/protocol/handshake/remembered_replies.h"
#include "control/protocol/handshake/source_budget.h"
#include "control/protocol/session/association.h"

namespace warp::protocol {

// What initiations of strangers may cost: those that take a Diffie-Hellman, and the replies that take none (cookies and
// repeated replies). A map grants more than a node, because answering strangers is its work.
struct HandshakeBudget {
  uint32_t burst = kHandshakeBurst;
  uint32_t per_second = kHandshakesPerSecond;
  uint32_t reply_burst = kReplyBurst;
  uint32_t replies_per_second = kRepliesPerSecond;
  // Of one address and one network. A map has them, whose senders are strangers all; a node's are its peers.
  std::optional<SourceRates> of_source = std::nullopt;
};

// Who makes the sessions that initiations ask for.
class SessionMaker {
 public:
  virtual ~SessionMaker() = default;
  // The sender has proved once, now or in the past, that it holds the key initiation.remote. On a drop nothing has
  // changed; with kHandshakeStale it sets the token that a new initiation has to echo.
  virtual std::variant<Association::Response, wire::Drop> HandleInitiation(
      Instant now, const Arrival& arrival, ReceivedInitiation& initiation, wire::Token* token) = 0;
  // True for a session that was made here and that nobody has confirmed.
  virtual bool AwaitsConfirm(uint32_t local_index) const = 0;
};

class Responder {
 public:
  // `role`: kPeer at a node, kMap at a map. `identity` and `table` outlive this. Without a table there are no
  // associations, and the sessions are those of a SessionMaker alone.
  Responder(Identity& identity, SessionTable& table, Role role, const HandshakeBudget& budget = {})
      : Responder(identity, &table, role, budget) {}
  Responder(Identity& identity, Role role, const HandshakeBudget& budget)
      : Responder(identity, nullptr, role, budget) {}

  // The association of a static key, null where there is none.
  using FindFunction = absl::FunctionRef<Association*(const wire::PublicKey&)>;

  // Pushes at most one datagram, never longer than `datagram`, back to where that came from. kNone when a new session
  // was made; else why the initiation was dropped (see above which of them are answered all the same).
  wire::Drop HandleInitiation(Instant now, const Arrival& arrival, wire::Bytes datagram,
                              FindFunction find, Outbox& outbox);

  // The same in two parts. The first has the checks that cost little, 1 to 5; kNone: the initiation waits. The second
  // takes the one that waits for longest, if any does, and does what takes a Diffie-Hellman.
  wire::Drop Admit(Instant now, const Arrival& arrival, wire::Bytes datagram,
                   const SessionMaker& maker, Outbox& outbox);
  wire::Drop AnswerNext(Instant now, SessionMaker& maker, Outbox& outbox);
  size_t waiting() const { return waiting_.size(); }

  // The key of ours that a handshake message (initiation or response) was made for; null: by someone who knows none.
  const KeySuccession<OwnKey>::Entry* FindOwn(wire::Bytes datagram) const;

  const std::shared_ptr<const wire::CookieSecrets>& cookie_secrets() const {
    return cookies_.secrets();
  }
  bool under_load(Instant now) const { return handshakes_.under_load(now); }
  size_t remembered() const { return responses_.size() + retries_.size(); }

 private:
  Responder(Identity& identity, SessionTable* table, Role role, const HandshakeBudget& budget);
  // The machine makes fewer handshakes than its budget allows, so that the budget alone would let strangers fill the
  // queue.
  bool crowded() const { return waiting_.size() >= kMaxWaitingInitiations / 8; }
  // Whether the source of an initiation has to prove itself, and whether it may have one answered.
  bool NeedsCookie(Instant now, const wire::IpAddress& from) const;
  bool TakeOfSource(Instant now, const wire::IpAddress& from, bool proven);
  wire::Drop Answer(Instant now, const Arrival& arrival, wire::Bytes datagram,
                    const InitiationHash& hash, SessionMaker& maker, Outbox& outbox);
  // The hash of an initiation that passes the checks that cost little.
  std::variant<InitiationHash, wire::Drop> Check(Instant now, const Arrival& arrival,
                                                 wire::Bytes datagram, const SessionMaker& maker,
                                                 Outbox& outbox);
  const std::vector<uint8_t>* FindReply(Instant now, const InitiationHash& hash,
                                        const SessionMaker& maker);
  void Reply(Instant now, const Arrival& arrival, std::vector<uint8_t> reply, Outbox& outbox);

  Identity& identity_;
  SessionTable* const table_;  // may be null
  const Role role_;
  CookieMaker cookies_;
  FairBudget handshakes_;  // Diffie-Hellman
  FairBudget replies_;     // what costs none
  // Where there are budgets of sources: for initiations that prove their source by a cookie, and for others, which
  // anybody may send in anybody's name. So nobody can use up what a source has once it proves itself.
  std::optional<SourceBudget> proven_;
  std::optional<SourceBudget> unproven_;
  RememberedReplies responses_;
  RememberedReplies retries_;
  InitiationQueue waiting_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_
