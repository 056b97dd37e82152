// An association: the handshakes and sessions with ONE remote end, which has one static key, or a new one and those of
// before. A node has one for each peer, and for each map and each key of its own; a map has one for each node that
// talks to it.
//
//   begins handshakes ──► Initiator ── response ──────────────────► SessionSet: all receive, one of them sends
//   answers initiations (Responder finds the association) ───────►
//
// Initiator and responder alike use a session for sending once they have opened a packet of it, and they receive on
// every session, confirmed or not, until its keys die. Therefore no packet is lost at a rekey, and a handshake that
// somebody else's datagrams began changes nothing.
//
// An initiation may be a recording. Where there is a session to protect, it has to echo a token, which the association
// gives out in retries and changes whenever it was used: whoever echoes it holds the remote key now. Only the first
// session of all needs no token, because there is nothing yet that it could disturb.
//
// Sans-IO, one thread.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_H_
#define WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/association_keys.h"
#include "control/protocol/handshake/handshake.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/initiator.h"
#include "control/protocol/handshake/pair_lanes.h"
#include "control/protocol/handshake/session_table.h"
#include "control/protocol/session/association_options.h"
#include "control/protocol/session/session_set.h"
#include "control/protocol/timer_table.h"
#include "control/protocol/token_bucket.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

class Association {
 public:
  // `identity` and `table` outlive this.
  Association(Identity& identity, SessionTable& table, AssociationOptions options);
  Association(const Association&) = delete;
  Association& operator=(const Association&) = delete;

  // --- What happens to it. ---

  // Begins a handshake at the next HandleTimeout, which is due at once, even where there is a session. Where a
  // handshake is under way it changes nothing. From here on the association keeps itself connected.
  void Connect(Instant now);
  // There are new routes: a handshake that is under way goes out over them soon, not at its next retry.
  void Hurry(Instant now) { initiator_.Hurry(now); }

  // --- Keys that change (association_rotation.cc). ---

  // Handshakes are made with this preshared key from now on, and one begins at once; sessions go on until it ends. The
  // remote end may get the key earlier or later: until a session is confirmed that was made with it, those of before
  // serve as well, for Identity::old_keys_for.
  void SetPsk(Instant now, wire::PresharedKey psk, Replaced replaced = Replaced::kServes);
  // The same of the remote end's static key.
  void SetRemote(Instant now, const wire::PublicKey& key, Replaced replaced = Replaced::kServes);
  // We have another key, which handshakes are made with from now on; one begins at once.
  void OwnKeyChanged(Instant now);
  // Keys of ours have ended, or old keys are to end sooner or later than was said.
  void EndKeys(Instant now);
  // Somebody else has this key from now on: as if its time were over.
  void EndRemote(Instant now, const wire::PublicKey& key);
  // Changes that were made are not taken back any more.
  void SettleKeys(Instant now);

  // --- Terms that change (association_rotation.cc). ---

  // Sessions are made, followed and ended by these from now on, and by the identity's timers, which may have changed,
  // too; what is armed by longer ones is armed anew. Where the session in use was made with another window or for
  // another time, one that was made by these takes its place as soon as it is confirmed: nothing is lost meanwhile. A
  // shorter lifetime counts from now. `patience` is what NoteAsked would get of this moment.
  void Retune(Instant now, const SessionTerms& terms, Duration patience = Duration::zero());

  // An answer to an initiation of ours; mac1 of a response was verified. On a drop nothing has changed.
  wire::Drop HandleResponse(Instant now, const Arrival& arrival, wire::Bytes datagram);
  wire::Drop HandleCookieReply(Instant now, const Arrival& arrival, wire::Bytes datagram);
  wire::Drop HandleRetry(Instant now, wire::Bytes datagram);

  // --- Handshakes and packets. ---

  // Makes a session out of an initiation and gives the response to send. On a drop nothing has changed; kHandshakeStale
  // asks the caller, Responder, for a retry with token().
  struct Response {
    uint32_t local_index = 0;
    std::vector<uint8_t> datagram;
  };
  std::variant<Response, wire::Drop> HandleInitiation(Instant now, ReceivedInitiation& initiation);

  // A packet of `session` was opened (any kind; the first copy). Cheap, because it is called for every payload. True
  // when this confirmed the session: send_session() may be another now. Unknown sessions are ignored.
  // One whose counter is below that of an earlier packet is no sign of life: somebody may have held it back.
  bool NoteAuthentic(Instant now, const wire::Session* session, uint64_t counter);
  // Something was sent that the remote end answers, within `patience` or the silence time, whichever is longer. If
  // nothing authentic comes by then, the remote end is silent.
  void NoteAsked(Instant now, Duration patience);

  // The control message confirm: the responder answers it with its own.
  void HandleConfirm(Instant now, const Arrival& arrival, const wire::Session* session,
                     Outbox& outbox);
  // The control message close: the remote end has forgotten its sessions up to this one, so do we.
  void HandleClose(Instant now, const wire::Session* session);

  // Says close in every confirmed session over the ways, then forgets all. It starts nothing by itself afterwards.
  void Close(Instant now, std::span<const Way> ways, Outbox& outbox);

  Instant NextTimeout() const { return std::min(timers_.Next(), initiator_.NextTimeout()); }
  void HandleTimeout(Instant now, WaysFunction ways, Outbox& outbox);

  // --- Sending. ---

  // Seals one plaintext, whose first byte is its kind, with the send session and sends the same bytes over each way.
  // False where there is no session.
  bool Send(Instant now, std::span<const Way> ways, wire::Bytes plaintext, Outbox& outbox);
  bool Send(Instant now, const Way& way, wire::Bytes plaintext, Outbox& outbox) {
    return Send(now, {&way, 1}, plaintext, outbox);
  }
  // The same, back to where something came from that is no known endpoint.
  void Answer(Instant now, const Arrival& arrival, wire::Bytes plaintext, Outbox& outbox);

  // --- What it is now. ---

  const wire::PublicKey& remote() const { return keys_.remote(); }  // the newest
  const AssociationKeys& keys() const { return keys_; }
  // What the send session was made with; null: there is none.
  const HandshakeKeys* session_keys() const;
  // Whether there is a session that was made with such keys, or the last that was confirmed was: also where its time is
  // over, because the remote end may know no others since.
  bool HasSession(absl::FunctionRef<bool(const HandshakeKeys&)> with) const;
  // The newest confirmed session; of two that crossed, the one initiated by the smaller key. Null: nothing can be sent.
  const std::shared_ptr<wire::Session>& send_session() const { return sessions_.send_session(); }
  // All that may receive, confirmed or not.
  std::vector<std::shared_ptr<wire::Session>> receive_sessions() const;
  std::shared_ptr<wire::Session> FindSession(uint32_t local_index) const;  // null: none
  // True for a session that the remote end began and nobody has confirmed: its response may still be on the way.
  bool AwaitsConfirm(uint32_t local_index) const;
  // What an initiation by these keys, which HandleInitiation was given, is to echo; zeros where they do not serve.
  wire::Token token(const ReceivedInitiation& initiation);
  // Position of a session in the order in which they were made, from 1; 0: not one of ours.
  uint64_t SessionOrder(const wire::Session* session) const;
  Instant established() const;  // when the send session was made
  bool initiating() const { return initiator_.active(); }
  // Initiations made in all. HandleTimeout makes one at most.
  uint64_t initiations_made() const { return initiator_.made(); }
  Instant last_authentic() const { return last_authentic_; }
  // When the remote end proved last that it is there: by a packet, or by the response to a handshake of ours.
  Instant last_heard() const { return std::max(last_authentic_, last_response_); }
  // Where the response came from that made the send session; none: the remote end began it. The address proves nothing,
  // as somebody may have sent a copy from there.
  std::optional<wire::Endpoint> answered_from() const;
  // When the remote end counts as silent unless something authentic comes; kNever: nothing was asked since.
  Instant silent_at() const { return silent_at_; }
  // Grows when send_session() or receive_sessions() changed.
  uint64_t version() const { return sessions_.version(); }

 private:
  // The first three prepare what the others, due together with them, look at.
  enum class Timer : uint8_t {
    kKeys,     // an old key's time is over
    kExpiry,   // a session's time is over
    kConfirm,  // a session of ours is not confirmed yet: say so again
    kConnect,  // begin a handshake: there is no session, or Connect was called
    kRekey,    // begin one: the session in use is old, or used up
    kSilence,  // begin one: nothing authentic has answered
    kSearch,   // look for the remote end by newer keys than those of the session in use
    kCount
  };

  // Sets the timers anew, after the sessions or the handshake under way have changed.
  void Reschedule();
  // A session of these keys is about to be confirmed.
  void NoteServed(Instant now, const HandshakeKeys& keys);
  void ScheduleBeginning();
  // Whether a session is one that would be made now.
  bool IsByTerms(const SessionSet::Entry& entry) const;
  void Begin(Instant now, Initiator::Reason reason);
  void SendConfirms(Instant now, WaysFunction ways, Outbox& outbox);

  Identity& identity_;
  SessionTable& table_;
  AssociationKeys keys_;
  const AssociationOptions options_;  // but the keys, which are in keys_
  SessionTerms terms_;
  SessionSet sessions_;
  Initiator initiator_;
  TimerTable<Timer> timers_;

  bool wanted_ = false;   // Connect was called, and Close was not
  bool connect_ = false;  // Connect was called, and nothing has begun yet
  Instant not_before_{};  // no beginning earlier: the remote end said close, or the table was full
  // Nothing that somebody does with an old key puts this off.
  Instant next_search_{};
  Instant last_authentic_{};
  Instant last_response_{};
  Instant asked_at_{};
  Instant silent_at_ = kNever;
  // What initiations of the remote end have, by the keys that they are made with.
  struct Lane {
    Lane();
    TokenBucket initiations{kInitiationBurst, kInitiationsPerSecond};  // which echoed the token
    wire::Token token;   // random; another one whenever an initiation has used it
    uint64_t given = 0;  // preshared keys: AssociationKeys::PskOf
  };
  PairLanes<Lane> lanes_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_H_
