// The door for initiations, before any association is known: authenticity of the sender's knowledge
// (mac1), copies, load and cookies, then the Diffie-Hellman. One for each process: a node has one,
// a map has one.
//
// The order of the checks is the order of their cost:
//   1. size, type, mac1                          truncated, unknown_type, bad_mac
//   2. copy of one already answered?             the same response, to this copy's own source
//   (handshake_repeated)
//   3. under load, and no valid cookie?          a cookie, to this source (bad_cookie)
//   4. the budget of Diffie-Hellman              handshake_budget
//   5. decrypt; whose key is it?                 handshake_failed, unknown_peer
//   6. not newer than the last confirmed one,
//      and no valid cookie?                      a cookie (handshake_stale)
//   7. the association answers
#ifndef WARP_CONTROL_PROTOCOL_RESPONDER_H_
#define WARP_CONTROL_PROTOCOL_RESPONDER_H_

#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "control/protocol/association.h"

namespace warp::protocol {

class Responder {
 public:
  // `role`: kPeer at a node, kMap at a map. `local` outlives this.
  Responder(Local& local, Role role);
  ~Responder();

  // The association of a static key, null where there is none (a map makes one).
  using FindFunction = absl::FunctionRef<Association*(const wire::PublicKey&)>;

  // Pushes at most one datagram, never longer than `datagram`, back to where it came from. nullopt
  // when a new session was made by it; else why it was dropped (a repeated, stale or cookie-less
  // one was answered all the same).
  std::optional<wire::Drop> HandleInitiation(Instant now, const Arrival& arrival,
                                             wire::Bytes datagram, FindFunction find,
                                             Outbox& outbox);

  bool under_load(Instant now) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_RESPONDER_H_
