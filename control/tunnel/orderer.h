// Puts the sequenced payloads of one tunnel in order again. Sans-IO, control thread only.
//
//   next ─┐
//   …d d d . . 7 8 . 10          7, 8 and 10 are held behind the gap; d was delivered
//
// A payload that is next in sequence is delivered at once. One that comes before an earlier one is held until
//
//   * the gap in front of it has filled, or
//   * it is proven that what is missing was lost: each path that brought anything of this tunnel within `hold` has
//     brought something later, and paths do not overtake themselves. That proves nothing before payloads have come for
//     as long as `hold`, because slower paths may not have brought anything yet; nor where the sender sends lost
//     payloads again, because they may still come; or
//   * something behind the gap has waited for `hold`, as its sender said, and at most kMaxHold; or
//   * as much is held as may be, here or by all tunnels of the node.
//
// What was held does not leave all at once: a gap may hold up a tenth of a second's payloads, and the buffer of an
// application's socket, where the application did not choose its size, has room for less than a hundred. So only so
// many leave in a millisecond, or twice as many as come, and what comes meanwhile is held behind them. Where too much
// is held, no more leave at once than have to.
//
// What comes after that is late: it is delivered at once. A lost payload that was sent again has the same sequence and
// another counter, so that the second one is known by its sequence alone.
//
// A life is the time of a sender from one start to the next, in which sequences grow. With a later life everything
// begins anew. What is still under way of earlier ones is delivered as it comes; of the life before it is remembered
// what was delivered, for as long as a session of it may bring more. Nobody restarts twice within that time.
#ifndef WARP_CONTROL_TUNNEL_ORDERER_H_
#define WARP_CONTROL_TUNNEL_ORDERER_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "control/gate/delivery.h"
#include "control/tunnel/pace/shared_room.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Orderer {
 public:
  static constexpr wire::Duration kMaxHold = std::chrono::seconds(1);
  // Held at once. Payloads are copied when they are held, because packet memory is what the workers receive with.
  static constexpr size_t kMaxHeld = size_t{1} << 13;
  static constexpr size_t kMaxHeldBytes = size_t{16} << 20;
  // So far behind the next one it is known which were delivered, at first. Where payloads come so fast that this is
  // less than kReach, in which a slow path may still bring one that was sent again, more are remembered.
  static constexpr uint64_t kRemembered = uint64_t{1} << 16;
  static constexpr uint64_t kMostRemembered = uint64_t{1} << 22;
  static constexpr wire::Duration kReach = std::chrono::seconds(3);
  // Paths that are told apart; further ones take the place of the one that has been silent longest.
  static constexpr size_t kMaxPaths = 32;

  // So many that were held leave in each kPause: this many, or this share of all that are held, or two for each
  // that comes, whichever is most. So the backlog ends however fast payloads come, and however late a timer is.
  static constexpr size_t kLeastRun = 48;
  static constexpr size_t kRunShare = 16;
  static constexpr wire::Duration kPause = std::chrono::milliseconds(1);

  // What holding a payload takes beside its bytes.
  static constexpr size_t kEntry = 128;

  using DeliverFunction = std::function<void(Delivery&&)>;
  // `room` is the node's; null: there is no such bound.
  explicit Orderer(DeliverFunction deliver, SharedRoom* room = nullptr)
      : deliver_(std::move(deliver)), part_(room) {}
  Orderer(const Orderer&) = delete;
  Orderer& operator=(const Orderer&) = delete;

  // A life of the sender, as a session of it tells. A payload may be under way for longer than a sender takes to start,
  // so that what comes later need not be of the later life: the sessions say it, of which those that were made later
  // expire later.
  struct Life {
    uint32_t number = 0;      // no order is in it
    wire::Instant expires{};  // when the session does
  };

  // A payload that came over `path` in a session with a sender of this life. It delivers what may be delivered now.
  //   kNone              delivered, or held
  //   kSequenceRepeated  the tunnel has had this sequence
  //   kSequenceTooOld    so far behind that nobody knows whether it has
  wire::Drop Add(wire::Instant now, const Life& life, const wire::Route& path,
                 const wire::SequencedHeader& header, Delivery payload);

  // When something has waited for long enough, or may leave after others; kNever while nothing is held.
  wire::Instant NextTimeout() const {
    return releases_.empty() ? resume_ : std::min(resume_, releases_.begin()->second);
  }
  void HandleTimeout(wire::Instant now);
  // Delivers all that is held, now: what is missing would come too late.
  void ReleaseAll(wire::Instant now);

  struct Counters {
    uint64_t held = 0;
    uint64_t late = 0;      // delivered after a later one
    uint64_t repeated = 0;  // kSequenceRepeated
    // Gaps that were given up, by why.
    uint64_t by_proof = 0;
    uint64_t by_hold = 0;
    uint64_t by_room = 0;
  };
  const Counters& counters() const { return counters_; }
  size_t held() const { return held_.size(); }
  size_t held_bytes() const { return part_.used(); }  // with what holding takes

 private:
  // Sequences are counted on beyond 2^32, so that they compare.
  using Sequence = uint64_t;
  struct Held {
    Delivery payload;
    wire::Duration hold;
    bool resend = false;
  };
  struct Path {
    wire::Route route;
    Sequence newest = 0;
    wire::Instant last{};
  };

  // Which of the sequences below the next one were delivered.
  class Memory {
   public:
    // Nothing was delivered yet.
    void Begin(wire::Instant now, Sequence next);
    bool begun() const { return bits_ != nullptr; }
    Sequence next() const { return next_; }
    uint64_t size() const { return size_; }
    Sequence Expand(uint32_t sequence) const {
      return next_ + static_cast<uint64_t>(
                         int64_t{static_cast<int32_t>(sequence - static_cast<uint32_t>(next_))});
    }
    // A sequence below next() is delivered. kNone, or why it must not be.
    wire::Drop Deliver(Sequence sequence);
    // The next one is delivered.
    void DeliverNext(wire::Instant now);
    // What is passed over was not delivered, and may still come.
    void MoveTo(Sequence next);

   private:
    void Grow();
    uint64_t& WordOf(Sequence sequence) { return bits_[sequence / 64 % (size_ / 64)]; }
    static uint64_t BitOf(Sequence sequence) { return uint64_t{1} << sequence % 64; }

    Sequence next_ = 0;
    uint64_t size_ = kRemembered;
    std::unique_ptr<uint64_t[]> bits_;  // a ring
    // When next() was there: a half of the ring later it is seen whether the ring is long enough.
    Sequence mark_ = 0;
    wire::Instant marked_{};
  };

  void Begin(wire::Instant now, const Life& life, uint32_t sequence);
  wire::Drop AddEarlier(const Life& life, uint32_t sequence, Delivery payload);
  void NotePath(wire::Instant now, const wire::Route& route, Sequence sequence);
  void Hold(wire::Instant now, Sequence sequence, const wire::SequencedHeader& header,
            const Delivery& payload);
  void NoteRelease(Sequence sequence, wire::Instant release);

  // Delivers the payload as the next one in sequence.
  void DeliverNext(wire::Instant now, Delivery&& payload);
  void PassOver(Sequence sequence, uint64_t* why);
  // Delivers what is held, as long as nothing is missing in front of it that is not given up; so many at a time, unless
  // it is all the same how many.
  enum class Run : uint8_t { kPaced, kAll };
  void DeliverRun(wire::Instant now, Run run = Run::kPaced);
  // All gaps in front of `sequence` are given up: each is passed over when what is behind it has its turn, so that
  // what comes before that is not late.
  void GiveUpTo(Sequence sequence);
  bool behind() const { return !held_.empty() && held_.begin()->first == memory_.next(); }
  // The first of what is held waits for nothing but its turn.
  bool due() const {
    return !held_.empty() && held_.begin()->first <= std::max(memory_.next(), given_up_);
  }
  bool MayLeave(wire::Instant now);
  bool TooMuch() const;
  void MakeRoom(wire::Instant now);
  void ReleaseProven(wire::Instant now);

  const DeliverFunction deliver_;
  Life life_;      // the latest, and its last session
  Memory memory_;  // of it
  Life life_before_;
  Memory before_;
  std::vector<Path> paths_;
  wire::Instant since_{};  // payloads have come without a pause
  wire::Instant last_{};   // one came
  absl::btree_map<Sequence, Held> held_;
  // When what is held is released at the latest: by sequence, and times grow with sequences, because everything in
  // front of a payload is released with it.
  absl::btree_map<Sequence, wire::Instant> releases_;
  Sequence given_up_ = 0;  // gaps in front of this one
  Sequence proven_ = 0;    // the one in front of this one was proven
  // The millisecond of a run: how many may leave at least, how many have come, and have left.
  wire::Instant run_since_{};
  size_t run_least_ = 0, run_came_ = 0, run_left_ = 0;
  wire::Instant resume_ = wire::kNever;
  SharedRoom::Part part_;
  size_t path_ = 0;  // that brought the payload before
  Counters counters_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_ORDERER_H_
