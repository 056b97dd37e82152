// An association: the handshakes and sessions with ONE remote static key. A node has one for each peer and each map; a map
// has one for each node that talks to it.
//
//                   Connect, silence, rekey time
//        ┌──────┐ ─────────────────────────────► ┌────────────┐ ◄─┐ retry: the same initiation over every route
//        │ Idle │                                │ Initiating │ ──┘ cookie reply, attempt over: fresh ephemeral
//        └──────┘ ◄───────────────────────────── └────────────┘
//                   response: a session, unconfirmed; or the remote end's own was confirmed
//
// Initiator and responder alike use a session for sending once they have opened a packet of it; they receive on every
// session they have, confirmed or not, until its keys die. So no packet is lost at a rekey, and a handshake that
// somebody else's datagrams began changes nothing.
//
// Sans-IO, one thread.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_H_
#define WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/session/cookie.h"
#include "control/protocol/session/handshake.h"
#include "control/protocol/session/identity.h"
#include "control/protocol/session/session_set.h"
#include "control/protocol/token_bucket.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

// What the responder is: named in the prologue, so that a handshake meant for a peer fails at a map.
using Role = wire::Role;

struct AssociationOptions {
  wire::PublicKey remote;
  wire::PresharedKey psk = {};  // all zero: none
  Role role = Role::kPeer;      // kMap: between a node and a map, at both ends
  size_t window = wire::kDefaultWindow;
  bool initiates = true;  // false at a map: it only answers
  // Nothing authentic for so long: a new handshake. Zero: never by itself (the caller calls Connect).
  Duration silence = std::chrono::seconds(1);
  Duration rekey_after = std::chrono::seconds(120);
  Duration rekey_after_responder = std::chrono::seconds(135);
  Duration session_lifetime = std::chrono::seconds(180);
};

// The options of a session with a peer, by `timers`.
AssociationOptions PeerAssociation(const Timers& timers, const wire::PublicKey& remote,
                                   wire::PresharedKey psk, size_t window);
// And of one with a map. `initiates`: at the node. Window 64; the keys die at one and a half times `rekey_after`.
AssociationOptions MapAssociation(const wire::PublicKey& remote, Duration rekey_after,
                                  bool initiates);

// Every way to the remote end. Asked only when something is about to be sent over all of them, so that a budget may be
// charged by the answer.
using RoutesFunction = absl::FunctionRef<std::vector<Route>()>;

class Association {
 public:
  // `local` outlives this.
  Association(Local& local, AssociationOptions options);
  ~Association();
  Association(const Association&) = delete;
  Association& operator=(const Association&) = delete;

  // --- What happens to it ---

  // Begins a handshake at the next HandleTimeout (due at once), even where there is a session; no change where one is
  // under way. From here on it keeps itself connected.
  void Connect(Instant now);
  // There are new routes: a handshake that is under way goes out over them at once, not at its next retry.
  void Hurry(Instant now);

  // Of a response to, or a cookie for, an initiation of ours; mac1 of a response was verified. nullopt when it was taken;
  // else why it was dropped, and nothing has changed.
  std::optional<wire::Drop> HandleResponse(Instant now, const Arrival& arrival,
                                           wire::Bytes datagram);
  std::optional<wire::Drop> HandleCookieReply(Instant now, const Arrival& arrival,
                                              wire::Bytes datagram);

  // Makes a session out of an initiation, and gives the response to send; or says why not, and nothing has changed.
  // kHandshakeStale asks for a cookie. Called by Responder (responder.h).
  struct Response {
    uint32_t local_index = 0;
    std::vector<uint8_t> datagram;
  };
  std::variant<Response, wire::Drop> HandleInitiation(Instant now, ReceivedInitiation& initiation);

  // A packet of `session` was opened (any kind; the first copy). Cheap: called for every payload. True when this
  // confirmed the session: send_session() may be another now. Unknown sessions are ignored.
  bool NoteAuthentic(Instant now, const wire::Session* session);

  // The control message confirm: the responder answers it with its own.
  void HandleConfirm(const Arrival& arrival, const wire::Session* session, Outbox& outbox);
  // The control message close: the remote end has forgotten its sessions up to this one, so do we.
  void HandleClose(Instant now, const wire::Session* session);

  // Says close in every confirmed session over the routes, then forgets all. It starts nothing by itself afterwards.
  void Close(std::span<const Route> routes, Outbox& outbox);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now, RoutesFunction routes, Outbox& outbox);

  // --- Sending ---

  // Seals one plaintext (first byte: its kind) with the send session and sends the same bytes over each route. False
  // where there is no session.
  bool Send(std::span<const Route> routes, wire::Bytes plaintext, Outbox& outbox);
  bool Send(const Route& route, wire::Bytes plaintext, Outbox& outbox) {
    return Send({&route, 1}, plaintext, outbox);
  }

  // --- What it is now ---

  const wire::PublicKey& remote() const { return options_.remote; }
  // The newest confirmed session; of two that crossed, the one initiated by the smaller key. Null: nothing can be sent.
  const std::shared_ptr<wire::Session>& send_session() const { return sessions_.send_session(); }
  // All that may receive, confirmed or not.
  std::vector<std::shared_ptr<wire::Session>> receive_sessions() const;
  std::shared_ptr<wire::Session> FindSession(uint32_t local_index) const;  // null: none
  // Position of a session in the order in which they were made, from 1; 0: not one of ours.
  uint64_t SessionOrder(const wire::Session* session) const;
  Instant established() const;  // when the send session was made
  bool initiating() const { return std::holds_alternative<Initiating>(state_); }
  Instant last_authentic() const { return last_authentic_; }
  // Grows when send_session() or receive_sessions() changed.
  uint64_t version() const { return sessions_.version(); }

 private:
  enum class Reason : uint8_t { kConnect, kSilence, kRekey };

  struct Idle {};
  struct Initiating {
    InitiatorHandshake handshake;
    Reason reason;
    Instant started;  // the present ephemeral key
    Instant next_send;
    Instant last_send;
    Instant refresh = kNever;  // a cookie came: try with a fresh ephemeral key
    bool refreshed = false;    // that was done once already: from now on not before the next retry
  };

  HandshakeParams params() const {
    return {options_.remote, &options_.psk, options_.role, options_.window};
  }
  // When the next handshake should begin by itself, and why.
  std::pair<Instant, Reason> NextBeginning() const;

  void Begin(Instant now, Reason reason);
  void StopInitiating();
  void SendConfirms(Instant now, RoutesFunction routes, Outbox& outbox);
  void Initiate(Instant now, RoutesFunction routes, Outbox& outbox);

  Local& local_;
  const AssociationOptions options_;
  std::variant<Idle, Initiating> state_;
  SessionSet sessions_;
  Instant last_authentic_{};

  bool wanted_ = false;   // Connect was called, and Close was not
  bool connect_ = false;  // Connect was called, and nothing has begun yet
  Instant not_before_{};  // no beginning by itself earlier: the remote end said close
  Duration backoff_;      // of the next retry
  CookieJar cookies_;
  TokenBucket initiations_;                         // of the remote end, answered
  TokenBucket responses_;                           // to ours, read
  uint64_t max_timestamp_ = 0;                      // of the initiations that were confirmed
  std::vector<InitiationHash> accepted_by_cookie_;  // the last ones, oldest first
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_H_
