// `warp gauge`: the gauge with text options, signals and output.
#ifndef WARP_TOOLS_COMMAND_GAUGE_COMMAND_H_
#define WARP_TOOLS_COMMAND_GAUGE_COMMAND_H_

#include "absl/status/statusor.h"
#include "tools/gauge/gauge.h"

namespace warp::tools {

// Runs until the run is over or SIGINT or SIGTERM comes, and then prints the summary. Returns the exit status: 1 if the
// gauge could not run, 0 however much was lost.
int RunGauge(const GaugeTxOptions& options, bool json);
int RunGauge(const GaugeRxOptions& options, bool json);
int RunGauge(const GaugeEchoOptions& options, bool json);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_GAUGE_COMMAND_H_
