#include "tests/control/bonding/model/cubic.h"

#include <algorithm>
#include <cmath>

namespace warp::bonding {
namespace {

constexpr double kMostInFlight = 6000;  // segments that the receiver holds
constexpr int kBurst = 64;

}  // namespace

Cubic::Cubic(World& world, uint16_t flow, Duration back) : world_(world), flow_(flow), back_(back) {
  world_.OnArrival(flow, [this](uint64_t number) {
    const auto found = order_of_.find(number);
    if (found == order_of_.end()) return;
    const uint64_t order = found->second;
    order_of_.erase(found);
    world_.time().In(back_, [this, order] { Acknowledged(order); });
  });
}

void Cubic::Start() {
  world_.time().In(Millis(1), [this] { Go(); });
  world_.time().In(Millis(50), [this] { Watch(); });
}

void Cubic::Transmit(uint64_t segment) {
  const uint64_t order = order_++;
  sent_[order] = {world_.time().now(), segment};
  ++flying_;
  const uint64_t number = world_.Send(flow_);
  if (number != UINT64_MAX) order_of_[number] = order;
}

void Cubic::Go() {
  int burst = 0;
  for (; static_cast<double>(flying_) < window_ && burst < kBurst; ++burst) {
    if (!again_.empty()) {
      const uint64_t segment = again_.front();
      again_.pop_front();
      if (!acked(segment)) Transmit(segment);
      continue;
    }
    if (static_cast<double>(next_ - first_unacked_) >= kMostInFlight) break;
    Transmit(next_++);
  }
  if (burst == kBurst && !resting_) {
    resting_ = true;
    world_.time().In(Millis(0.2), [this] {
      resting_ = false;
      Go();
    });
  }
}

void Cubic::Acknowledged(uint64_t order) {
  const Instant now = world_.time().now();
  last_ack_ = now;
  const auto found = sent_.find(order);
  if (found == sent_.end()) return;
  const Sent sent = found->second;
  sent_.erase(found);
  const double round_trip = InMillis(now - sent.at);
  least_ = std::min(least_, round_trip);
  smooth_ = smooth_ == 0 ? round_trip : 0.875 * smooth_ + 0.125 * round_trip;
  if (now > At(5)) round_trips_.push_back(static_cast<float>(round_trip));
  if (!sent.lost) {
    --flying_;
  } else {
    ++spurious_;
    reorder_ = std::min(16.0, reorder_ + 1);
    if (prior_ > window_ && now - last_undo_ > Millis(smooth_)) {
      window_ = prior_;
      threshold_ = std::max(threshold_, window_ * 0.99);
      in_epoch_ = false;
      last_undo_ = now;
    }
  }
  if (acked_.size() <= sent.segment) acked_.resize(2 * sent.segment + 1024);
  acked_[sent.segment] = true;
  while (acked(first_unacked_)) ++first_unacked_;
  newest_acked_ = std::max(newest_acked_, sent.at);
  if (now > recovery_end_) Grow(round_trip);
  FindLost();
  window_ = std::min(window_, kMostInFlight);
  Go();
}

void Cubic::Grow(double round_trip) {
  const Instant now = world_.time().now();
  if (window_ < threshold_) {
    window_ += 1;
    // Hybrid slow start.
    if (window_ > 16 && smooth_ > least_ + std::clamp(least_ / 8, 4.0, 16.0) &&
        round_trip > least_ + std::max(4.0, least_ / 4) + 40) {
      threshold_ = window_;
    }
    return;
  }
  if (!in_epoch_) {
    in_epoch_ = true;
    epoch_ = now;
    inflection_ = window_ < top_ ? std::cbrt((top_ - window_) / 0.4) : 0;
    top_ = std::max(top_, window_);
  }
  const double since = (InMillis(now - epoch_) + least_) / 1000;
  const double goal = 0.4 * std::pow(since - inflection_, 3) + top_;
  window_ += goal > window_ ? std::min(0.5, (goal - window_) / window_) : 0.01 / window_;
}

void Cubic::FindLost() {
  const Instant now = world_.time().now();
  const Duration reorder = Millis(std::min(smooth_, least_ / 4 * reorder_));
  for (auto place = sent_.begin(); place != sent_.end();) {
    Sent& sent = place->second;
    if (sent.at > newest_acked_ - reorder) return;
    if (!sent.lost && now - sent.at > reorder) {
      sent.lost = true;
      --flying_;
      ++lost_;
      if (!acked(sent.segment)) again_.push_back(sent.segment);
      Backoff();
    }
    place = sent.lost && now - sent.at > Millis(3000) ? sent_.erase(place) : std::next(place);
  }
}

void Cubic::Backoff() {
  const Instant now = world_.time().now();
  if (now <= recovery_end_) return;
  prior_ = window_;
  top_ = window_ < top_ ? window_ * 0.85 : window_;
  window_ = std::max(2.0, window_ * 0.7);
  threshold_ = window_;
  in_epoch_ = false;
  recovery_end_ = now + Millis(smooth_);
}

// The retransmission timer.
void Cubic::Watch() {
  const Instant now = world_.time().now();
  if (flying_ == 0) {
    Go();
  } else if (now - last_ack_ > Millis(std::max(200.0, 2 * smooth_) + 100)) {
    for (auto& [order, sent] : sent_) {
      if (sent.lost) continue;
      sent.lost = true;
      --flying_;
      if (!acked(sent.segment)) again_.push_back(sent.segment);
    }
    threshold_ = std::max(2.0, window_ / 2);
    window_ = 2;
    in_epoch_ = false;
    last_ack_ = now;
    Go();
  }
  world_.time().In(Millis(50), [this] { Watch(); });
}

}  // namespace warp::bonding
