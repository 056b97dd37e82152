#include "control/cap/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace warp::cap {
namespace {

uint64_t Sum(uint64_t a, uint64_t b) {
  return a + std::min(b, std::numeric_limits<uint64_t>::max() - a);
}

}  // namespace

Ledger::Ledger(const config::CapPeriod& period, std::vector<Entry> entries, const Clock& clock)
    : period_(period), entries_(std::move(entries)), clock_(clock) {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.begin > b.begin; });
  if (entries_.size() > kMostEntries) entries_.resize(kMostEntries);
  if (!entries_.empty()) now_ = believed_ = entries_.front().begin;
}

bool Ledger::Knows(absl::CivilDay begin) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [begin](const Entry& entry) { return entry.begin == begin; });
}

void Ledger::Begin(absl::CivilDay period, bool believed) {
  entries_.insert(entries_.begin(), {.begin = period});
  now_ = period;
  if (believed) believed_ = period;
  if (entries_.size() <= kMostEntries) return;
  if (entries_.back().begin < believed_) {
    entries_.pop_back();
  } else {
    entries_[1].bytes = Sum(entries_[1].bytes, entries_[2].bytes);
    entries_.erase(entries_.begin() + 2);
  }
}

void Ledger::Note(absl::CivilDay today, bool anew) {
  if (anew || clock_.days == 0 || today < clock_.day) {
    clock_.days = 1;
  } else if (today > clock_.day && !believed()) {
    ++clock_.days;
  }
  clock_.day = today;
}

Ledger::Turn Ledger::Look(absl::CivilDay today, bool stepped) {
  const absl::CivilDay period = BeginOf(period_, today);
  const absl::CivilDay before = BeginOf(period_, clock_.day);
  const bool passes = clock_.days > 0 && before < period;
  const bool was_believed = believed();
  const bool follows = was_believed && NextBegin(period_, before) == period;
  const Turn turn = passes && (!stepped || follows) ? Turn::kPassed : Turn::kJumped;
  Note(today, passes && stepped);
  if (entries_.empty() || period > entries_.front().begin) {
    Begin(period, turn == Turn::kPassed || entries_.empty());
    return turn;
  }
  if (passes && was_believed && (!stepped || !Knows(period))) {
    std::erase_if(entries_, [period](const Entry& entry) { return entry.begin >= period; });
    Begin(period, true);
    return turn;
  }
  if (period > now_ || entries_.back().begin <= period) now_ = period;
  if (believed()) believed_ = now_;
  return Turn::kNone;
}

void Ledger::Add(uint64_t bytes) {
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [this](const Entry& one) { return one.begin == now_; });
  if (!believed() || entry == entries_.end()) entry = entries_.begin();
  entry->bytes = Sum(entry->bytes, bytes);
}

void Ledger::Set(uint64_t bytes) { entries_ = {{.begin = now_, .bytes = bytes}}; }

uint64_t Ledger::used() const {
  uint64_t sum = 0;
  for (const Entry& entry : entries_) {
    if (entry.begin < now_) break;
    sum = Sum(sum, entry.bytes);
  }
  return sum;
}

}  // namespace warp::cap
