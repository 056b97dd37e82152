#include "control/history/history.h"

#include <algorithm>

#include "absl/time/civil_time.h"

namespace warp::history {
namespace {

constexpr int64_t kMinute = 60, kHour = 3600;
// How far a clock may go back without taking anything away: a period.
constexpr std::array<int64_t, kBys> kSlack = {kMinute, kHour, 24 * kHour, 31 * 24 * kHour};

int64_t BeginOf(By by, absl::Time now, absl::TimeZone zone) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  switch (by) {
    case By::kMinute:
      return seconds - seconds % kMinute;
    case By::kHour:
      return seconds - seconds % kHour;
    case By::kDay:
      return absl::ToUnixSeconds(absl::FromCivil(absl::ToCivilDay(now, zone), zone));
    case By::kMonth:
      return absl::ToUnixSeconds(absl::FromCivil(absl::ToCivilMonth(now, zone), zone));
  }
  return seconds;
}

int64_t NewestOf(const Link& link) {
  const std::deque<Record>& minutes = link.records[0];
  return minutes.empty() ? 0 : minutes.back().begin;
}

}  // namespace

Record& Record::operator+=(const Record& added) {
  up_s += added.up_s;
  first += added.first;
  sole += added.sole;
  duplicates += added.duplicates;
  rx_bytes += added.rx_bytes;
  tx_bytes += added.tx_bytes;
  skew_samples += added.skew_samples;
  skew_us += added.skew_us;
  return *this;
}

int64_t History::newest() const {
  int64_t newest = 0;
  for (const Link& link : links_) newest = std::max(newest, NewestOf(link));
  return newest;
}

Link& History::Find(const std::string& port) {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [&](const Link& link) { return link.port == port; });
  if (found != links_.end()) return *found;
  if (links_.size() >= kMostLinks) {
    links_.erase(std::min_element(links_.begin(), links_.end(), [](const Link& a, const Link& b) {
      return NewestOf(a) < NewestOf(b);
    }));
  }
  return links_.emplace_back(Link{.port = port, .records = {}});
}

void History::Add(const std::string& port, absl::Time now, const Record& added) {
  Link& link = Find(port);
  for (size_t by = 0; by < kBys; ++by) {
    std::deque<Record>& records = link.records[by];
    const int64_t begin = BeginOf(static_cast<By>(by), now, zone_);
    Record sum = added;
    while (!records.empty() && records.back().begin > begin + kSlack[by]) {
      sum += records.back();
      records.pop_back();
    }
    if (records.empty() || records.back().begin < begin) {
      records.push_back({.begin = begin});
      if (records.size() > kKept[by]) records.pop_front();
    }
    records.back() += sum;
  }
}

}  // namespace warp::history
