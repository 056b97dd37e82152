// A link as payloads see it, in virtual time: a modem that serves what waits in it at a rate that may change, drops
// what does not fit its buffer, and loses and delays what it has sent.
#ifndef WARP_TESTS_CONTROL_BONDING_MODEL_LINK_MODEL_H_
#define WARP_TESTS_CONTROL_BONDING_MODEL_LINK_MODEL_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "dataplane/wire/time.h"

namespace warp::bonding {

using wire::Duration;
using wire::Instant;

constexpr double Mbit(double rate) { return rate * 1e6 / 8; }  // bytes a second
constexpr Duration Millis(double ms) { return Duration(static_cast<int64_t>(ms * 1e6)); }
inline double InMillis(Duration time) { return static_cast<double>(time.count()) / 1e6; }

struct LinkOptions {
  std::vector<double>
      rates;         // bytes a second; the next one each kRateStep, and again from the first one
  Duration delay{};  // one way
  Duration buffer = Millis(400);   // what a full one takes at the mean rate
  Duration jitter{};               // mean of an exponential delay, which keeps the order
  Duration slot{};                 // packets arrive at multiples of this alone
  double loss = 0;                 // in the good state
  double bad_loss = 0;             // in the bad one
  double to_bad = 0, to_good = 1;  // Gilbert-Elliott, a packet
};
constexpr Duration kRateStep = Millis(10);

// A rate that is one or the other for `period` each.
std::vector<double> Steps(double one, double other, Duration period);
// A radio's: a walk of the logarithm that returns to its mean, with fades.
std::vector<double> Radio(double mean, double least, double most, uint64_t seed);

class LinkModel {
 public:
  LinkModel(const LinkOptions& options, uint64_t seed);

  // When a packet arrives that is sent now; nullopt: never.
  std::optional<Instant> Send(Instant now, uint32_t bytes);
  // Nothing that leaves the modem in this time arrives.
  void Die(Instant from, Instant to) { deaths_.push_back({from, to}); }
  bool dead(Instant at) const;
  // From now on each packet arrives later by this, and by up to `spread` more.
  void SetExtraDelay(Duration extra, Duration spread) {
    extra_ = extra;
    spread_ = spread;
  }

  const LinkOptions& options() const { return options_; }
  double RateAt(Instant at) const;
  double MeanRate(Instant from, Instant to) const;
  uint64_t tail_drops() const { return tail_drops_; }
  uint64_t sent_bytes() const { return sent_bytes_; }
  struct Wait {
    Instant at;
    float ms;
  };
  // What each packet had to wait in the modem, its own sending included.
  const std::vector<Wait>& waits() const { return waits_; }
  double WaitPercentile(double share, Instant from, Instant to) const;

 private:
  Instant Served(Instant begin, double bytes) const;
  double Uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  LinkOptions options_;
  std::mt19937_64 random_;
  double buffer_ = 0;  // bytes
  std::deque<std::pair<Instant, uint32_t>> queue_;
  double queued_ = 0;
  Instant busy_until_{};
  Instant last_arrival_{};
  bool bad_ = false;
  Duration extra_{}, spread_{};
  std::vector<std::pair<Instant, Instant>> deaths_;
  std::vector<Wait> waits_;
  uint64_t tail_drops_ = 0, sent_bytes_ = 0;
};

double Percentile(std::vector<float> values, double share);

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_MODEL_LINK_MODEL_H_
