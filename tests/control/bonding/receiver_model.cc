#include "tests/control/bonding/receiver_model.h"

#include <algorithm>

#include "tests/control/bonding/link_model.h"

namespace warp::bonding {

// --- Order. ---

void OrderModel::Arrive(const Packet& packet, size_t path) {
  Newest& newest = newest_[path];
  newest = {std::max(newest.number, packet.number), time_.now()};
  if (packet.number < next_) {
    if (late_.erase(packet.number) != 0) deliver_(packet);
  } else {
    held_.try_emplace(packet.number, packet, time_.now());
  }
  Check();
}

void OrderModel::Drain() {
  while (!held_.empty() && held_.begin()->first <= next_) {
    const Packet packet = held_.begin()->second.first;
    held_.erase(held_.begin());
    next_ = packet.number + 1;
    deliver_(packet);
  }
}

bool OrderModel::Proven(uint64_t number) const {
  return !resent_ && std::all_of(newest_.begin(), newest_.end(), [&](const auto& path) {
    return path.second.number >= number || time_.now() - path.second.at >= hold_;
  });
}

void OrderModel::Check() {
  for (;;) {
    Drain();
    if (held_.empty()) return;
    const auto& [number, first] = *held_.begin();
    const Instant due = first.second + hold_;
    if (due > time_.now() && !Proven(number)) {
      if (timer_ == wire::kNever || timer_ <= time_.now()) {
        timer_ = due;
        time_.At(due, [this] {
          timer_ = wire::kNever;
          Check();
        });
      }
      return;
    }
    while (next_ < number) late_.insert(next_++);
  }
}

// --- Feedback. ---

bool ReceiverModel::Arrive(const Packet& packet, size_t path, uint16_t from, uint16_t to) {
  Path& one = paths_[path];
  one.from = from;
  one.to = to;
  one.newest = packet.counter;
  one.at = time_.now();
  ++one.packets;
  one.bytes += packet.size;
  came_ = true;
  const size_t word = packet.counter / 32;
  if (words_.size() <= word) words_.resize(word + 1024);
  const uint32_t bit = uint32_t{1} << (packet.counter % 32);
  const bool fresh = (words_[word] & bit) == 0;
  words_[word] |= bit;
  return fresh;
}

std::vector<protocol::Feedback> ReceiverModel::TakeFeedback() {
  const Instant now = time_.now();
  if (came_) {
    came_ = false;
    echoes_ = 0;
    last_ = now;
  } else if (paths_.empty() || echoes_ >= 3 || now < last_ + (echoes_ + 1) * Millis(200)) {
    return {};
  } else {
    ++echoes_;
  }
  const auto micros = [](Duration time) { return static_cast<uint32_t>(time.count() / 1000); };
  protocol::Feedback message{.time = kClock + micros(now.time_since_epoch())};
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (const auto& [path, one] : paths_) {
    message.paths.push_back({.from = one.from,
                             .to = one.to,
                             .newest = static_cast<uint32_t>(one.newest),
                             .age = micros(now - one.at),
                             .packets = one.packets,
                             .bytes = one.bytes});
    highest = std::max(highest, one.newest);
    if (now - one.at <= Millis(1000)) lowest = std::min(lowest, one.newest);
  }
  lowest = std::min(lowest, highest);
  const uint64_t last = highest / 32;
  uint64_t first = std::min(floors_.empty() ? lowest : floors_.front(), lowest) / 32;
  if (last - first >= 256) first = last - 255;
  floors_.push_back(lowest);
  if (floors_.size() > 3) floors_.pop_front();
  std::vector<protocol::Feedback> messages;
  for (uint64_t word = first; word <= last; ++word) {
    if (messages.empty() || messages.back().words.size() >= protocol::kMaxFeedbackWords) {
      message.number = number_++;
      message.base = word * 32;
      messages.push_back(message);
    }
    messages.back().words.push_back(words_[word]);
  }
  return messages;
}

}  // namespace warp::bonding
