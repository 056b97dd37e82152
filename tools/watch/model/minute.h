// The last minute of everything that is watched, a point a second: rates come of two counts, one after the other. Pure:
// the caller says what time it is.
#ifndef WARP_TOOLS_WATCH_MODEL_MINUTE_H_
#define WARP_TOOLS_WATCH_MODEL_MINUTE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tools/watch/model/sample.h"

namespace warp::tools {

inline constexpr size_t kSeconds = 60;
inline constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// Each value is kUnknown where there is none.
struct Point {
  float out = kUnknown;   // bit/s
  float in = kUnknown;    // bit/s
  float rtt = kUnknown;   // ms
  float loss = kUnknown;  // 0 to 1
};

using Series = std::array<Point, kSeconds>;  // oldest first

class Minute {
 public:
  Minute();
  ~Minute();

  // `now_s`: of a clock that only goes forward. Seconds without a sample have no values. A count that is lower than
  // before, a path with a new number and a daemon that started anew have no rate until the next sample.
  void Add(double now_s, const Sample& sample);
  // A second passes in which nothing is known.
  void AddNothing(double now_s);

  // Of the links, paths and tunnels of the last sample, in its order, and as long as it.
  const std::vector<const Series*>& links() const { return links_; }
  const std::vector<const Series*>& paths() const { return paths_; }
  const std::vector<const Series*>& tunnels() const { return tunnels_; }
  // All links together.
  const Series& node() const;

 private:
  struct Track;

  void Advance(double now_s);
  Track& TrackOf(const std::string& key, double id);

  absl::flat_hash_map<std::string, std::unique_ptr<Track>> tracks_;
  std::vector<const Series*> links_, paths_, tunnels_;
  std::unique_ptr<Track> node_;
  int64_t second_ = std::numeric_limits<int64_t>::min();
  double sampled_s_ = 0;  // the time of the last sample
  double uptime_s_ = 0;   // the daemon's at that time
  bool fresh_ = true;     // no count of before is to be compared with
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_WATCH_MODEL_MINUTE_H_
