#include "control/protocol/path/path_size.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {
namespace {

// Sizes that are used before they are proven, the largest first. IPv6 demands the first of every link, and IPv4 the
// second of every host; what is behind the third is hardly a network.
constexpr uint32_t kSteps[] = {1280, 576, 256};

uint32_t StepBelow(uint32_t size) {
  for (const uint32_t step : kSteps) {
    if (step < size) return step;
  }
  return size;
}

constexpr size_t kMaxOutstanding = 64;

// Questions in a row that hints choose.
constexpr uint32_t kMostGuided = 2;

// Payloads of this size on average are worth a question, and so are so many bytes for each of the size in use.
constexpr uint64_t kLargePacket = 576;
constexpr uint64_t kWorthAsking = 2;

}  // namespace

bool PathSize::SetLimit(uint32_t limit) {
  limit = std::max(limit, kSteps[2]);
  if (limit == limit_) return false;
  if (failed_ > std::min(limit, limit_)) failed_ = limit + 1;
  limit_ = limit;
  const uint32_t before = size_;
  if (size_ == 0 || size_ > limit) size_ = std::min(limit, proven_ ? size_ : kSteps[0]);
  if (asked_ > limit) asked_ = 0;
  // A larger limit is asked for; TakeProbe begins.
  if (active_ && asked_ == 0 && NextToTry() != 0) next_ = Instant{};
  return size_ != before;
}

void PathSize::Hint(Instant now, uint32_t size) {
  // That the kernel has forgotten what it was told says nothing of the path.
  if (size == 0 || size >= limit_) return;
  hint_ = size;
  if (size < size_) Suspect(now);
}

void PathSize::Begin(Instant now) {
  active_ = true;
  failed_ = limit_ + 1;
  raise_ = kNever;
  raise_after_ = kSizeRaiseMin;
  asked_ = 0;
  Ask(now, proven_ ? size_ : NextToTry());
}

void PathSize::Stop() {
  active_ = false;
  suspected_ = false;
  asked_ = 0;
  next_ = kNever;
  outstanding_.clear();
}

void PathSize::NoteSent(Instant now, uint64_t packets, uint64_t bytes) {
  const uint64_t new_packets = packets - sent_packets_;
  const uint64_t new_bytes = bytes - sent_bytes_;
  if (!active_ || asked_ != 0) return;
  // Also where nothing is sent: the payloads may be too large for the path as it is.
  if (now >= raise_) {
    raise_ = kNever;
    raise_after_ = std::min(raise_after_ * 2, kSizeRaiseMax);
    return Ask(now, std::min(size_ + 1, limit_));
  }
  if (new_packets == 0 || now - confirmed_ < kSizeConfirm) return;
  if (new_bytes < kWorthAsking * size_ && new_bytes < kLargePacket * new_packets) return;
  sent_packets_ = packets;
  sent_bytes_ = bytes;
  Ask(now, size_);
}

// Whoever forges hints, or sends small padded probes, without end must neither cause probes without end nor keep a
// larger size from being found: the question that runs goes on to its end.
void PathSize::Suspect(Instant now) {
  if (!active_ || asked_ == size_) return;
  suspected_ = true;
  if (asked_ == 0) Continue(now);
}

// --- Probes. ---

void PathSize::Ask(Instant when, uint32_t size) {
  assert(size > 0);
  if (size == size_) {
    confirmed_ = when;
    suspected_ = false;
  }
  asked_ = size;
  probes_ = 0;
  all_sent_ = false;
  next_ = when;
}

std::optional<uint32_t> PathSize::TakeProbe(Instant now, const Pace& pace,
                                            const Challenge& challenge) {
  if (now < next_) return std::nullopt;
  if (asked_ == 0) Continue(now);
  if (asked_ == 0 || all_sent_ || now < next_) return std::nullopt;
  if (probes_ == 0) first_ = now;
  last_ = now;
  all_sent_ = ++probes_ >= pace.probes;
  next_ = now + (all_sent_ ? std::max(pace.interval, pace.patience) : pace.interval);
  if (outstanding_.size() >= kMaxOutstanding) outstanding_.pop_front();
  outstanding_.push_back({challenge, asked_});
  return asked_;
}

void PathSize::SetPace(const Pace& pace) {
  if (asked_ == 0 || probes_ == 0) return;
  const Duration wait = all_sent_ ? std::max(pace.interval, pace.patience) : pace.interval;
  next_ = std::min(next_, last_ + wait);
}

std::optional<PathSize::Span> PathSize::Unanswered(Instant now) const {
  if (asked_ == 0 || !all_sent_ || now < next_) return std::nullopt;
  return Span{first_, last_};
}

bool PathSize::Conclude(Instant now, bool works) {
  assert(asked_ != 0 && all_sent_);
  if (!works) {
    Ask(now, asked_);
    return false;
  }
  const uint32_t before = size_;
  failed_ = std::min(failed_, asked_);
  if (asked_ <= size_) {
    const uint32_t smaller = StepBelow(asked_);
    if (smaller == asked_) {  // there is nothing left to try
      Use(now, size_, false);
      failed_ = size_ + 1;
      asked_ = 0;
      next_ = kNever;
      raise_ = now + raise_after_;
      return false;
    }
    Use(now, smaller, false);
    // What has failed by bad luck is soon asked for again.
    raise_ = kNever;
    raise_after_ = kSizeRaiseMin;
  }
  Continue(now);
  return size_ != before;
}

bool PathSize::HandleAnswer(Instant now, const Challenge& challenge, bool* changed) {
  *changed = false;
  const auto probe =
      std::find_if(outstanding_.begin(), outstanding_.end(),
                   [&](const Outstanding& one) { return one.challenge == challenge; });
  if (probe == outstanding_.end()) return false;
  const uint32_t size = probe->size;
  if (size > limit_) return true;  // asked under another limit
  if (size >= failed_) failed_ = limit_ + 1;
  if (size >= size_) {
    *changed = size != size_ || !proven_;
    Use(now, size, true);
  }
  if (asked_ != 0 && size >= asked_) Continue(now);
  return true;
}

void PathSize::Use(Instant now, uint32_t size, bool proven) {
  if (size != size_) since_ = now;
  size_ = size;
  proven_ = proven;
}

void PathSize::Continue(Instant now) {
  asked_ = 0;
  next_ = kNever;
  if (!active_) return;
  if (!proven_ && failed_ <= limit_) return Ask(now, size_);
  if (suspected_) return Ask(std::max(now, confirmed_ + kSizeAskedAgain), size_);
  const uint32_t size = NextToTry();
  guided_ = size != 0 && (size == hint_ || size == hint_ + 1) ? guided_ + 1 : 0;
  if (size != 0) return Ask(now, size);
  if (failed_ <= limit_ && raise_ == kNever) raise_ = now + raise_after_;
}

// The hint first, since it is mostly right, and one byte more, which shows whether it is exact. Then the limit, and at
// last the middle of what is not known. That has its turn after two questions that a hint chose: hints without end that
// each narrow the search by one byte would make it last for minutes.
uint32_t PathSize::NextToTry() const {
  if (size_ + 1 >= failed_) return proven_ ? 0 : size_;
  const bool guided = guided_ < kMostGuided;
  if (guided && hint_ > size_ && hint_ < failed_) return hint_;
  if (guided && hint_ == size_ && proven_) return size_ + 1;
  if (failed_ > limit_) return limit_;
  return size_ + (failed_ - size_) / 2;
}

}  // namespace warp::protocol
