#include "tests/control/bonding/model/link_model.h"

#include <algorithm>
#include <cmath>

namespace warp::bonding {

std::vector<double> Steps(double one, double other, Duration period) {
  std::vector<double> rates(static_cast<size_t>(period / kRateStep), one);
  rates.resize(2 * rates.size(), other);
  return rates;
}

std::vector<double> Radio(double mean, double least, double most, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> rates;
  double walk = 0, sum = 0;
  int fade = 0;
  for (int i = 0; i < 12000; ++i) {
    walk = walk * 0.995 + 0.06 * normal(random);
    if (fade == 0 && uniform(random) < 0.0007) fade = 20 + static_cast<int>(random() % 60);
    double rate = mean * std::exp(walk);
    if (fade > 0) {
      rate *= 0.15;
      --fade;
    }
    rates.push_back(std::clamp(rate, least, most));
    sum += rates.back();
  }
  for (double& rate : rates) rate *= mean * static_cast<double>(rates.size()) / sum;
  return rates;
}

LinkModel::LinkModel(const LinkOptions& options, uint64_t seed) : options_(options), random_(seed) {
  double sum = 0;
  for (const double rate : options_.rates) sum += rate;
  const double mean = sum / static_cast<double>(options_.rates.size());
  buffer_ = std::max(30000.0, mean * InMillis(options_.buffer) / 1000);
}

double LinkModel::RateAt(Instant at) const {
  return options_
      .rates[static_cast<size_t>(at.time_since_epoch() / kRateStep) % options_.rates.size()];
}

double LinkModel::MeanRate(Instant from, Instant to) const {
  double sum = 0;
  int steps = 0;
  for (Instant at = from; at < to; at += kRateStep, ++steps) sum += RateAt(at);
  return sum / steps;
}

Instant LinkModel::Served(Instant begin, double bytes) const {
  if (options_.rates.size() == 1) return begin + Millis(bytes / options_.rates[0] * 1000);
  for (;;) {
    const double rate = RateAt(begin);
    const Instant end = Instant(kRateStep * (begin.time_since_epoch() / kRateStep + 1));
    const double fits = rate * InMillis(end - begin) / 1000;
    if (fits >= bytes) return begin + Millis(bytes / rate * 1000);
    bytes -= fits;
    begin = end;
  }
}

bool LinkModel::dead(Instant at) const {
  return std::any_of(deaths_.begin(), deaths_.end(),
                     [at](const auto& death) { return death.first <= at && at < death.second; });
}

std::optional<Instant> LinkModel::Send(Instant now, uint32_t bytes) {
  sent_bytes_ += bytes;
  while (!queue_.empty() && queue_.front().first <= now) {
    queued_ -= queue_.front().second;
    queue_.pop_front();
  }
  if (queued_ + bytes > buffer_) {
    ++tail_drops_;
    return std::nullopt;
  }
  busy_until_ = Served(std::max(now, busy_until_), bytes);
  queue_.push_back({busy_until_, bytes});
  queued_ += bytes;
  waits_.push_back({now, static_cast<float>(InMillis(busy_until_ - now))});
  if (options_.to_bad > 0)
    bad_ = bad_ ? Uniform() >= options_.to_good : Uniform() < options_.to_bad;
  const double loss = bad_ ? options_.bad_loss : options_.loss;
  if (loss > 0 && Uniform() < loss) return std::nullopt;
  if (dead(busy_until_)) return std::nullopt;
  Instant arrival = busy_until_ + options_.delay + extra_;
  if (spread_ > Duration::zero()) arrival += Millis(InMillis(spread_) * Uniform());
  if (options_.jitter > Duration::zero()) {
    arrival += Millis(-InMillis(options_.jitter) * std::log(1 - Uniform()));
  }
  if (options_.slot > Duration::zero()) {
    const Duration slot = options_.slot;
    arrival = Instant(slot * ((arrival.time_since_epoch() + slot - Duration(1)) / slot));
  }
  arrival = std::max(arrival, last_arrival_);
  last_arrival_ = arrival;
  return arrival;
}

double LinkModel::WaitPercentile(double share, Instant from, Instant to) const {
  std::vector<float> values;
  for (const Wait& wait : waits_) {
    if (wait.at >= from && wait.at < to) values.push_back(wait.ms);
  }
  return Percentile(std::move(values), share);
}

double Percentile(std::vector<float> values, double share) {
  if (values.empty()) return 0;
  const auto rank =
      std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(rank), values.end());
  return values[rank];
}

}  // namespace warp::bonding
