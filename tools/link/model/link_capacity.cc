#include "tools/link/model/link_capacity.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace warp::tools {
namespace {

constexpr double kNanosPerSecond = 1e9;

// Bits that `rate` serves in a time.
double Bits(double rate, Nanos time) { return rate * static_cast<double>(time) / kNanosPerSecond; }

std::variant<UnlimitedRate, SteppedRate, TracedRate> RateOf(const LinkOptions& options) {
  if (!options.trace.empty()) return TracedRate(options.trace);
  if (!options.rate.empty()) return SteppedRate(options.rate, options.repeat);
  return UnlimitedRate{};
}

// A moment so late that it never comes, and so early that all delays of a link can still be added to it.
constexpr Nanos kFarAway = kNeverNanos / 4;

Nanos Later(Nanos at, double nanos) {
  return nanos < static_cast<double>(kFarAway) ? at + static_cast<Nanos>(std::ceil(nanos))
                                               : kFarAway;
}

// The rate at which the buffer's time is read. A modem's buffer has a fixed number of bytes, whatever the radio does.
double Nominal(const UnlimitedRate&) { return 0; }
double Nominal(const SteppedRate& rate) { return rate.highest(); }
double Nominal(const TracedRate& rate) { return rate.mean(); }

double Highest(const UnlimitedRate&) { return 0; }
double Highest(const SteppedRate& rate) { return rate.highest(); }
double Highest(const TracedRate& rate) { return rate.highest(); }

}  // namespace

// --- Steps. -------------------------------------------------------------------------------------

SteppedRate::SteppedRate(const std::vector<RateStep>& steps, Nanos repeat)
    : steps_(steps), repeat_(repeat) {
  // Otherwise a frame might never leave, and When() never return.
  assert(highest() > 0 && (steps_.back().rate > 0 || repeat_ > 0));
  if (repeat_ == 0) return;
  for (size_t i = 0; i < steps_.size(); ++i) round_ += Bits(steps_[i].rate, Length(i));
}

Nanos SteppedRate::Length(size_t index) const {
  if (index + 1 < steps_.size()) return steps_[index + 1].at - steps_[index].at;
  return repeat_ > 0 ? repeat_ - steps_[index].at : kNeverNanos;
}

void SteppedRate::Advance(Cursor& cursor) const {
  const Nanos length = Length(cursor.index);
  cursor.bits += Bits(steps_[cursor.index].rate, length);
  cursor.at += length;
  cursor.index = (cursor.index + 1) % steps_.size();
}

void SteppedRate::SkipRounds(Cursor& cursor, Nanos time, double bits) const {
  if (repeat_ == 0) return;
  const double rounds = std::min(static_cast<double>(time / repeat_), std::ceil(bits / round_) - 1);
  if (rounds < 1) return;
  cursor.at += static_cast<Nanos>(rounds) * repeat_;
  cursor.bits += rounds * round_;
}

double SteppedRate::Served(Nanos now) {
  SkipRounds(served_, now - served_.at, HUGE_VAL);
  while (now - served_.at >= Length(served_.index)) Advance(served_);
  return served_.bits + Bits(steps_[served_.index].rate, now - served_.at);
}

Nanos SteppedRate::When(double bits) const {
  Cursor cursor = served_;
  SkipRounds(cursor, kFarAway, bits - cursor.bits);
  while (cursor.at < kFarAway) {
    const double rate = steps_[cursor.index].rate;
    const double left = bits - cursor.bits;
    const Nanos length = Length(cursor.index);
    // A step of rate 0 has nothing to give, so that only a frame without bits ends in it.
    if (rate == 0 && left <= 0) return cursor.at;
    if (rate > 0 && (length == kNeverNanos || left <= Bits(rate, length))) {
      return Later(cursor.at, left / rate * kNanosPerSecond);
    }
    Advance(cursor);
  }
  return kFarAway;
}

double SteppedRate::highest() const {
  double highest = 0;
  for (const RateStep& step : steps_) highest = std::max(highest, step.rate);
  return highest;
}

// --- Traces. ------------------------------------------------------------------------------------

TracedRate::TracedRate(const std::vector<uint32_t>& milliseconds)
    : milliseconds_(milliseconds), period_(Nanos{milliseconds.back()} * kMillisecond) {}

double TracedRate::Served(Nanos now) const {
  const Nanos rounds = now / period_;
  const auto millisecond = static_cast<uint32_t>(now % period_ / kMillisecond);
  const auto passed = std::upper_bound(milliseconds_.begin(), milliseconds_.end(), millisecond);
  const double count = static_cast<double>(rounds) * static_cast<double>(milliseconds_.size()) +
                       static_cast<double>(passed - milliseconds_.begin());
  return count * kOpportunity;
}

Nanos TracedRate::When(double bits) const {
  const auto before = static_cast<uint64_t>(std::max(std::ceil(bits / kOpportunity) - 1, 0.0));
  const uint64_t round = before / milliseconds_.size();
  return Later(Nanos{milliseconds_[before % milliseconds_.size()]} * kMillisecond,
               static_cast<double>(round) * static_cast<double>(period_));
}

double TracedRate::mean() const {
  return static_cast<double>(milliseconds_.size()) * kOpportunity * kNanosPerSecond /
         static_cast<double>(period_);
}

double TracedRate::highest() const {
  constexpr uint32_t kWindow = 100;  // ms
  size_t most = 1;
  for (size_t first = 0, last = 0; last < milliseconds_.size(); ++last) {
    while (milliseconds_[last] - milliseconds_[first] >= kWindow) ++first;
    most = std::max(most, last - first + 1);
  }
  return std::max(mean(), static_cast<double>(most) * kOpportunity * 1000 / kWindow);
}

// --- The transmitter. ---------------------------------------------------------------------------

LinkCapacity::LinkCapacity(const LinkOptions& options) : rate_(RateOf(options)) {
  const double nominal = std::visit([](const auto& rate) { return Nominal(rate); }, rate_);
  room_ = options.limited_buffer ? Bits(nominal, options.buffer) : HUGE_VAL;
}

Nanos LinkCapacity::Send(Nanos now, size_t bytes) {
  if (auto* steps = std::get_if<SteppedRate>(&rate_)) return SendBy(*steps, now, bytes);
  if (auto* trace = std::get_if<TracedRate>(&rate_)) return SendBy(*trace, now, bytes);
  return now;
}

template <typename Rate>
Nanos LinkCapacity::SendBy(Rate& rate, Nanos now, size_t bytes) {
  const double served = rate.Served(now);
  // Half a bit is far below any frame, and far above what rounding to nanoseconds leaves.
  if (busy_until_ > now && taken_ - served > room_ + 0.5) return kFull;
  taken_ = (busy_until_ > now ? std::max(taken_, served) : served) + rate.Cost(bytes);
  busy_until_ = rate.When(taken_);
  return busy_until_;
}

size_t LinkCapacity::Bound(Nanos way) const {
  const double highest = std::visit([](const auto& rate) { return Highest(rate); }, rate_);
  if (highest == 0 || std::isinf(room_)) return 0;
  return static_cast<size_t>((room_ + Bits(highest, way)) / 8);
}

}  // namespace warp::tools
