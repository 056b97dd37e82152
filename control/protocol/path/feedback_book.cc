#include "control/protocol/path/feedback_book.h"

#include <algorithm>
#include <array>

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

// The first echo tells soon that nothing comes any more, which may be the death of the only path in use.
Duration EchoAfter(const Timers& timers, int echo) {
  constexpr std::array<int, kFeedbackEchoes> kAfter = {1, 3, 8};
  return kAfter.at(static_cast<size_t>(echo)) * timers.feedback_echo;
}

// What the window says of these blocks, each message like the first.
std::vector<Feedback> Blocks(Feedback message, uint16_t number, uint64_t first, uint64_t last,
                             const wire::ReplayWindow& window) {
  std::vector<Feedback> messages;
  for (uint64_t block = first; block <= last; ++block) {
    if (messages.empty() || messages.back().words.size() >= kMaxFeedbackWords) {
      message.number = static_cast<uint16_t>(number + messages.size());
      message.base = block * kFeedbackWord;
      messages.push_back(message);
    }
    messages.back().words.push_back(window.Delivered(block));
  }
  return messages;
}

}  // namespace

void FeedbackBook::NoteProbe(Instant now, SealOrder order, bool asks, bool in_use) {
  if (order.session == probe_.session ? order.counter < probe_.counter
                                      : !in_use && now - probed_ < kFeedbackFresh)
    return;
  // The first second is paid for in advance, or the first feedback would wait for its bytes.
  if (probe_ == SealOrder{}) budget_ = kFeedbackPerSecond;
  probe_ = order;
  probed_ = now;
  asks_ = asks && newest_;
  if (asks_) return;
  Stop();
  current_ = before_ = {};
}

bool FeedbackBook::NotePayload(Instant now, const Timers& timers, uint32_t local_index,
                               SealOrder payload) {
  if (!asks_) return false;
  // What slower paths bring of a session before is told as such. Where nothing else comes for long, it is in use again.
  const bool late = payload.session < current_.order && now - current_.last < kFeedbackBefore;
  if (late && payload.session != before_.order) return false;
  if (!late && payload.session != current_.order) {
    std::swap(before_, current_);
    if (current_.order != payload.session)
      current_ = {.index = local_index, .order = payload.session, .counter = payload.counter};
    current_.since = now;
  }
  Told& told = late ? before_ : current_;
  told.last = now;
  if (told.floors.empty()) told.floors.push_back(payload.counter);
  told.counter = std::max(told.counter, payload.counter);
  const Instant soon = now + timers.feedback_interval_min;
  // While it is due within an interval anyway, payloads change nothing.
  if (next_ <= now + timers.feedback_interval_max) return false;
  if (next_ == kNever) {
    looked_ = now;
    first_ = true;
  }
  next_ = soon;
  return true;
}

bool FeedbackBook::IsDue(Instant now, const Timers& timers, const ArrivalBook::Sum& received) {
  const uint64_t bytes = received.bytes - seen_.bytes;
  const Duration elapsed = now - looked_;
  const bool came = received.payloads != seen_.payloads;
  seen_ = received;
  looked_ = now;
  budget_ =
      std::min(kFeedbackSaved, budget_ + static_cast<int64_t>(bytes) / kFeedbackShare +
                                   std::chrono::duration_cast<Microseconds>(
                                       std::min(now - paid_, Duration(std::chrono::seconds(8))))
                                           .count() *
                                       kFeedbackPerSecond / 1'000'000);
  paid_ = now;  // a pause counts too
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
  next_ = last_payload_ + EchoAfter(timers, echoes_);
  if (now < next_) return false;
  ++echoes_;
  next_ = echoes_ < kFeedbackEchoes ? last_payload_ + EchoAfter(timers, echoes_) : kNever;
  return true;
}

// The dataplane knows the lowest bits of a session alone. What came on a path before anything of this session did is of
// another one, whatever they say.
std::vector<FeedbackBook::Entry> FeedbackBook::Entries(Instant now, const Timers& timers,
                                                       const ArrivalBook& arrivals,
                                                       const PathSet& paths) const {
  const Duration oldest = now - current_.since + timers.feedback_interval_max;
  std::vector<Entry> entries;
  for (const Path& path : paths.paths()) {
    if (!path.remote_port()) continue;
    const std::optional<NewestArrival> newest = newest_(path.id());
    const Receipt* receipt = arrivals.Find(*path.remote_port(), path.route().port);
    if (!newest || newest->session != static_cast<uint8_t>(current_.index) || newest->age > oldest)
      continue;
    if (receipt == nullptr) continue;
    const Entry entry{.said = {.from = receipt->from,
                               .to = receipt->to,
                               .newest = newest->counter,
                               .age = InMicroseconds(newest->age),
                               .packets = receipt->packets,
                               .bytes = receipt->bytes},
                      .newest = Expand(newest->counter, current_.counter),
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
  uint64_t first = std::min(current_.floors.back(), lowest) / kFeedbackWord;
  for (const uint64_t floor : current_.floors) {
    const uint64_t block = floor / kFeedbackWord;
    if (block < first && last - block < kMaxFeedbackWords) first = block;
  }
  if (last - first >= kMaxFeedbackMessages * kMaxFeedbackWords) {
    first = last + 1 - kMaxFeedbackMessages * kMaxFeedbackWords;
  }
  current_.floors.push_back(lowest);
  if (current_.floors.size() > 1 + kFeedbackRepeats) current_.floors.pop_front();
  return Blocks(message, current_.number, first, last, window);
}

// All that the last feedbacks about it may have left open, again and again: no more comes of it, so that it is little.
std::vector<Feedback> FeedbackBook::MessagesBefore(Instant now, wire::ReplayWindow& window) const {
  const uint64_t last = before_.counter / kFeedbackWord;
  uint64_t first = std::min(before_.floors.front(), before_.counter) / kFeedbackWord;
  if (last - first >= kMaxFeedbackMessages * kMaxFeedbackWords) {
    first = last + 1 - kMaxFeedbackMessages * kMaxFeedbackWords;
  }
  return Blocks({.time = InMicroseconds(now.time_since_epoch())}, before_.number, first, last,
                window);
}

bool FeedbackBook::Pay(const std::vector<Feedback>& messages, size_t ways, int64_t borrow) {
  int64_t cost = 0;
  for (const Feedback& message : messages) cost += static_cast<int64_t>(ways) * CostOf(message);
  if (cost > budget_ + borrow) return false;
  budget_ -= cost;
  return true;
}

FeedbackBook::Batch FeedbackBook::Take(Instant now, const Timers& timers, wire::Session* session,
                                       wire::Session* before, const ArrivalBook& arrivals,
                                       const PathSet& paths) {
  if (!asks_) {
    Stop();
    return {};
  }
  if (!IsDue(now, timers, arrivals.received()) || session == nullptr) return {};
  const std::vector<Entry> entries = Entries(now, timers, arrivals, paths);
  if (entries.empty() || current_.floors.empty()) return {};
  const std::deque<uint64_t> floors = current_.floors;
  Batch batch{.messages = Messages(now, session->window(), entries)};
  const auto active = static_cast<size_t>(std::count_if(
      paths.paths().begin(), paths.paths().end(), [](const Path& path) { return path.active(); }));
  // Where payloads came just now, feedback goes back well. Where none has come since the feedback before, the path of
  // the last one may be the dead one.
  for (const Entry& entry : entries) {
    if (entry.age <= kFeedbackAlive) batch.working.push_back({entry.said.from, entry.said.to});
  }
  const bool urgent = batch.working.empty() || echoes_ > 0;
  const int64_t borrow = urgent ? kFeedbackBorrowed : 0;
  batch.everywhere = (urgent || sent_ % kFeedbackEverywhere == kFeedbackEverywhere - 1) &&
                     Pay(batch.messages, std::min(active, kMaxFeedbackPaths), borrow);
  if (!batch.everywhere &&
      !Pay(batch.messages, 1, first_ ? kFeedbackBorrowed + kFeedbackFirst : borrow)) {
    current_.floors = floors;  // nothing was said
    return {};
  }
  if (before != nullptr && !before_.floors.empty() && now - current_.since < kFeedbackBefore) {
    batch.before = MessagesBefore(now, before->window());
    if (Pay(batch.before, 1, borrow)) {
      before_.number = static_cast<uint16_t>(before_.number + batch.before.size());
    } else {
      batch.before.clear();
    }
  }
  ++sent_;
  first_ = false;
  current_.number = static_cast<uint16_t>(current_.number + batch.messages.size());
  return batch;
}

}  // namespace warp::protocol
