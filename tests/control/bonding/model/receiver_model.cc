#include "tests/control/bonding/model/receiver_model.h"

#include <algorithm>

#include "tests/control/bonding/model/link_model.h"

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
  one.session = packet.session;
  one.newest = packet.counter;
  one.at = time_.now();
  ++one.packets;
  one.bytes += packet.size;
  came_ = true;
  if (packet.session > session_) {
    session_ = packet.session;
    since_ = time_.now();
    sessions_.erase(sessions_.begin(), sessions_.lower_bound(session_ - 1));
  }
  Session& session = sessions_[packet.session];
  session.highest = std::max(session.highest, packet.counter);
  const size_t word = packet.counter / 32;
  if (session.words.size() <= word) session.words.resize(word + 1024);
  const uint32_t bit = uint32_t{1} << (packet.counter % 32);
  const bool fresh = (session.words[word] & bit) == 0;
  session.words[word] |= bit;
  return fresh;
}

void ReceiverModel::Session::Say(protocol::Feedback message, uint64_t session, uint64_t first,
                                 uint64_t last, std::vector<Told>* told) {
  for (uint64_t word = first; word <= last; ++word) {
    if (word == first || told->back().feedback.words.size() >= protocol::kMaxFeedbackWords) {
      message.number = number++;
      message.base = word * 32;
      told->push_back({session, message});
    }
    told->back().feedback.words.push_back(words[word]);
  }
}

std::vector<ReceiverModel::Told> ReceiverModel::TakeFeedback() {
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
  std::vector<Told> told;
  const auto before = sessions_.find(session_ - 1);
  if (before != sessions_.end() && now - since_ < tells_of_before) {
    Session& session = before->second;
    const uint64_t last = session.highest / 32;
    const uint64_t first = (session.floors.empty() ? session.highest : session.floors.front()) / 32;
    session.Say(message, session_ - 1, std::max(first, last - std::min<uint64_t>(last, 255)), last,
                &told);
  }
  Session& session = sessions_[session_];
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (const auto& [path, one] : paths_) {
    if (one.session != session_) continue;
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
  std::deque<uint64_t>& floors = session.floors;
  uint64_t first = std::min(floors.empty() ? lowest : floors.front(), lowest) / 32;
  if (last - first >= 256) first = last - 255;
  floors.push_back(lowest);
  if (floors.size() > 3) floors.pop_front();
  session.Say(message, session_, first, last, &told);
  return told;
}

}  // namespace warp::bonding
