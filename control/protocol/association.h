// An association: the handshakes and sessions with ONE remote static key. A node has one for each
// peer and each map; a map has one for each node that talks to it.
//
//                       Connect, silence, rekey time
//            ┌──────┐ ─────────────────────────────► ┌────────────┐ ◄─┐ retry: the same initiation
//            over every path │ Idle │                                │ Initiating │ ──┘ cookie
//            reply, attempt over: fresh ephemeral └──────┘ ◄─────────────────────────────
//            └────────────┘
//                       response (a session, unconfirmed)
//
//   a session:  unconfirmed ── a packet of it was opened ──► confirmed ── its keys die, close ──►
//   gone
//                    └── confirm_lifetime passed ──► gone
//
// Initiator and responder alike use a session for sending once they have opened a packet of it;
// they receive on every session they have, confirmed or not, until its keys die. So no packet is
// lost at a rekey, and a handshake that somebody else's datagrams began changes nothing.
//
// Sans-IO, one thread. Pointers to sessions stay valid as long as the caller holds the shared_ptr.
#ifndef WARP_CONTROL_PROTOCOL_ASSOCIATION_H_
#define WARP_CONTROL_PROTOCOL_ASSOCIATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/local.h"
#include "control/protocol/time.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/session.h"

namespace warp::protocol {

// What the remote end is, or we are to it: named in the prologue, so that a handshake meant for a
// peer fails at a map.
enum class Role : uint8_t { kPeer, kMap };

struct AssociationOptions {
  wire::PublicKey remote;
  wire::PresharedKey psk = {};  // all zero: none
  Role role = Role::kPeer;      // kMap: between a node and a map, at both ends
  size_t window = wire::kDefaultWindow;
  bool initiates = true;  // false at a map: it only answers
  // Nothing authentic for so long: a new handshake. Zero: never by itself (the caller calls
  // Connect).
  Duration silence = std::chrono::seconds(1);
  Duration rekey_after = std::chrono::seconds(120);
  Duration rekey_after_responder = std::chrono::seconds(135);
  Duration session_lifetime = std::chrono::seconds(180);
};

// The options of a session with a peer, and of one with a map, by the timers of `timers`.
AssociationOptions PeerAssociation(const Timers& timers, const wire::PublicKey& remote,
                                   wire::PresharedKey psk, size_t window);
// `initiates`: at the node. Window 64, rekeyed by `rekey_after`, the responder's and the keys'
// times in proportion.
AssociationOptions MapAssociation(const wire::PublicKey& remote, Duration rekey_after,
                                  bool initiates);

// Every way to the remote end. Asked only when something is about to be sent over all of them (so
// that a budget may be charged by the answer).
using RoutesFunction = absl::FunctionRef<std::vector<Route>()>;

class Association {
 public:
  // `local` outlives this.
  Association(Local& local, AssociationOptions options);
  ~Association();
  Association(const Association&) = delete;
  Association& operator=(const Association&) = delete;

  // --- What happens to it ---

  // Begins a handshake at the next HandleTimeout (due at once) unless one is under way.
  void Connect(Instant now);

  // Of a response to, or a cookie for, an initiation of ours: the datagram named an index of this
  // association. nullopt when it was taken; else why it was dropped, and nothing has changed.
  std::optional<wire::Drop> HandleResponse(Instant now, const Arrival& arrival,
                                           wire::Bytes datagram);
  std::optional<wire::Drop> HandleCookieReply(Instant now, const Arrival& arrival,
                                              wire::Bytes datagram);

  // A packet of `session` was opened (any kind; the first copy). Cheap: called for every payload.
  // True when this confirmed the session: send_session() may be another now. Unknown sessions are
  // ignored.
  bool NoteAuthentic(Instant now, const wire::Session* session);

  // The control message confirm: the responder answers it with its own.
  void HandleConfirm(Instant now, const Arrival& arrival, const wire::Session* session,
                     Outbox& outbox);
  // The control message close: the remote end forgets the sessions up to this one, so do we. True
  // when it was the last.
  bool HandleClose(Instant now, const wire::Session* session);

  // Says close in every confirmed session over the routes, then forgets all. It starts nothing by
  // itself afterwards.
  void Close(Instant now, std::span<const Route> routes, Outbox& outbox);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now, RoutesFunction routes, Outbox& outbox);

  // --- Sending ---

  // Seals one plaintext (first byte: its kind) with the send session and sends the same bytes over
  // each route. False where there is no session.
  bool Send(std::span<const Route> routes, wire::Bytes plaintext, Outbox& outbox);
  bool Send(const Route& route, wire::Bytes plaintext, Outbox& outbox) {
    return Send({&route, 1}, plaintext, outbox);
  }

  // --- What it is now ---

  const wire::PublicKey& remote() const { return options_.remote; }
  // The newest confirmed session; of two that crossed, the one initiated by the smaller key. Null:
  // nothing can be sent.
  const std::shared_ptr<wire::Session>& send_session() const { return send_session_; }
  // All that may receive: confirmed or not.
  std::vector<std::shared_ptr<wire::Session>> receive_sessions() const;
  std::shared_ptr<wire::Session> FindSession(uint32_t local_index) const;  // null: none
  // Position of a session in the order in which they were made, from 1; 0: not one of ours. With a
  // message's counter it orders all that the remote end sealed.
  uint64_t SessionOrder(const wire::Session* session) const;
  Instant established() const;  // of the send session
  bool initiating() const { return initiating_ != nullptr; }
  Instant last_authentic() const { return last_authentic_; }
  // Grows when send_session() or receive_sessions() changed.
  uint64_t version() const { return version_; }

  // --- For Responder (responder.h) ---

  // A parsed initiation of the remote end, whose secrets were right.
  struct Initiation;
  // Makes a session and the response to send; or says why not, and nothing has changed.
  struct Response {
    uint32_t local_index = 0;
    std::vector<uint8_t> datagram;
  };
  std::variant<Response, wire::Drop> HandleInitiation(Instant now, Initiation& initiation);

 private:
  struct Attempt;  // an initiation of ours under way
  struct Entry;    // a session and what is known of it

  Local& local_;
  const AssociationOptions options_;
  std::unique_ptr<Attempt> initiating_;
  std::vector<Entry> sessions_;
  std::shared_ptr<wire::Session> send_session_;
  Instant last_authentic_;
  uint64_t version_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_ASSOCIATION_H_
