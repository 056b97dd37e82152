// What each link of a node has done, by minute, hour, day and month: a bounded ring of records of each, so that a link
// can be judged by more than the present. Pure; one thread.
//
// Where a time is given that is more than a period before the newest records, those are of a time that was never true:
// what they have is added to the record of now. One that is less before adds to the newest record. By which time it is
// booked says history_clock.h.
#ifndef WARP_CONTROL_HISTORY_HISTORY_H_
#define WARP_CONTROL_HISTORY_HISTORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "dataplane/wire/words.h"

namespace warp::history {

enum class By : uint8_t { kMinute, kHour, kDay, kMonth };
inline constexpr size_t kBys = 4;
inline constexpr wire::Words<By, kBys> kByWords = {
    {{"minute", By::kMinute}, {"hour", By::kHour}, {"day", By::kDay}, {"month", By::kMonth}}};
// How many records of each are kept: two hours, four days, two months, three years.
inline constexpr std::array<size_t, kBys> kKept = {120, 96, 62, 36};

// Of one link in one period. Sums over all peers.
struct Record {
  int64_t begin = 0;        // of the period, in seconds since 1970 (UTC)
  uint64_t up_s = 0;        // seconds in which the link was up
  uint64_t first = 0;       // payloads whose copy by the link came first
  uint64_t sole = 0;        // payloads that nothing else brought (control/verdict/verdict.h)
  uint64_t duplicates = 0;  // copies that came after another link's
  uint64_t rx_bytes = 0;    // of frames
  uint64_t tx_bytes = 0;
  uint64_t skew_samples = 0;  // duplicates whose lag was measured
  uint64_t skew_us = 0;       // the sum over all looks of the median lag in them, times its samples

  Record& operator+=(const Record& added);  // the begin stays
  friend bool operator==(const Record&, const Record&) = default;
};

struct Link {
  std::string port;
  std::array<std::deque<Record>, kBys> records;  // oldest first, their begins ascend
  friend bool operator==(const Link&, const Link&) = default;
};

class History {
 public:
  // The link that has been gone the longest is forgotten beyond this.
  static constexpr size_t kMostLinks = 64;

  // Days and months begin at midnight of this zone.
  explicit History(absl::TimeZone zone) : zone_(zone) {}

  void Restore(std::vector<Link> links) { links_ = std::move(links); }
  // Adds what a link did until now, since the last call.
  void Add(const std::string& port, absl::Time now, const Record& added);

  const std::vector<Link>& links() const { return links_; }
  // When the newest minute of all links begins, in seconds since 1970; 0: there is none.
  int64_t newest() const;

 private:
  Link& Find(const std::string& port);

  const absl::TimeZone zone_;
  std::vector<Link> links_;
};

}  // namespace warp::history

#endif  // WARP_CONTROL_HISTORY_HISTORY_H_
