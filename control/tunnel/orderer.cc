#include "control/tunnel/orderer.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <utility>

namespace warp::control {
namespace {

using wire::Drop;
using wire::Instant;

// The first payload of a life may not be the first that was sent: this many before it are waited for.
constexpr uint32_t kMissedAtBeginning = Orderer::kMaxHeld;

}  // namespace

// --- What was delivered. ---

void Orderer::Memory::Begin(Instant now, Sequence next) {
  size_ = kRemembered;
  bits_ = std::make_unique<uint64_t[]>(size_ / 64);
  next_ = mark_ = next;
  marked_ = now;
}

Drop Orderer::Memory::Deliver(Sequence sequence) {
  assert(sequence < next_);
  if (next_ - sequence > size_) return Drop::kSequenceTooOld;
  uint64_t& word = WordOf(sequence);
  if ((word & BitOf(sequence)) != 0) return Drop::kSequenceRepeated;
  word |= BitOf(sequence);
  return Drop::kNone;
}

void Orderer::Memory::DeliverNext(Instant now) {
  WordOf(next_) |= BitOf(next_);
  ++next_;
  if (next_ - mark_ < size_ / 2) return;
  if (now - marked_ < kReach / 2 && size_ < kMostRemembered) Grow();
  mark_ = next_;
  marked_ = now;
}

void Orderer::Memory::Grow() {
  const uint64_t size = std::exchange(size_, 2 * size_);
  const std::unique_ptr<uint64_t[]> bits =
      std::exchange(bits_, std::make_unique<uint64_t[]>(size_ / 64));
  // Of what is further back than the old ring reached, nobody knows whether it was delivered: it counts as if it was.
  std::fill_n(bits_.get(), size_ / 64, ~uint64_t{0});
  const Sequence last = (next_ - 1) / 64;
  for (uint64_t back = 0; back < size / 64 && back <= last; ++back)
    bits_[(last - back) % (size_ / 64)] = bits[(last - back) % (size / 64)];
  // In the last word, bits from the next sequence on are those of the furthest.
  if (next_ % 64 != 0) WordOf(next_) |= ~(BitOf(next_) - 1);
}

void Orderer::Memory::MoveTo(Sequence next) {
  assert(next >= next_);
  mark_ += next - next_;  // says nothing of how fast payloads come
  if (next - next_ >= size_) {
    std::fill_n(bits_.get(), size_ / 64, 0);
    next_ = next;
  }
  while (next_ < next) {
    const Sequence end = std::min(next, (next_ / 64 + 1) * 64);
    const uint64_t below_end = end % 64 == 0 ? ~uint64_t{0} : BitOf(end) - 1;
    WordOf(next_) &= ~(below_end & ~(BitOf(next_) - 1));
    next_ = end;
  }
}

// --- What comes. ---

Drop Orderer::Add(Instant now, const Life& life, const wire::Route& path,
                  const wire::SequencedHeader& header, Delivery payload) {
  if (before_.begun() && life_before_.expires <= now) before_ = {};
  if (!memory_.begun() || life.number != life_.number) {
    if (memory_.begun() && life.expires < life_.expires)
      return AddEarlier(life, header.sequence, std::move(payload));
    Begin(now, life, header.sequence);
  }
  life_.expires = std::max(life_.expires, life.expires);
  const Sequence sequence = memory_.Expand(header.sequence);
  if (sequence < memory_.next()) {
    const Drop drop = memory_.Deliver(sequence);
    counters_.repeated += drop == Drop::kSequenceRepeated ? 1 : 0;
    if (drop != Drop::kNone) return drop;
    ++counters_.late;
    NotePath(now, path, sequence);
    deliver_(std::move(payload));
    return Drop::kNone;
  }
  if ((sequence != memory_.next() || behind()) && held_.contains(sequence)) {
    ++counters_.repeated;
    return Drop::kSequenceRepeated;
  }
  NotePath(now, path, sequence);
  // After so long a silence it is not known what paths there are.
  if (now - last_ > header.hold) since_ = now;
  last_ = now;
  ++run_came_;
  const bool waits_for_nothing = header.hold <= wire::Duration::zero();
  if (waits_for_nothing) GiveUpTo(sequence);
  const bool first = held_.empty() || sequence < held_.begin()->first;
  if (sequence == memory_.next() || (waits_for_nothing && first)) {
    PassOver(sequence, &counters_.by_hold);
    DeliverNext(now, std::move(payload));
  } else {
    Hold(now, sequence, header, payload);
  }
  DeliverRun(now);
  MakeRoom(now);
  ReleaseProven(now);
  return Drop::kNone;
}

void Orderer::HandleTimeout(Instant now) {
  while (!releases_.empty() && releases_.begin()->second <= now) {
    GiveUpTo(releases_.begin()->first);
  }
  DeliverRun(now);
}

// Its first copy may have been delivered in that life, or another one still come.
Drop Orderer::AddEarlier(const Life& life, uint32_t number, Delivery payload) {
  if (before_.begun() && life.number == life_before_.number) {
    const Sequence sequence = before_.Expand(number);
    if (sequence >= before_.next()) before_.MoveTo(sequence + 1);
    const Drop drop = before_.Deliver(sequence);
    counters_.repeated += drop == Drop::kSequenceRepeated ? 1 : 0;
    if (drop != Drop::kNone) return drop;
  }
  ++counters_.late;
  deliver_(std::move(payload));
  return Drop::kNone;
}

void Orderer::Begin(Instant now, const Life& life, uint32_t sequence) {
  ReleaseAll(now);
  paths_.clear();
  last_ = {};
  before_ = std::exchange(memory_, {});
  life_before_ = std::exchange(life_, life);
  // What is behind the beginning has a number too.
  memory_.Begin(now, (Sequence{1} << 32) + sequence - std::min(sequence, kMissedAtBeginning));
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
  held_.try_emplace(sequence, Held{.payload = Delivery(bytes, std::move(copy), payload.flow()),
                                   .hold = hold,
                                   .resend = header.resend});
  ++counters_.held;
  // What is in front of a gap that is given up leaves in its turn, sooner than that.
  if (sequence > given_up_) NoteRelease(sequence, now + hold);
}

void Orderer::NoteRelease(Sequence sequence, Instant release) {
  const auto behind = releases_.lower_bound(sequence);
  if (behind != releases_.end() && behind->second <= release) return;
  auto first = behind;
  while (first != releases_.begin() && std::prev(first)->second >= release) --first;
  releases_.erase(first, behind);
  releases_.emplace(sequence, release);
}

void Orderer::DeliverNext(Instant now, Delivery&& payload) {
  memory_.DeliverNext(now);
  deliver_(std::move(payload));
}

// What is missing in front of this one, the first that there is, is waited for no longer.
void Orderer::PassOver(Sequence sequence, uint64_t* why) {
  if (sequence == memory_.next()) return;
  ++*why;
  memory_.MoveTo(sequence);
}

bool Orderer::TooMuch() const {
  return held_.size() > kMaxHeld || part_.used() > kMaxHeldBytes || part_.too_large();
}

// Whether one more of what was held may leave now.
bool Orderer::MayLeave(Instant now) {
  if (now - run_since_ >= kPause) {
    run_since_ = now;
    run_least_ = std::max(kLeastRun, held_.size() / kRunShare);
    run_came_ = run_left_ = 0;
  }
  if (run_left_ >= std::max(run_least_, 2 * run_came_) && !TooMuch()) return false;
  ++run_left_;
  return true;
}

void Orderer::DeliverRun(Instant now, Run run) {
  resume_ = wire::kNever;
  while (due()) {
    if (run == Run::kPaced && !MayLeave(now)) {
      resume_ = run_since_ + kPause;
      break;
    }
    const Sequence first = held_.begin()->first;
    PassOver(first, first == proven_ ? &counters_.by_proof : &counters_.by_hold);
    Delivery payload = std::move(held_.begin()->second.payload);
    part_.Remove(payload.bytes().size() + kEntry);
    held_.erase(held_.begin());
    DeliverNext(now, std::move(payload));
  }
  releases_.erase(releases_.begin(), releases_.lower_bound(memory_.next()));
}

void Orderer::GiveUpTo(Sequence sequence) {
  given_up_ = std::max(given_up_, sequence);
  releases_.erase(releases_.begin(), releases_.upper_bound(sequence));
}

void Orderer::ReleaseAll(Instant now) {
  GiveUpTo(std::numeric_limits<Sequence>::max());
  DeliverRun(now, Run::kAll);
  given_up_ = proven_ = 0;
}

// Gives up gaps until no more is held than may be.
void Orderer::MakeRoom(Instant now) {
  while (TooMuch()) {
    const Sequence first = held_.begin()->first;
    PassOver(first, first <= given_up_ ? &counters_.by_hold : &counters_.by_room);
    DeliverRun(now);
  }
}

void Orderer::ReleaseProven(Instant now) {
  while (!held_.empty() && !due()) {
    const auto& [first, held] = *held_.begin();
    if (held.resend || now - since_ < held.hold) return;
    for (const Path& path : paths_) {
      if (now - path.last <= held.hold && path.newest < first) return;
    }
    given_up_ = proven_ = first;
    DeliverRun(now);
  }
}

}  // namespace warp::control
