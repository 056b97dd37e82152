// How much a path carries, found out from the traffic itself: the feedback of the receiver, joined with what the sender
// remembers, says when the newest packet was sent and arrived, and how many bytes have arrived.
//
//   d  = arrival - sent, whose smallest value of the last 10 to 20 s is the floor;  q = d - floor is the path's queue
//   r  = bytes arrived a second over max(40 ms, half a round trip);  limited: payloads waited for the path lately
//
// A rate that was received is the capacity only where the path was full all the while: it was limited without a pause,
// or a queue stood in it already when the measurement began. Else it is only what there was to send, and the estimate
// of a path that is used now and then would rot. It is a part of the capacity all the same: what arrived just as it
// was sent, and found no queue, was carried, and raises the estimate.
//
// The pace is such that a queue of `target` stands in the path, so that it never idles: above the capacity while the
// queue is shorter, below it while it is longer. The target grows with the jitter of the path. What arrives just as it
// was sent says of the capacity only that it is no less, whatever queue there is: the path is known to be slower only
// where the packets come apart, and to be as fast as they arrive where a queue drains.
//
// A queue that does not end although little is sent is another's: a download on the same link fills its buffer, or the
// receiver is late. The path is contested then: the estimate stays what it was, and the pace is somewhat below it. It
// ends when the queue does, or when much less arrives than is sent, because the path did become slower. Loss by itself
// lowers nothing, because radio links lose without being full; but the rate is that of what was delivered, so that a
// policer is found.
//
// Clocks of two machines are never compared: a floor holds their unknown difference, which is the same for all paths of
// a peer. Pure; `now` is a parameter.
#ifndef WARP_CONTROL_BONDING_CAPACITY_H_
#define WARP_CONTROL_BONDING_CAPACITY_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>

#include "dataplane/wire/time.h"

namespace warp::bonding {

using wire::Duration;
using wire::Instant;

// Bytes a second.
using Rate = double;

class Capacity {
 public:
  // What one feedback says of the path.
  struct Sample {
    Instant now;         // when the feedback came
    Instant sent;        // of the newest packet that arrived
    Duration arrived{};  // its arrival by the receiver's clock, which begins anywhere
    Duration age{};      // how long after that the feedback was made
    uint64_t bytes = 0;  // that have arrived on the path in all
    Duration idle{};     // how long there was nothing to send before the newest packet, in all
  };

  // `bound`: the configured rate, in bytes a second, of which 99 % are used; 0: none. `round_trip`: what is known of
  // it; zero: nothing.
  explicit Capacity(uint64_t bound, Duration round_trip = {});

  void SetBound(uint64_t bound);
  // What the path may send of what its port may (port_shares.h); 0: all. It bounds the pace alone, because it says
  // nothing of what the path carries.
  void SetShare(Rate share);
  // Payloads wait for the path.
  void NoteLimited(Instant now) { limited_ = now; }
  // Samples have to come in the order of their arrival; others are ignored.
  void Handle(const Sample& sample);
  // What another path carried at `rate` moves here, or copies of it do. What an idle path carries is not small, but
  // unknown: it may begin with a half of what it had, or with all of the rate where it once carried as much; and one
  // that never was full with a third of the rate.
  void Presume(Instant now, Rate rate);
  // The path comes back: it starts anew at a half of what it had.
  void Restart(Instant now);

  // What may be sent now, if its port has that much to spare. A path that was idle is trusted less, the longer.
  Rate pace(Instant now) const;
  // The time that one byte takes at that pace, in nanoseconds.
  double ByteTime(Instant now) const {
    return now < plain_until_ ? byte_time_ : 1e9 / Shared(pace(now));
  }
  // The same at the configured rate, or the share of it; 0 where there is none.
  double LeastByteTime() const { return bound_ > 0 ? 1e9 / Shared(bound_) : 0; }
  Rate capacity() const { return capacity_; }
  // The capacity was reached once: else it is only what was sent so far.
  bool known() const { return known_; }
  // A queue stands in the path that is not ours.
  bool contested() const { return contest_.is; }
  // Some sample came, so that there is a floor.
  bool has_floor() const { return has_floor_; }
  // The clocks of two machines drift, so that a floor that nothing has confirmed for long says nothing any more.
  void LapseFloor(Instant now) {
    if (has_floor_ && now - sampled_ > kFloorLasts) ForgetFloor();
  }
  // The receiver's clock begins anew.
  void ForgetFloor() { has_floor_ = measured_ = false; }
  // The receiver's clock at the arrival of something sent at the beginning of ours, on an empty path: to be compared
  // with other paths of the same peer alone.
  Duration floor() const { return floor_; }
  Duration queue() const { return queue_; }  // as of the last sample
  Duration target() const;
  size_t samples() const { return points_.size(); }  // that are remembered
  // The shortest time from sending to the feedback about it, less what the receiver waited.
  Duration round_trip() const { return round_trip_; }
  // For how long nothing need arrive although something should have: longer is silence.
  Duration silence() const { return target() + std::chrono::milliseconds(8); }

  static constexpr Duration kInterval = std::chrono::milliseconds(20);  // of feedback
  static constexpr Duration kFloorLasts = std::chrono::seconds(30);
  static constexpr Rate kFirst = 500e3;
  static constexpr Rate kLeast = 8e3;

 private:
  struct Point {
    Duration arrived;
    Instant sent;
    uint64_t bytes;
    Duration queue;
    Duration idle;
  };
  void NoteDelay(const Sample& sample, Duration delay);
  // Of the bytes that arrived between two samples: as they arrived, and as they were sent.
  struct Rates {
    Rate received = 0;
    Rate sent = 0;
  };
  void Adjust(Instant now, const Rates& rates, bool limited, bool full, bool busy);
  void CheckContest(Instant now, const Rates& rates, Duration queue, Duration loop);
  Duration Window() const;
  void SetPace(Instant now, Rate pace);
  Rate Shared(Rate rate) const { return share_ > 0 ? std::min(rate, share_) : rate; }
  Rate Bounded(Rate rate) const { return bound_ > 0 ? std::min(rate, bound_) : rate; }

  Rate bound_;
  Rate share_ = 0;
  Rate capacity_;
  Rate pace_;
  double byte_time_ = 0;   // at pace_, or the share
  Instant plain_until_{};  // until when pace_ is the pace
  Rate proven_ = 0;        // the capacity when the path was full last
  bool startup_;
  bool known_ = false;
  bool measured_ = false;  // since the beginning, or the last restart
  bool has_floor_ = false;
  int short_ = 0;  // samples in a row in which less arrived than was sent, of startup
  int clean_ = 0;  // samples in a row without a queue
  Instant limited_{};
  Instant last_sent_{};
  Instant sampled_{};
  Instant used_{};  // until when the capacity is trusted as it is, less kTrusted
  Duration last_arrived_{};

  Duration floor_{};
  Duration floors_[2] = {Duration::max(),
                         Duration::max()};  // of this period, and of the one before
  uint32_t delays_ = 0, high_delays_ = 0;   // of this period; the latter far above its floor
  Instant floor_period_{};
  Instant renew_until_{};  // the pace is low, so that the floor shows
  Duration queue_{};
  Duration queue_before_{};
  double noise_ = 0;  // nanoseconds
  Duration round_trip_ = std::chrono::milliseconds(100);
  Duration trips_[2] = {Duration::max(), Duration::max()};
  std::deque<Point> points_;

  struct Contest {
    bool is = false;
    Rate before = 0;      // capacity when the queue was below the target for the last time
    Instant cut_since{};  // the pace is much lower than that
    Instant marked{};     // when the queue was `mark`, after the lower pace could show
    Duration mark{};
    double as_sent = 1;    // smoothed share of what arrives
    Instant not_before{};  // it was none the last time
    Duration pause{};
  };
  Contest contest_;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_CAPACITY_H_
