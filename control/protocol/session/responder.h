// The door for initiations, before any association is known: authenticity of the sender's knowledge (mac1), copies, load
// and cookies, then the Diffie-Hellman. One for each process: a node has one, a map has one.
//
// The order of the checks is the order of their cost:
//   1. type, size, mac1                          unknown_type, handshake_failed, bad_mac
//   2. a copy of one that was answered?          the same response, to this copy's own source: handshake_repeated
//   3. under load, and no valid cookie?          a cookie, to this source: bad_cookie
//   4. a copy of a stale one, without cookie?    a cookie, to this source: handshake_stale
//   5. the budget of Diffie-Hellman              handshake_budget
//   6. decrypt; whose key is it?                 handshake_failed, unknown_peer
//   7. the association answers                   handshake_stale (with a cookie), or a response
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

// What initiations of strangers may cost: with Diffie-Hellman, and without (cookies, repeated responses). A node has
// better things to do; a map is there for it.
struct HandshakeBudget {
  uint32_t burst = kHandshakeBurst;
  uint32_t per_second = kHandshakesPerSecond;
  uint32_t reply_burst = kReplyBurst;
  uint32_t replies_per_second = kRepliesPerSecond;
};

class Responder {
 public:
  // `role`: kPeer at a node, kMap at a map. `local` outlives this.
  Responder(Local& local, Role role, const HandshakeBudget& budget = {});

  // The association of a static key, null where there is none (a map makes one).
  using FindFunction = absl::FunctionRef<Association*(const wire::PublicKey&)>;

  // Pushes at most one datagram, never longer than `datagram`, back to where that came from. nullopt when a new session
  // was made; else why it was dropped (repeated, stale and cookie-less ones are answered all the same).
  std::optional<wire::Drop> HandleInitiation(Instant now, const Arrival& arrival,
                                             wire::Bytes datagram, FindFunction find,
                                             Outbox& outbox);

  // Whether a handshake message (initiation or response) was made by someone who knows our public key.
  bool VerifyMac1(wire::Bytes datagram) const { return wire::VerifyMac1(mac1_key_, datagram); }

  bool under_load(Instant now) const { return handshakes_.Level(now) < handshakes_.burst() / 2; }
  size_t remembered() const { return remembered_.size(); }

 private:
  // What became of an initiation. The responses are kept as long as the unconfirmed session lives.
  struct Remembered {
    std::vector<uint8_t> response;  // empty: it was stale
    uint32_t local_index = 0;       // of the session the response is about
  };
  struct Expiry {
    Instant when;
    InitiationHash hash;
  };

  void SendCookie(Instant now, const Arrival& arrival, wire::Bytes datagram, Outbox& outbox);
  void Remember(Instant now, const InitiationHash& hash, Remembered remembered);
  void Forget(Instant now);

  Local& local_;
  const Role role_;
  const wire::MacKey mac1_key_;
  CookieMaker cookies_;
  TokenBucket handshakes_;  // Diffie-Hellman
  TokenBucket replies_;     // what costs none
  absl::flat_hash_map<InitiationHash, Remembered> remembered_;
  std::deque<Expiry> expiries_;  // oldest first
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_RESPONDER_H_
