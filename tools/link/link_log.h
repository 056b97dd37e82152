// What a link does while it runs: a line of JSON each 100 ms, for plots.
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
  static constexpr Nanos kInterval = 100 * kMillisecond;

  // Replaces the file.
  static absl::StatusOr<LinkLog> Open(const std::string& path);

  // When the next line is due.
  Nanos next() const { return next_; }
  // Writes the lines that are due by `now`, such as
  // {"t":0.1,"up":{"in_mbit":20.1,"out_mbit":20.0,"queue_ms":3.2,"dropped":0},"down":{…}}: the rates and drops of the
  // interval that ends at t, in seconds, and the queue at its end. Drops are those of all names.
  void WriteTo(Nanos now, const std::array<const LinkDirection*, 2>& directions);
  // Unavailable where a line could not be written.
  absl::Status Close();

 private:
  struct Seen {
    uint64_t bytes = 0;
    uint64_t delivered_bytes = 0;
    uint64_t drops = 0;
  };

  LinkLog(std::string path, std::ofstream file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string Part(const LinkDirection& direction, Seen& before) const;

  std::string path_;
  std::ofstream file_;
  Nanos next_ = kInterval;
  std::array<Seen, 2> before_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_LOG_H_
