// A peer: one association, what is known of its endpoints, and the paths to them.
//
// While there is a session the peer probes every path. While there is none, or nothing comes back, it shakes hands over
// every path.
#ifndef WARP_CONTROL_PROTOCOL_NODE_PEER_H_
#define WARP_CONTROL_PROTOCOL_NODE_PEER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/protocol/control_message.h"
#include "control/protocol/node/unanswered_budget.h"
#include "control/protocol/opened_message.h"
#include "control/protocol/path/arrival_book.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/feedback_book.h"
#include "control/protocol/path/limit_book.h"
#include "control/protocol/path/newest_probes.h"
#include "control/protocol/path/path_set.h"
#include "control/protocol/path/relay_wish.h"
#include "control/protocol/session/association.h"
#include "control/protocol/session/twin_watch.h"
#include "control/protocol/token_bucket.h"

namespace warp::protocol {

using wire::PeerId;

struct PeerOptions {
  std::string name;
  wire::PublicKey public_key;
  wire::PresharedKey psk = {};
  std::vector<wire::Endpoint> endpoints = {};  // from config
};

// A key that has a successor.
struct OldKey {
  wire::PublicKey key;
  Instant ends;  // at the latest
};

struct PeerStatus {
  PeerId id = 0;
  std::string name;
  wire::PublicKey public_key;
  bool connected = false;    // a confirmed session, and something authentic within the silence time
  absl::string_view reason;  // why it is so, for a human; a constant
  Instant since;
  std::shared_ptr<wire::Session> session;  // for sending; null: none
  Instant established;                     // of `session`
  wire::PublicKey session_own = {};  // the key of ours that it was made with; zero: there is none
  wire::PublicKey session_remote = {};  // the peer's
  std::vector<OldKey> old_keys = {};    // of the peer's, which it may have still
  Instant old_psk_ends =
      kNever;  // when the last of the old preshared keys does; kNever: there is none
  std::vector<PathStatus> paths;
  size_t paths_without_room = 0;  // see PathSet::without_room
  // Where two nodes seem to use the peer's key: an address of each, and when they were seen first and last in a row.
  std::vector<wire::IpAddress> twins = {};
  Instant twins_since = {};
  Instant twins_seen = {};
};

// Feedback of a peer has come, sealed under `counter` of the session that it speaks of.
using FeedbackFunction = std::function<void(Instant, PeerId, const wire::Session* session,
                                            uint64_t counter, const Feedback&)>;

// The objects that the peers of a node share. They outlive the peers.
struct Context {
  Identity& identity;
  SessionTable& table;
  const Ports& ports;
  uint16_t listen_port = wire::kDefaultPort;
  bool allow_loopback = false;
  size_t window = wire::kDefaultWindow;
  uint64_t tuning = 0;               // grows when the identity's timers or the window have changed
  PathTrafficFunction traffic = {};  // may be empty
  NewestFunction newest = {};        // may be empty
  FeedbackFunction feedback = {};    // may be empty
  Outbox outbox = {};
  UnansweredBudget unanswered = {};
  Sharers sharers = {};
  uint64_t version = 0;           // grows when what forwarding needs has changed
  uint64_t sessions_version = 0;  // the version in which sessions changed last
  // By PeerId: the versions in which the peer, and in which its sessions changed last.
  std::vector<uint64_t> changed = {};
  std::vector<uint64_t> sessions_changed = {};
  // Where maps see us. What a peer has there is behind the same NAT.
  std::vector<wire::IpAddress> outside = {};
  PathId next_path_id = 0;
};

class Peer {
 public:
  Peer(Instant now, Context& context, PeerId id, PeerOptions options);

  // --- What happens. ---
  void SetEndpoints(Instant now, EndpointSource source, uint64_t instance,
                    std::span<const wire::Endpoint> endpoints);
  // A map has found this of a key of the peer, which counts where the key serves.
  void SetFound(Instant now, uint32_t map, const wire::PublicKey& key,
                std::span<const wire::Endpoint> endpoints);
  // The relay of a map forwards to a key of the peer from there, likewise.
  void SetRelayed(Instant now, uint32_t map, const wire::PublicKey& key,
                  std::span<const Route> endpoints);
  // There is no such map any more.
  void ForgetMap(Instant now, uint32_t map);
  // Keys of the peer have ended: what maps have said of them is not true any more.
  void ForgetOldKeys(Instant now);
  // As Association::SetRemote; what maps say of each key stays that key's.
  void SetKey(Instant now, const wire::PublicKey& key, Replaced replaced);
  void PortsChanged(Instant now);
  void SetName(const std::string& name) { name_ = name; }
  // The association has changed, by a handshake message or another key.
  void AssociationChanged(Instant now);
  // Any packet of the session was opened.
  void NoteAuthentic(Instant now, const wire::Session* session, uint64_t counter);
  // Payloads flow, in either direction. Cheap: called for every burst.
  void NoteUse(Instant now) {
    last_use_ = now;
    if (!in_use_) BeginUse(now);
  }
  // A payload has come, after NoteAuthentic.
  void NotePayload(Instant now, const wire::Session* session, uint64_t counter);
  // Whether our probes ask the peer for feedback. They say so at once.
  void SetSpreads(Instant now, bool spreads);
  // A control message, after NoteAuthentic.
  wire::Drop HandleControl(Instant now, const OpenedMessage& opened);
  // As Node::HintSize has it. True where the peer has such a path.
  bool HintSize(Instant now, std::optional<PortId> port, const wire::IpAddress& remote,
                uint32_t size);
  // Says close and forgets the sessions.
  void Shutdown(Instant now);

  // Due at once where the timers have changed.
  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // --- What is. ---
  PeerId id() const { return id_; }
  const wire::PublicKey& public_key() const { return association_.remote(); }
  Association& association() { return association_; }
  const Association& association() const { return association_; }
  const PathSet& paths() const { return paths_; }
  PeerStatus status() const;
  std::vector<PathStatus> PathStatuses() const;
  bool HearsByTranslation(PortId port) const;  // as Node's
  // True once after each loss of the connection: a map may know where the peer is now.
  bool TakeLookUpAgain() { return std::exchange(look_up_again_, false); }
  // A route that a probe of the peer came by, and that was not known.
  std::optional<Route> TakeLearned() { return std::exchange(learned_, std::nullopt); }
  // Whether no path leads to the peer but through relays, where that has changed; and as it is.
  std::optional<bool> TakeRelayWish() { return relay_wish_.TakeChange(); }
  bool wants_relay() const { return relay_wish_.wanted(); }
  // Ports of ours over which a path that worked has fallen silent, each once: where a NAT before them has forgotten us,
  // the peer may know us at an endpoint that is no longer ours, and a map can tell it the new one.
  std::vector<PortId> TakeDoubtful() { return std::exchange(doubtful_, {}); }

 private:
  void Withdraw(Instant now, absl::FunctionRef<bool(const MapInstance&)> which);
  // What forwarding needs of this peer has changed.
  void Changed() { context_.changed[id_] = ++context_.version; }
  // Follows other timers and another window.
  void Retune(Instant now);
  void Reconcile(Instant now);
  bool IsOwn(const wire::Endpoint& endpoint) const;
  void HandleProbe(Instant now, const OpenedMessage& opened, const Probe& probe);
  void AnswerProbe(Instant now, const Arrival& arrival, const Probe& probe);
  bool IsCurrent(const wire::Session* session) const;
  void HandleAnswer(Instant now, const OpenedMessage& opened, const Answer& answer);
  SealOrder OrderOf(const OpenedMessage& opened) const {
    return {association_.SessionOrder(opened.session), opened.counter};
  }
  // Does what the peer's use, and the path's own, mean for how often the path is probed.
  void SetInUse(Instant now, Path& path);
  void TakeUses(Instant now);
  PortUse UseOf(PortId id) const;
  // Tells the peer of ports that are silent from now on, over the paths that will be so.
  void SayLast(Instant now);
  // Tells the peer of these ports, over the paths of others, that they have just gone down.
  void SayDown(Instant now, std::vector<PortId> ports);
  void HandlePortsDown(Instant now, const PortsDown& down, SealOrder order);
  void BeginUse(Instant now);
  void HandleUse(Instant now);
  void SendReports(Instant now);
  void SendFeedback(Instant now);
  void SendFeedback(Instant now, wire::Session* session, std::span<const Way> ways,
                    const Feedback& feedback);
  void SendLimits(Instant now, std::span<const Way> ways);
  // Chooses who carries payloads, after any change of the paths.
  void Elect(Instant now);
  void Sync(Instant now, absl::string_view why_disconnected);
  void SetConnected(Instant now, bool connected, absl::string_view reason);
  void ProbePaths(Instant now);
  void SendProbe(Instant now, Path& path, const Challenge& challenge, size_t padding);
  Duration Patience(const Path& probed) const;
  // Of two ends one says how long idle paths are silent.
  bool LeadsSilence() const { return context_.identity.public_key() < association_.remote(); }
  KeepAlive::Saying Silence(Instant now, const Path& path) const;
  std::vector<Way> Ways(Instant now);
  // Whether the budget pays for a datagram to an endpoint that has not answered.
  bool MaySend(Instant now, UnansweredBudget::Use use);

  Context& context_;
  const PeerId id_;
  std::string name_;
  Association association_;
  EndpointBook book_;
  PathSet paths_;
  RelayWish relay_wish_;
  std::optional<Route> learned_;
  UnansweredBudget::Share unanswered_;

  uint64_t tuning_;          // of the context, that it follows
  Duration probe_interval_;  // then
  NewestProbes newest_probes_;
  TwinWatch twins_;
  bool room_freed_ = false;  // a path may no longer have to stay: see PathSet::Reconcile

  // While payloads flow.
  ArrivalBook arrivals_;
  bool in_use_ = false;
  Instant last_use_{};
  Instant next_report_ = kNever;
  FeedbackBook feedback_;
  LimitBook limits_;
  Sharers::Share share_;  // of what our ports take
  // What is said of ports that are down, by the peer and by us.
  TokenBucket heard_downs_{kPortsDownBurst, kPortsDownPerSecond};
  TokenBucket said_downs_{kPortsDownBurst, kPortsDownPerSecond};
  Instant last_payload_{};
  bool spreads_ = false;  // we do

  Instant next_election_ = kNever;
  bool connected_ = false;
  absl::string_view reason_ = "no answer yet";
  Instant since_;
  bool had_session_ = false;
  uint64_t seen_version_ = 0;  // of the association
  bool look_up_again_ = false;
  std::vector<PortId> doubtful_;
  mutable std::optional<Instant> next_timeout_;  // as computed last; nullopt: compute it anew
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_NODE_PEER_H_
