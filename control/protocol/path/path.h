// A path: (local port, remote endpoint), the unit of probing, statistics and replication.
//
//                       answer                     no answer, port down, no address, no session
//    ┌───────────┐ ────────────────► ┌────────┐ ────────────────────────────────► ┌──────┐
//    │ Candidate │                   │ Active │                                   │ Lost │
//    └───────────┘                   └────────┘ ◄──────────────────────────────── └──────┘
//                                                             answer
//
// An answer may come back over any path: it proves the probed direction. Only one that comes back over the path itself
// gives a round trip time.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>

#include "absl/strings/string_view.h"
#include "control/protocol/constants.h"
#include "control/protocol/control_message.h"
#include "control/protocol/timer_table.h"
#include "control/protocol/transmit.h"

namespace warp::protocol {

class Identity;

using wire::PathId;

enum class PathState : uint8_t {
  kCandidate,  // never answered
  kActive,     // a probe was answered: carries payloads
  kLost,       // was active once
};
absl::string_view PathStateName(PathState state);  // "candidate", "active", "lost"

struct PathStatus {
  PathId id = 0;
  PortId port = 0;
  wire::Endpoint remote;
  PathState state = PathState::kCandidate;
  absl::string_view reason;  // of the last change; a constant: "probe answered", "port down", ...
  Instant since;             // the time of the last change
  std::optional<Duration> rtt;     // smoothed (RFC 6298); only ever from answers on the same path
  std::optional<Duration> jitter;  // its mean deviation
  double loss = 0;                 // share of the last 64 probes that was not answered
};

class Path {
 public:
  Path(PathId id, const Route& route, bool usable, absl::string_view reason, Instant now);

  PathId id() const { return id_; }
  const Route& route() const { return route_; }
  PathState state() const { return static_cast<PathState>(state_.index()); }
  bool active() const { return state() == PathState::kActive; }
  // Its port is up and has an address of the endpoint's family, so a probe may get there.
  bool usable() const { return usable_; }
  PathStatus status() const;

  // --- Each returns true when the state changed. ---

  // Whether the port can reach the endpoint; `reason` says why not. A path that becomes usable is probed at once.
  bool SetUsable(Instant now, bool usable, absl::string_view reason);
  // There is no session with the peer any more.
  bool Disconnect(Instant now, absl::string_view reason);
  // An answer to the challenge, if it is one of this path's.
  bool HandleAnswer(Instant now, const Timers& timers, const Challenge& challenge,
                    const Route& arrival);
  // Probes that have gone unanswered for too long.
  bool HandleTimeout(Instant now);

  // --- Probing. ---

  Instant next_probe() const { return timers_.At(Timer::kProbe); }
  Instant next_timeout() const { return timers_.Next(); }
  // Gives the challenge of a probe that is being sent. The next one is due after the interval of the state.
  Challenge SendProbe(Instant now, const Timers& timers, Identity& identity);
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
  struct Lost {};

  struct Outstanding {
    Challenge challenge;
    Instant sent;
    bool answered = false;
    bool measured = false;  // answered over the path itself
  };

  template <typename State>
  bool Become(Instant now, State state, absl::string_view reason);
  Duration PatienceFor(const Timers& timers) const;
  void Measure(Duration sample);
  void Conclude(bool answered);  // a probe's fate is known, which counts for the loss
  void ScheduleLoss(const Timers& timers);
  // Of the probes sent after the last one that was answered.
  size_t unanswered() const;
  Instant first_unanswered() const;

  PathId id_;
  Route route_;
  bool usable_;
  std::variant<Candidate, Active, Lost> state_;
  absl::string_view reason_;
  Instant since_;

  TimerTable<Timer> timers_;
  std::optional<Instant> last_probe_;
  std::deque<Outstanding> outstanding_;  // oldest first, at most kMaxOutstandingProbes
  std::optional<Duration> rtt_;
  Duration deviation_{0};
  uint64_t history_ = 0;    // a bit for each concluded probe, the newest lowest. Set: not answered
  uint32_t concluded_ = 0;  // at most 64
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_H_
