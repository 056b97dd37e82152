// Plays a link between two interfaces: the model of each direction (tools/link/model) with real frames in real time.
#ifndef WARP_TOOLS_LINK_LINK_H_
#define WARP_TOOLS_LINK_LINK_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/link/link_report.h"
#include "tools/link/model/link_options.h"

namespace warp::tools {

struct LinkRun {
  std::string near;
  std::string far;
  std::array<LinkOptions, 2> directions;  // up, down
  uint64_t seed = 1;
  double seconds = 0;  // 0: until stopped
  std::string log;     // a file; empty: none
  Nanos log_interval = 100 * kMillisecond;
  bool spin = false;  // looks at the clock again and again in the last 50 us before a frame is due
};

// Passes frames until the time is up or `stop` becomes readable, on this thread alone. Says on stderr when it begins.
// Errors are one sentence: about an interface that cannot be used or was removed, or about the log.
absl::StatusOr<LinkReport> RunLink(const LinkRun& run, int stop);

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_H_
