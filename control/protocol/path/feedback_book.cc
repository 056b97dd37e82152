#include "control/protocol/path/feedback_book.h"

#include <algorithm>

#include "dataplane/wire/constants.h"

namespace warp::protocol {
namespace {

using Microseconds = std::chrono::microseconds;

// What a message costs on the wire: its seal, and the headers of IPv6 and Ethernet around it.
constexpr int64_t kOverhead = wire::kMinSealedSize + 8 + 40 + 14;

int64_t CostOf(const Feedback& feedback) {
  return kOverhead + static_cast<int64_t>(EncodeFeedback(feedback).size());
}

uint32_t InMicroseconds(Duration duration) {
  return static_cast<uint32_t>(std::chrono::duration_cast<Microseconds>(duration).count());
}

// The counter next to `about` whose low half this is.
uint64_t Expand(uint32_t low, uint64_t about) {
  const int64_t counter =
      static_cast<int64_t>(about) + static_cast<int32_t>(low - static_cast<uint32_t>(about));
  return counter < 0 ? low : static_cast<uint64_t>(counter);
}

Duration IntervalOf(const Timers& timers, uint64_t bytes, Duration elapsed) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const double rate = static_cast<double>(bytes) / std::max(seconds, 0.001);
  if (rate > static_cast<double>(kFeedbackFastRate)) return timers.feedback_interval_min;
  if (rate < static_cast<double>(kFeedbackSlowRate)) return timers.feedback_interval_max;
  return timers.feedback_interval;
}

}  // namespace

void FeedbackBook::NoteProbe(SealOrder order, bool asks) {
  if (order.session == probe_.session && order.counter < probe_.counter) return;
  // The first second is paid for in advance, or the first feedback would wait for its bytes.
  if (probe_ == SealOrder{}) budget_ = kFeedbackPerSecond;
  probe_ = order;
  asks_ = asks && newest_;
  if (asks_) return;
  Stop();
  floors_.clear();
}

bool FeedbackBook::NotePayload(Instant now, const Timers& timers, uint32_t local_index,
                               uint64_t counter) {
  if (!asks_) return false;
  if (local_index != session_) {
    session_ = local_index;
    counter_ = counter;
    number_ = 0;
    floors_.clear();
  }
  if (floors_.empty()) floors_.push_back(counter);
  counter_ = std::max(counter_, counter);
  const Instant soon = now + timers.feedback_interval_min;
  // While it is due within an interval anyway, payloads change nothing.
  if (next_ <= now + timers.feedback_interval_max) return false;
  if (next_ == kNever) looked_ = now;
  next_ = soon;
  return true;
}

bool FeedbackBook::IsDue(Instant now, const Timers& timers, const ArrivalBook::Sum& received) {
  const uint64_t bytes = received.bytes - seen_.bytes;
  const Duration elapsed = now - looked_;
  const bool came = received.payloads != seen_.payloads;
  seen_ = received;
  looked_ = now;
  budget_ = std::min(kFeedbackSaved, budget_ + static_cast<int64_t>(bytes) / kFeedbackShare +
                                         std::chrono::duration_cast<Microseconds>(
                                             std::min(elapsed, Duration(std::chrono::seconds(8))))
                                                 .count() *
                                             kFeedbackPerSecond / 1'000'000);
  if (came) {
    last_payload_ = now;
    echoes_ = 0;
    next_ = now + IntervalOf(timers, bytes, elapsed);
    return true;
  }
  if (echoes_ >= kFeedbackEchoes) {
    Stop();
    return false;
  }
  next_ = last_payload_ + (echoes_ + 1) * timers.feedback_echo;
  if (now < next_) return false;
  ++echoes_;
  next_ = echoes_ < kFeedbackEchoes ? last_payload_ + (echoes_ + 1) * timers.feedback_echo : kNever;
  return true;
}

std::vector<FeedbackBook::Entry> FeedbackBook::Entries(uint8_t session, const ArrivalBook& arrivals,
                                                       const PathSet& paths) const {
  std::vector<Entry> entries;
  for (const Path& path : paths.paths()) {
    if (!path.remote_port()) continue;
    const std::optional<NewestArrival> newest = newest_(path.id());
    const Receipt* receipt = arrivals.Find(*path.remote_port(), path.route().port);
    if (!newest || newest->session != session || receipt == nullptr) continue;
    const Entry entry{.said = {.from = receipt->from,
                               .to = receipt->to,
                               .newest = newest->counter,
                               .age = InMicroseconds(newest->age),
                               .packets = receipt->packets,
                               .bytes = receipt->bytes},
                      .newest = Expand(newest->counter, counter_),
                      .age = newest->age};
    // Of several addresses of the same two ports, the one that heard last speaks for all.
    const auto same = std::find_if(entries.begin(), entries.end(), [&](const Entry& other) {
      return other.said.from == entry.said.from && other.said.to == entry.said.to;
    });
    if (same == entries.end()) {
      entries.push_back(entry);
    } else if (entry.age < same->age) {
      *same = entry;
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.age < b.age; });
  if (entries.size() > kMaxFeedbackPaths) entries.resize(kMaxFeedbackPaths);
  return entries;
}

std::vector<Feedback> FeedbackBook::Messages(Instant now, wire::ReplayWindow& window,
                                             const std::vector<Entry>& entries) {
  uint64_t lowest = wire::kCounterLimit;
  uint64_t highest = 0;
  Feedback message{.time = InMicroseconds(now.time_since_epoch())};
  for (const Entry& entry : entries) {
    message.paths.push_back(entry.said);
    highest = std::max(highest, std::min(entry.newest, wire::kCounterLimit - 1));
    if (entry.age <= kFeedbackFresh) lowest = std::min(lowest, entry.newest);
  }
  lowest = std::min(lowest, highest);
  const uint64_t last = highest / kFeedbackWord;
  // Where there is room, what the feedbacks before said is said again: they may be lost.
  uint64_t first = std::min(floors_.back(), lowest) / kFeedbackWord;
  for (const uint64_t floor : floors_) {
    const uint64_t block = floor / kFeedbackWord;
    if (block < first && last - block < kMaxFeedbackWords) first = block;
  }
  if (last - first >= kMaxFeedbackMessages * kMaxFeedbackWords) {
    first = last + 1 - kMaxFeedbackMessages * kMaxFeedbackWords;
  }
  floors_.push_back(lowest);
  if (floors_.size() > 1 + kFeedbackRepeats) floors_.pop_front();

  std::vector<Feedback> messages;
  for (uint64_t block = first; block <= last; ++block) {
    if (messages.empty() || messages.back().words.size() >= kMaxFeedbackWords) {
      message.number = static_cast<uint16_t>(number_ + messages.size());
      message.base = block * kFeedbackWord;
      messages.push_back(message);
    }
    messages.back().words.push_back(window.Delivered(block));
  }
  return messages;
}

bool FeedbackBook::Pay(const std::vector<Feedback>& messages, size_t ways) {
  int64_t cost = 0;
  for (const Feedback& message : messages) cost += static_cast<int64_t>(ways) * CostOf(message);
  if (cost > budget_) return false;
  budget_ -= cost;
  return true;
}

FeedbackBook::Batch FeedbackBook::Take(Instant now, const Timers& timers, wire::Session& session,
                                       const ArrivalBook& arrivals, const PathSet& paths) {
  if (!asks_) {
    Stop();
    return {};
  }
  // Payloads of another session than the one in use are told of when it is in use.
  if (!IsDue(now, timers, arrivals.received()) || session.local_index() != session_) return {};
  const std::vector<Entry> entries = Entries(static_cast<uint8_t>(session_), arrivals, paths);
  if (entries.empty() || floors_.empty()) return {};
  const std::deque<uint64_t> floors = floors_;
  Batch batch{.messages = Messages(now, session.window(), entries)};
  const auto active = static_cast<size_t>(std::count_if(
      paths.paths().begin(), paths.paths().end(), [](const Path& path) { return path.active(); }));
  batch.everywhere = sent_ % kFeedbackEverywhere == kFeedbackEverywhere - 1 &&
                     Pay(batch.messages, std::min(active, kMaxFeedbackPaths));
  if (!batch.everywhere && !Pay(batch.messages, 1)) {
    floors_ = floors;  // nothing was said
    return {};
  }
  ++sent_;
  number_ = static_cast<uint16_t>(number_ + batch.messages.size());
  return batch;
}

}  // namespace warp::protocol
