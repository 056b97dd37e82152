#include "tools/link/link_log.h"

#include <cerrno>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dataplane/os/errno_status.h"
#include "tools/link/link_report.h"

namespace warp::tools {

absl::StatusOr<LinkLog> LinkLog::Open(const std::string& path, Nanos interval) {
  std::ofstream file(path, std::ios::trunc);
  if (!file) return os::ErrnoStatus(errno, "cannot write ", path);
  return LinkLog(path, interval, std::move(file));
}

double LinkLog::Megabits(uint64_t bytes) const {
  return static_cast<double>(bytes) * 8 / 1e6 * kSecond / static_cast<double>(interval_);
}

void LinkLog::WriteTo(Nanos now, const std::array<LinkDirection*, 2>& directions) {
  for (; next_ <= now; next_ += interval_) {
    file_ << absl::StrFormat("{\"t\":%.3f", static_cast<double>(next_) / kSecond);
    for (size_t i = 0; i < directions.size(); ++i) {
      file_ << ",\"" << kLinkDirections[i] << "\":" << Part(*directions[i], before_[i]);
    }
    file_ << "}\n" << std::flush;
  }
}

std::string LinkLog::Part(LinkDirection& direction, Seen& before) const {
  direction.SampleTo(next_);
  const LinkCounts& counts = direction.counts();
  const Seen seen{.bytes = counts.bytes,
                  .delivered_bytes = counts.delivered_bytes,
                  .drops = std::accumulate(counts.drops.begin(), counts.drops.end(), uint64_t{0})};
  const std::string part = absl::StrFormat(
      "{\"in_mbit\":%.3f,\"out_mbit\":%.3f,\"queue_ms\":%.3f,\"peak_ms\":%.3f,\"dropped\":%u}",
      Megabits(seen.bytes - before.bytes), Megabits(seen.delivered_bytes - before.delivered_bytes),
      static_cast<double>(direction.Queue(next_)) / kMillisecond,
      static_cast<double>(direction.TakePeak()) / kMillisecond, seen.drops - before.drops);
  before = seen;
  return part;
}

absl::Status LinkLog::Close() {
  file_.close();
  if (!file_) return absl::UnavailableError(absl::StrCat("cannot write ", path_));
  return absl::OkStatus();
}

}  // namespace warp::tools
