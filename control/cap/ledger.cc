#include "control/cap/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace warp::cap {

Ledger::Ledger(const config::CapPeriod& period, std::vector<Entry> entries)
    : period_(period), entries_(std::move(entries)) {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.begin > b.begin; });
  if (entries_.size() > kMostEntries) entries_.resize(kMostEntries);
  if (!entries_.empty()) now_ = entries_.front().begin;
}

bool Ledger::Knows(absl::CivilDay begin) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [begin](const Entry& entry) { return entry.begin == begin; });
}

void Ledger::Begin(absl::CivilDay period) {
  entries_.insert(entries_.begin(), {.begin = period});
  if (entries_.size() > kMostEntries) entries_.pop_back();
  now_ = period;
}

bool Ledger::Look(absl::CivilDay today, bool even) {
  const absl::CivilDay period = BeginOf(period_, today);
  const bool passed = std::exchange(looked_, true) && even && seen_ < period;
  seen_ = period;
  if (entries_.empty() || period > entries_.front().begin) {
    Begin(period);
    return true;
  }
  if (passed && !Knows(period)) {
    std::erase_if(entries_, [period](const Entry& entry) { return entry.begin > period; });
    Begin(period);
    return true;
  }
  if (period > now_ || entries_.back().begin <= period) now_ = period;
  return false;
}

void Ledger::Add(uint64_t bytes) {
  uint64_t& sum = entries_.front().bytes;
  sum += std::min(bytes, std::numeric_limits<uint64_t>::max() - sum);
}

void Ledger::Set(uint64_t bytes) { entries_ = {{.begin = now_, .bytes = bytes}}; }

uint64_t Ledger::used() const {
  uint64_t sum = 0;
  for (const Entry& entry : entries_) {
    if (entry.begin < now_) break;
    sum += std::min(entry.bytes, std::numeric_limits<uint64_t>::max() - sum);
  }
  return sum;
}

}  // namespace warp::cap
