// How long an idle path may be silent. The NATs on it decide, and do not tell: so it is learned, and kept well below.
//
// A probe that leaves a NAT makes its mapping anew, and is answered however long the silence was. What matters is
// whether the other end's probe gets in after the silence. Therefore the two ends take turns, and each probe says for
// how long nothing follows until the other end's:
//
//      A: probe, "you, in 4 s" ──►
//                              ◄── answer
//                     4 s of silence
//                              ◄── probe of B, "you, in 4 s"      B's probes get in after 4 s
//      A: answer ──►
//                     4 s of silence
//      A: probe, "you, in 6 s" ──►                                so do A's
//
// The end with the smaller key leads: it says how long, and the other says the same, or less where it knows better. Now
// and then the leader says a step more than what is proven (it scouts), on one path at a time, while others keep
// theirs. Otherwise it says a step less, which is two thirds. An end whose turn it is not, and that hears nothing by
// then, probes at once, which opens its NAT again: the silence was too long, unless nobody answers. Then longer ones
// are not tried for an hour.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PACE_KEEP_ALIVE_H_
#define WARP_CONTROL_PROTOCOL_PATH_PACE_KEEP_ALIVE_H_

#include <cstdint>

#include "control/protocol/constants.h"

namespace warp::protocol {

class KeepAlive {
 public:
  // A length of silence, from 1 to kSilenceSteps. 0: none is said, and each end probes by itself.
  using Step = uint8_t;
  static Duration SilenceOf(Step step);
  // Where an end of the path pays for what it carries, silences begin with this step.
  static constexpr Step kSparing = 4;

  // --- What happens. ---

  // Anything came over the path or left by it: the silence begins anew. Has to come before what it was.
  void NoteTraffic(Instant now);
  // A probe is being sent; the first since the last answer, or another one.
  void NoteProbe(Instant now, bool first);
  // What that probe says.
  struct Saying {
    bool leads;   // our key is the smaller one
    bool scouts;  // a step more may be tried
    Step most;
    Step least = 1;  // while nothing that long has failed
  };
  Step Say(Instant now, const Saying& saying);
  Step SayNothing() { return said_ = 0; }
  // The first answer to it. Afterwards it is the other end's turn, where the ends take turns.
  void NoteAnswer(Instant now);
  // A probe of the other end, which said that, after NoteTraffic. `waits`: a probe of ours should have been answered.
  void NoteHeard(Instant now, Step step, bool leads, bool waits);

  // --- What is. ---

  // Both ends take turns: the other one is to probe next, in SilenceOf(said()).
  bool takes_turns() const { return said_ > 0 && heard_ > 0; }
  bool is_ours() const { return turn_ == Turn::kOurs; }
  Step said() const { return said_; }
  Step proven() const { return proven_; }
  // Whether a step more is worth trying.
  bool WantsMore(Instant now) const { return proven_ < kSilenceSteps && proven_ + 1 < Failed(now); }
  // What is known of the NATs, for a path to another port of the same address, or one whose ends begin anew.
  KeepAlive Inherit() const;

 private:
  enum class Turn : uint8_t { kNobodys, kOurs, kTheirs };

  // The least step that has failed, as far as that is still believed.
  Step Failed(Instant now) const;
  void Fail(Instant now, Step step);
  bool Survived(Step step) const;

  Step proven_ = 1;  // answered probes of both ends
  Step failed_ = kSilenceSteps + 1;
  Instant failed_at_{};
  Turn turn_ = Turn::kNobodys;
  bool leads_ = false;
  Step said_ = 0;
  Step heard_ = 0;
  Step survived_ = 0;  // by the other end's last probe
  // Of our probe that waits for its answer: it came first after the silence of this step, or because the other end's
  // did not come after that. 0: neither.
  Step testing_ = 0;
  Step overdue_ = 0;
  bool repeated_ = false;
  Instant quiet_since_{};
  Duration silence_{0};  // before what happened last
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PACE_KEEP_ALIVE_H_
