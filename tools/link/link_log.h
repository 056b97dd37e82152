// What a link does while it runs: a line of JSON each so many milliseconds, for plots.
#ifndef WARP_TOOLS_LINK_LINK_LOG_H_
#define WARP_TOOLS_LINK_LINK_LOG_H_

#include <array>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/link/model/link_direction.h"

namespace warp::tools {

class LinkLog {
 public:
  // Replaces the file. The interval between lines is above 0.
  static absl::StatusOr<LinkLog> Open(const std::string& path, Nanos interval);

  // When the next line is due.
  Nanos next() const { return next_; }
  // Writes the lines that are due by `now`, such as
  // {"t":0.1,"up":{"in_mbit":20.1,"out_mbit":20.0,"queue_ms":3.2,"peak_ms":4.1,"dropped":0},"down":{…}}
  // for each interval, which ends at t seconds: rates and drops (those of all names) in it, the queue at its end, and
  // the longest at any full millisecond since the line before.
  void WriteTo(Nanos now, const std::array<LinkDirection*, 2>& directions);
  // Unavailable where a line could not be written.
  absl::Status Close();

 private:
  struct Seen {
    uint64_t bytes = 0;
    uint64_t delivered_bytes = 0;
    uint64_t drops = 0;
  };

  LinkLog(std::string path, Nanos interval, std::ofstream file)
      : path_(std::move(path)), interval_(interval), file_(std::move(file)), next_(interval) {}
  std::string Part(LinkDirection& direction, Seen& before) const;
  double Megabits(uint64_t bytes) const;

  std::string path_;
  Nanos interval_;
  std::ofstream file_;
  Nanos next_;
  std::array<Seen, 2> before_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_LOG_H_
