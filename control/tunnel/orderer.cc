#include "control/tunnel/orderer.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>

namespace warp::control {
namespace {

using wire::Drop;
using wire::Instant;

// The first payload of a life may not be the first that was sent: this many before it are waited for.
constexpr uint32_t kMissedAtBeginning = Orderer::kMaxHeld;

}  // namespace

Drop Orderer::Add(Instant now, const Life& life, const wire::Route& path,
                  const wire::SequencedHeader& header, Delivery payload) {
  if (delivered_ == nullptr || life.number != life_.number) {
    if (delivered_ != nullptr && life.expires < life_.expires) {
      ++counters_.late;
      deliver_(std::move(payload));
      return Drop::kNone;
    }
    Begin(header.sequence);
    life_ = life;
  }
  life_.expires = std::max(life_.expires, life.expires);
  const Sequence sequence = Expand(header.sequence);
  if (sequence < next_) {
    if (next_ - sequence > kRemembered) return Drop::kSequenceTooOld;
    uint64_t& word = WordOf(sequence);
    if ((word & BitOf(sequence)) != 0) {
      ++counters_.repeated;
      return Drop::kSequenceRepeated;
    }
    word |= BitOf(sequence);
    ++counters_.late;
    NotePath(now, path, sequence);
    deliver_(std::move(payload));
    return Drop::kNone;
  }
  if (sequence != next_ && held_.contains(sequence)) {
    ++counters_.repeated;
    return Drop::kSequenceRepeated;
  }
  NotePath(now, path, sequence);
  // After so long a silence it is not known what paths there are.
  if (now - last_ > header.hold) since_ = now;
  last_ = now;
  if (sequence == next_) {
    DeliverNext(std::move(payload));
    DeliverRun();
  } else if (header.hold <= wire::Duration::zero()) {
    ReleaseUpTo(sequence, &counters_.by_hold);
    if (sequence != next_) ++counters_.by_hold;
    MoveTo(sequence);
    DeliverNext(std::move(payload));
    DeliverRun();
  } else {
    Hold(now, sequence, header, payload);
    while (!held_.empty() &&
           (held_.size() > kMaxHeld || part_.used() > kMaxHeldBytes || part_.too_large())) {
      SkipGap(&counters_.by_room);
    }
  }
  ReleaseProven(now);
  return Drop::kNone;
}

void Orderer::HandleTimeout(Instant now) {
  while (!releases_.empty() && releases_.begin()->second <= now) {
    ReleaseUpTo(releases_.begin()->first, &counters_.by_hold);
  }
}

void Orderer::Begin(uint32_t sequence) {
  ReleaseUpTo(std::numeric_limits<Sequence>::max(), &counters_.by_hold);
  paths_.clear();
  last_ = {};
  delivered_ = std::make_unique<uint64_t[]>(kRemembered / 64);
  // What is behind the beginning has a number too.
  next_ = (Sequence{1} << 32) + sequence - std::min(sequence, kMissedAtBeginning);
}

void Orderer::NotePath(Instant now, const wire::Route& route, Sequence sequence) {
  if (path_ >= paths_.size() || paths_[path_].route != route) {
    const auto known = std::find_if(paths_.begin(), paths_.end(),
                                    [&](const Path& path) { return path.route == route; });
    path_ = static_cast<size_t>(known - paths_.begin());
    if (known == paths_.end()) {
      if (paths_.size() >= kMaxPaths) {
        path_ = static_cast<size_t>(
            std::min_element(paths_.begin(), paths_.end(),
                             [](const Path& a, const Path& b) { return a.last < b.last; }) -
            paths_.begin());
      } else {
        paths_.emplace_back();
      }
      paths_[path_] = {.route = route};
    }
  }
  Path& path = paths_[path_];
  path.newest = std::max(path.newest, sequence);
  path.last = now;
}

void Orderer::Hold(Instant now, Sequence sequence, const wire::SequencedHeader& header,
                   const Delivery& payload) {
  const wire::Duration hold = std::min(header.hold, kMaxHold);
  std::vector<uint8_t> copy(payload.bytes().begin(), payload.bytes().end());
  const wire::Bytes bytes(copy);
  part_.Add(bytes.size() + kEntry);
  held_.try_emplace(
      sequence,
      Held{.payload = Delivery(bytes, std::move(copy)), .hold = hold, .resend = header.resend});
  ++counters_.held;
  NoteRelease(sequence, now + hold);
}

void Orderer::NoteRelease(Sequence sequence, Instant release) {
  const auto behind = releases_.lower_bound(sequence);
  if (behind != releases_.end() && behind->second <= release) return;
  auto first = behind;
  while (first != releases_.begin() && std::prev(first)->second >= release) --first;
  releases_.erase(first, behind);
  releases_.emplace(sequence, release);
}

void Orderer::DeliverNext(Delivery&& payload) {
  WordOf(next_) |= BitOf(next_);
  ++next_;
  deliver_(std::move(payload));
}

void Orderer::DeliverRun() {
  if (held_.empty()) return;
  while (!held_.empty() && held_.begin()->first == next_) {
    Delivery payload = std::move(held_.begin()->second.payload);
    part_.Remove(payload.bytes().size() + kEntry);
    held_.erase(held_.begin());
    DeliverNext(std::move(payload));
  }
  releases_.erase(releases_.begin(), releases_.lower_bound(next_));
  assert(held_.empty() == releases_.empty());
}

void Orderer::SkipGap(uint64_t* why) {
  ++*why;
  MoveTo(held_.begin()->first);
  DeliverRun();
}

void Orderer::ReleaseUpTo(Sequence sequence, uint64_t* why) {
  while (!held_.empty() && held_.begin()->first <= sequence) SkipGap(why);
}

void Orderer::ReleaseProven(Instant now) {
  while (!held_.empty()) {
    const auto& [first, held] = *held_.begin();
    if (held.resend || now - since_ < held.hold) return;
    for (const Path& path : paths_) {
      if (now - path.last <= held.hold && path.newest < first) return;
    }
    SkipGap(&counters_.by_proof);
  }
}

// What is passed over was not delivered, and may still come.
void Orderer::MoveTo(Sequence next) {
  if (next - next_ >= kRemembered) {
    std::fill_n(delivered_.get(), kRemembered / 64, 0);
    next_ = next;
  }
  while (next_ < next) {
    const Sequence end = std::min(next, (next_ / 64 + 1) * 64);
    const uint64_t below_end = end % 64 == 0 ? ~uint64_t{0} : BitOf(end) - 1;
    WordOf(next_) &= ~(below_end & ~(BitOf(next_) - 1));
    next_ = end;
  }
}

}  // namespace warp::control
