// The size of a path: the largest IP packet that is known to arrive, found by padded probes (RFC 8899). Sizes are bytes
// of IP packet.
//
//   begin ──► ask for the limit ──► answered: proven
//                   │ not answered
//                   ▼
//             ask for the size in use ──► answered: search between it and what failed, exactly
//                   │ not answered                         ▲
//                   ▼                                      │
//             a smaller size in use ───────────────────────┘
//
// A question is a size and several probes padded to it. One answer proves the size. The size has failed when all of
// them went unanswered while probes without padding were answered: that the path loses everything says nothing of
// its size. The size in use grows only by an answer. ICMP and routes, which anybody may have made up, merely say
// what to ask first. While large payloads flow, the size in use is asked for once a second, so that a hop that
// begins to swallow them is found soon; an idle path asks nothing.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_SIZE_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "control/protocol/constants.h"
#include "control/protocol/control_message.h"

namespace warp::protocol {

class PathSize {
 public:
  // How the path behaves otherwise, for the pace of questions.
  struct Pace {
    Duration interval;    // between probes of one question
    Duration patience;    // for the answer to the last of them
    uint32_t probes = 3;  // of one question; more where the path loses many
  };

  explicit PathSize(uint32_t limit) { SetLimit(limit); }

  // The largest packet that the port sends. True where size() changed.
  bool SetLimit(uint32_t limit);
  // Somebody says that larger packets do not pass: asked soon, never believed.
  void Hint(Instant now, uint32_t size);
  // The path has become active: what was proven is asked for again, and what failed may pass now.
  void Begin(Instant now);
  // The path is not active any more.
  void Stop();
  // The totals of what was sent over the path, a few times a second while payloads flow, be it over others.
  void NoteSent(Instant now, uint64_t packets, uint64_t bytes);
  // Payloads do not arrive: the size in use is asked for, after the question that runs.
  void Suspect(Instant now);

  // What may be sent in one packet. Until the first answer a size that nearly every network carries.
  uint32_t size() const { return size_; }
  bool proven() const { return proven_; }
  // Larger packets that the port sends vanish, and no router says so by ICMP. A hint is a router's word only where it
  // names the size that was found: anybody may send one, and hide the hole's name by it.
  bool black_hole() const {
    if (failed_ > limit_) return false;
    const bool found = size_ + 1 >= failed_;
    return hint_ == 0 || hint_ >= failed_ || (found && hint_ != size_);
  }
  // Since when the size has been as it is.
  Instant since() const { return since_; }

  // --- Probes. ---
  Instant next_timeout() const { return next_; }
  // The size of the probe that is due; nullopt: none is. `challenge` goes into it.
  std::optional<uint32_t> TakeProbe(Instant now, const Pace& pace, const Challenge& challenge);
  // The pace has changed: the question that runs goes on sooner, where that is the faster one.
  void SetPace(const Pace& pace);
  // Another probe follows the one that was taken last.
  bool goes_on() const { return !all_sent_; }
  // The time during which the probes of a question that waits for its end were sent.
  struct Span {
    Instant from;
    Instant until;
  };
  // Set when the question has ended without an answer. Conclude has to follow.
  std::optional<Span> Unanswered(Instant now) const;
  // `works`: the path answered probes without padding in that time. True where size() changed.
  bool Conclude(Instant now, bool works);
  // True where this was the challenge of a probe taken here. `changed` tells whether size() changed.
  bool HandleAnswer(Instant now, const Challenge& challenge, bool* changed);

 private:
  struct Outstanding {
    Challenge challenge;
    uint32_t size = 0;
  };
  void Ask(Instant when, uint32_t size);
  // Asks for what is worth knowing next; nothing where the size is found.
  void Continue(Instant now);
  uint32_t NextToTry() const;
  void Use(Instant now, uint32_t size, bool proven);

  uint32_t limit_ = 0;
  uint32_t hint_ = 0;    // 0: there is none
  uint32_t guided_ = 0;  // questions in a row that it chose
  uint32_t failed_ = 1;  // the smallest size that failed; above the limit: none
  uint32_t size_ = 0;
  bool proven_ = false;
  bool active_ = false;
  bool suspected_ = false;  // the size in use is asked for next
  Instant since_{};

  // The question.
  uint32_t asked_ = 0;   // 0: none
  uint32_t probes_ = 0;  // of it that were sent
  bool all_sent_ = false;
  Instant first_{};
  Instant last_{};
  Instant next_ = kNever;
  std::deque<Outstanding> outstanding_;  // of the last questions, oldest first

  Instant confirmed_{};        // when the size in use was asked for last
  uint64_t sent_packets_ = 0;  // totals then
  uint64_t sent_bytes_ = 0;
  Instant raise_ = kNever;  // when a larger size is asked for again
  Duration raise_after_{0};
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_SIZE_H_
