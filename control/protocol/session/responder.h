// The door for initiations, before any association is known. Each process has one, nodes and maps alike.
//
// Checks stand in the order of their cost. The name is that of the drop in `warp status`; where something is sent all
// the same, it goes to the source of this very datagram.
//
//   ┌───┬─────────────────────────────────────────────────────────┬──────────────────────────────────────────────┐
//   │   │ check                                                   │ else                                         │
//   ├───┼─────────────────────────────────────────────────────────┼──────────────────────────────────────────────┤
//   │ 1 │ size and format                                         │ handshake_failed                             │
//   │ 2 │ mac1: the sender knows our public key                   │ bad_mac                                      │
//   │ 3 │ no copy of one that was answered (hash without MACs)    │ the same response; handshake_repeated        │
//   │ 4 │ mac2, when the Diffie-Hellman budget is half used up    │ a cookie; bad_cookie                         │
//   │ 5 │ no copy of one that was stale, or mac2                  │ a cookie; handshake_stale                    │
//   │ 6 │ budget of Diffie-Hellman                                │ handshake_budget                             │
//   │ 7 │ it decrypts; its key is a peer's                        │ handshake_failed; unknown_peer               │
//   │ 8 │ newer than the last confirmed one, or mac2              │ a cookie; handshake_stale                    │
//   │   │ never accepted by its cookie before                     │ handshake_repeated                           │
//   │ 9 │ this key's own budget, a free index; a common cipher    │ handshake_budget; handshake_failed           │
//   └───┴─────────────────────────────────────────────────────────┴──────────────────────────────────────────────┘
#ifndef WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_
#define WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_

#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "control/protocol/session/association.h"
#include "control/protocol/session/cookie.h"
#include "control/protocol/token_bucket.h"

namespace warp::protocol {

// The cost that initiations of strangers may cause. Some take a Diffie-Hellman, and the others are answered without
// one, by cookies and repeated responses. A map grants more than a node, because answering strangers is its work.
struct HandshakeBudget {
  uint32_t burst = kHandshakeBurst;
  uint32_t per_second = kHandshakesPerSecond;
  uint32_t reply_burst = kReplyBurst;
  uint32_t replies_per_second = kRepliesPerSecond;
};

class Responder {
 public:
  // `role`: kPeer at a node, kMap at a map. `identity` and `table` outlive this.
  Responder(Identity& identity, SessionTable& table, Role role, const HandshakeBudget& budget = {});

  // The association of a static key, null where there is none (a map makes one).
  using FindFunction = absl::FunctionRef<Association*(const wire::PublicKey&)>;

  // Pushes at most one datagram, never longer than `datagram`, back to where that came from. kNone when a new session
  // was made; else why the initiation was dropped (see above which of them are answered all the same).
  wire::Drop HandleInitiation(Instant now, const Arrival& arrival, wire::Bytes datagram,
                              FindFunction find, Outbox& outbox);

  // Whether a handshake message (initiation or response) was made by someone who knows our public key.
  bool VerifyMac1(wire::Bytes datagram) const { return wire::VerifyMac1(mac1_key_, datagram); }

  bool under_load(Instant now) const { return handshakes_.Level(now) < handshakes_.burst() / 2; }
  size_t remembered() const { return remembered_.size(); }

 private:
  // The outcome of an initiation. A response is kept for as long as an unconfirmed session lives.
  struct Remembered {
    std::vector<uint8_t> response;  // empty if it was stale
    uint32_t local_index = 0;       // of the session the response is about
  };
  struct Expiry {
    Instant when;
    InitiationHash hash;
  };

  void SendCookie(Instant now, const Arrival& arrival, wire::Bytes datagram, Outbox& outbox);
  void Remember(Instant now, const InitiationHash& hash, Remembered remembered);
  void Expire(Instant now);

  Identity& identity_;
  SessionTable& table_;
  const Role role_;
  const wire::MacKey mac1_key_;
  CookieMaker cookies_;
  TokenBucket handshakes_;  // bounds the Diffie-Hellman computations
  TokenBucket replies_;     // bounds the answers that need none
  absl::flat_hash_map<InitiationHash, Remembered> remembered_;
  std::deque<Expiry> expiries_;  // oldest first
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_
