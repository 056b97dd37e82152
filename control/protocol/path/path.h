// A path: (local port, remote endpoint), the unit of probing, statistics and replication.
//
//                       answer              no answer, a port down at either end, no address, no session
//    ┌───────────┐ ────────────────► ┌────────┐ ────────────────────────────────► ┌──────┐
//    │ Candidate │                   │ Active │                                   │ Lost │
//    └───────────┘                   └────────┘ ◄──────────────────────────────── └──────┘
//                                                             answer
//
// An answer may come back over any path: it proves the probed direction. Only one that comes back over the path itself
// gives a round trip time. While payloads flow, the peer's reports of what arrived count like answers, so that a path
// that carries them is not lost for want of probes.
//
// Which of the active paths carry payloads is PathSet's choice.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <variant>

#include "absl/strings/string_view.h"
#include "control/protocol/constants.h"
#include "control/protocol/control_message.h"
#include "control/protocol/path/pace/keep_alive.h"
#include "control/protocol/path/path_size.h"
#include "control/protocol/path/path_use.h"
#include "control/protocol/seal_order.h"
#include "control/protocol/timer_table.h"
#include "control/protocol/transmit.h"

namespace warp::protocol {

class Identity;

using wire::PathId;

enum class PathState : uint8_t {
  kCandidate,  // never answered
  kActive,     // a probe was answered: may carry payloads
  kLost,       // was active once
};
absl::string_view PathStateName(PathState state);  // "candidate", "active", "lost"

struct PathStatus {
  PathId id = 0;
  PortId port = 0;
  wire::Endpoint remote;
  wire::Endpoint target;  // `remote` as datagrams have it: behind a NAT64, an IPv6 address
  wire::IpAddress
      local;  // what leaves over it leaves from here; unspecified: as the kernel chooses
  PathState state = PathState::kCandidate;
  absl::string_view reason;  // of the last change; a constant: "probe answered", "port down", ...
  Instant since;             // the time of the last change
  bool carries = false;      // payloads are sent over it
  bool relayed = false;      // through a map's relay
  // The peer's own number of the port that it leads to, where the peer has told.
  std::optional<uint16_t> remote_port;
  PortUse use = PortUse::kFree;    // as either end wants it
  uint32_t told_rate = 0;          // kbit/s that the peer lets come in by that port; 0: no bound
  std::optional<Duration> rtt;     // smoothed (RFC 6298); only ever from answers on the same path
  std::optional<Duration> jitter;  // its mean deviation
  std::optional<Duration> least_rtt;  // the shortest one since the path became active
  uint64_t control = 0;               // control messages that were opened and had come over it
  double loss = 0;                    // share of the last 64 probes that was not answered
  uint32_t size = 0;                  // the largest IP packet that may be sent over it, in bytes
  bool size_proven = false;           // a probe of that size was answered
  bool black_hole = false;            // larger ones vanish, and no router says so
  // How long it may be silent, as the last probe said; zero: it is probed as often as is usual.
  Duration silence{0};
};

class Path {
 public:
  Path(PathId id, const Route& route, bool usable, absl::string_view reason, Instant now);

  PathId id() const { return id_; }
  const Route& route() const { return route_; }
  // The address to which its datagrams go: that of the remote end, or the one by which the port's network translates to
  // it. Whoever is reached at another one has not answered, so that the path of another target is another path.
  const wire::IpAddress& target() const { return target_; }
  void SetTarget(const wire::IpAddress& target) { target_ = target; }
  // The address of ours at which the remote end writes to us: a filter or NAT on its side may let answers in from there
  // alone. Unspecified where the kernel has no choice. It stays while the path is active. True when it changed.
  bool NoteLocal(const wire::IpAddress& address);
  // For what is sent now. A path that is not active tries its local address and the kernel's choice in turn, because an
  // address may have ceased to work.
  Way NextWay();
  PathState state() const { return static_cast<PathState>(state_.index()); }
  bool active() const { return state() == PathState::kActive; }
  // Its port is up and has an address of the endpoint's family, so a probe may get there.
  bool usable() const { return usable_; }
  PathStatus status() const;

  // The peer's own number of the port that the endpoint leads to. nullopt until a probe or an answer has told. Anyone
  // on a link can put a probe from there on the wire with another source, so that a probe tells only while no answer
  // does.
  std::optional<uint16_t> remote_port() const { return remote_port_; }
  void NoteProbe(uint16_t port) {
    if (!active()) remote_port_ = port;
  }
  std::optional<Duration> rtt() const { return rtt_; }
  // The time of the last change of its state.
  Instant since() const { return since_; }
  // The share of the probes sent in that time, both ends included, that have been answered; 1 where none was sent.
  double ProbeShare(Instant from, Instant until) const;
  // When it was active last; Instant{}: never.
  Instant last_active() const { return active() ? kNever : last_active_; }
  // The endpoint is known from probes alone, which anybody on a link may have sent on from an address of its own.
  bool learned() const { return learned_; }
  void SetLearned(bool learned) { learned_ = learned; }
  // The endpoint is on the outside of the NAT that is before us as well, so that what goes there turns round in it: a
  // hairpin, which an inside address is better than. It is one until then.
  bool hairpin(Instant now) const { return now < hairpin_until_; }
  Instant hairpin_until() const { return hairpin_until_; }
  void SetHairpin(Instant until) { hairpin_until_ = until; }
  // It leads through a map's relay, and carries while no other path does.
  bool relayed() const { return relayed_; }
  void SetRelayed(bool relayed) { relayed_ = relayed; }
  // Lost because the peer said so, and not for want of answers: nothing arrives there.
  bool remote_down() const { return remote_down_; }
  PathUse& use() { return use_; }
  const PathUse& use() const { return use_; }
  bool carries() const { return carries_; }
  void SetCarries(Instant now, bool carries) {
    if (carries != carries_) carries_changed_ = now;
    carries_ = carries;
  }
  // When it began to carry, or ceased to.
  Instant carries_changed() const { return carries_changed_; }

  // --- What the peer's reports say of it. ---

  // Payloads arrive: as good as an answer to all probes up to now.
  void NoteArrival(const Timers& timers);
  // The share of its payloads that arrive. One that is not good counts for a while, which doubles each time; then the
  // path is as good as any again.
  void SetDelivery(Instant now, const Timers& timers, double share);
  double delivery(Instant now) const { return now < delivery_until_ ? delivery_ : 1; }
  Instant delivery_until() const { return delivery_until_; }
  // Payloads do not arrive, although probes may.
  bool blocked(Instant now) const { return delivery(now) < kArrivingShare; }
  // How long the peer's report may lag behind what was sent.
  Duration report_lag() const;

  // --- Its size. ---

  const PathSize& size() const { return size_; }
  // The largest IP packet that the port sends. True when the size changed.
  bool SetLimit(uint32_t limit) { return size_.SetLimit(limit); }
  void HintSize(Instant now, uint32_t size) { size_.Hint(now, size); }
  void SuspectSize(Instant now) { size_.Suspect(now); }
  void NoteSent(Instant now, uint64_t packets, uint64_t bytes) {
    size_.NoteSent(now, packets, bytes);
  }
  // A padded probe of the peer has come over the path. Where it is smaller than what is sent here, the peer may have
  // found a hop that swallows larger ones, in both directions.
  void NotePadding(Instant now, size_t padding);
  struct SizeProbe {
    Challenge challenge;
    size_t padding;
  };
  // The padded probe that is due; nullopt: none is.
  std::optional<SizeProbe> TakeSizeProbe(Instant now, const Timers& timers);

  // --- Counting, for reports: totals at the last look, by Peer alone. ---
  struct Counted {
    uint64_t received = 0;
    uint64_t received_bytes = 0;
    uint64_t control = 0;      // control messages that were opened since
    uint64_t all_control = 0;  // ever
    uint64_t reported = 0;     // copies that had been sent when the peer's last report came
  };
  Counted& counted() { return counted_; }
  void CountControl() {
    ++counted_.control;
    ++counted_.all_control;
  }

  // --- Each returns true when the state changed. ---

  // Whether the port can reach the endpoint; `reason` says why not. A path that becomes usable is probed at once.
  bool SetUsable(Instant now, bool usable, absl::string_view reason);
  // The peer says that the port which the path leads to has gone down. It is probed soon.
  bool SetRemoteDown(Instant now, const Timers& timers);
  // By which the peer has shown that this port of its works. What it said of the port before is no news.
  NewestSealed& proof() { return proof_; }
  const NewestSealed& proof() const { return proof_; }
  // There is no session with the peer any more.
  bool Disconnect(Instant now, absl::string_view reason);
  // An answer, if it is to a challenge of this path. A path that turns out to lead to another port of the peer is new
  // there, and therefore no longer the one that carries.
  bool HandleAnswer(Instant now, const Timers& timers, const Answer& answer, const Route& arrival);
  // Probes that have gone unanswered for too long, padded ones too.
  bool HandleTimeout(Instant now);

  // --- Probing. ---

  Instant next_probe() const { return timers_.At(Timer::kProbe); }
  bool probed() const { return last_probe_.has_value(); }
  Instant next_timeout() const { return std::min(timers_.Next(), size_.next_timeout()); }
  // Whether payloads flow: then probes are frequent.
  void SetInUse(Instant now, const Timers& timers, bool in_use);
  // Gives the challenge of a probe that is being sent. The next one is due after the interval of the state.
  Challenge SendProbe(Instant now, const Timers& timers, Identity& identity);
  // No answer came over this path lately, whatever came over others.
  bool unheard() const { return !rtt_ || unmeasured_ > kUnheardAfter; }
  // When something should have come back after a probe of now. While no payloads flow, a path that loses probes all the
  // time has more time for it, so that the peer does not look dead.
  Duration patience(const Timers& timers) const;
  // A probe was not answered, yet or at all.
  bool waits() const { return active() && unanswered() > 0; }
  // Several in a row were not.
  bool worries() const { return active() && unanswered() > 1; }
  // --- Its silences, while no payloads flow. ---

  // Whether the ends take turns to probe it. On one that loses probes all the time nobody knows why one is missing.
  bool keeps_silent() const {
    return active() && !in_use_ && rtt_.has_value() && LostAfter() == kLostAfterProbes;
  }
  const KeepAlive& keep_alive() const { return keep_alive_; }
  // What it says of the next probe, in one that SendProbe has just made. 0 where nobody takes turns.
  uint8_t SaySilence(Instant now, const KeepAlive::Saying& saying) {
    return keeps_silent() ? keep_alive_.Say(now, saying) : keep_alive_.SayNothing();
  }
  // A datagram has come over the path, or leaves over it, that is no payload and no probe of ours.
  void NoteTraffic(Instant now) { keep_alive_.NoteTraffic(now); }
  // A probe of the peer, after NoteTraffic.
  void HearSilence(Instant now, const Timers& timers, const Probe& probe, bool leads);
  // The peer's probes may be numbered anew, and nobody's turn it is.
  void BeginSession() {
    heard_number_ = 0;
    keep_alive_ = keep_alive_.Inherit();
  }
  // It leads to another port of the same address as `other`.
  void Inherit(const Path& other) { keep_alive_ = other.keep_alive_.Inherit(); }

  // Probes in a row were not answered for longer than their answers take. True once in each such row.
  bool TakeDoubt(Instant now, const Timers& timers);
  bool in_use() const { return in_use_; }
  // Another path of the peer waits: whether this one works is worth a probe soon.
  void Look(Instant now, const Timers& timers);
  // The timers have changed, `before` is the probe_interval of before: what is armed by longer ones is armed anew, and
  // a path that does not work is looked at again as often as one that has just been lost.
  void Retune(Instant now, const Timers& timers, Duration before);
  // The budget did not allow a probe, which is therefore sent later.
  void PutOff(Instant until) { timers_.Set(Timer::kProbe, until); }
  // A probe is worth sending at once: the session is new, or the peer's own probe has come over this path.
  void Wake(Instant now);

 private:
  enum class Timer : uint8_t {
    kProbe,  // stopped while the path is not usable
    kLoss,   // runs while an active path has kLostAfterProbes unanswered probes
    kCount
  };

  struct Candidate {
    Duration interval;  // until the next probe, then twice that. Zero: the shortest
  };
  struct Active {};
  struct Lost {
    Duration interval;  // as a candidate's
  };
  static constexpr uint32_t kUnheardAfter = 3;  // probes
  static constexpr uint32_t kUsualSize = 1500;  // of Ethernet; until SetLimit

  struct Outstanding {
    Challenge challenge;
    Instant sent;
    bool while_active = false;  // the path was, when it was sent
    bool answered = false;
    bool measured = false;  // answered over the path itself
    bool covered = false;   // not answered yet, but payloads have arrived since
  };

  template <typename State>
  bool Become(Instant now, State state, absl::string_view reason);
  Duration PatienceFor(const Timers& timers) const;
  PathSize::Pace PaceOf(const Timers& timers) const;
  // Between a probe that is not answered and the next one, at most.
  Duration LongestWait(const Timers& timers) const;
  // How long an answer may take.
  Duration AnswerTime() const { return rtt_ ? *rtt_ + 4 * deviation_ : Duration(0); }
  // After a probe of ours that was answered, while no payloads flow.
  Duration SilenceInterval(const Timers& timers) const;
  // Between probes that nobody waits for.
  Duration IdleInterval(const Timers& timers) const {
    return use_.sparing() ? timers.sparing_probe_interval : timers.idle_probe_interval;
  }
  Duration LongestInterval(const Timers& timers) const {
    return use_.sparing() ? timers.sparing_probe_interval : timers.candidate_interval_max;
  }
  void Measure(Duration sample);
  bool ConcludeSize(Instant now);
  size_t UnpaddedSize() const;   // of the IP packet of a probe
  void Conclude(bool answered);  // a probe's fate is known, which counts for the loss
  void ScheduleLoss(const Timers& timers);
  // Of the probes sent after the last one that was answered.
  size_t unanswered() const;
  Instant first_unanswered() const;
  size_t LostAfter() const;

  PathId id_;
  Route route_;
  wire::IpAddress target_;
  wire::IpAddress local_;
  bool elsewhere_ = false;  // the next way begins at the kernel's choice
  bool usable_;
  std::variant<Candidate, Active, Lost> state_;
  absl::string_view reason_;
  Instant since_;

  TimerTable<Timer> timers_;
  std::optional<Instant> last_probe_;
  std::deque<Outstanding> outstanding_;  // oldest first, at most kMaxOutstandingProbes
  std::optional<Duration> rtt_;
  Duration deviation_{0};
  std::optional<Duration> least_rtt_;  // since it became active
  uint64_t history_ =
      0;  // a bit for each probe concluded while active, the newest lowest. Set: not answered
  uint32_t concluded_ = 0;  // at most 64

  std::optional<uint16_t> remote_port_;
  PathUse use_;
  PathSize size_{kUsualSize};
  KeepAlive keep_alive_;
  uint64_t heard_number_ = 0;  // of the peer's probe that HearSilence saw last
  bool in_use_ = false;
  bool learned_ = false;
  Instant hairpin_until_ = Instant::min();
  bool relayed_ = false;
  bool remote_down_ = false;
  NewestSealed proof_;
  bool doubted_ = false;  // TakeDoubt has said so
  bool carries_ = false;
  Instant carries_changed_{};
  uint32_t unmeasured_ = 0;  // probes since the last answer over this path
  Instant last_active_{};
  double delivery_ = 1;
  Instant delivery_until_ = Instant::min();
  Duration delivery_for_{0};  // the last time
  Counted counted_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_H_
