#include "tools/command/gauge_command.h"

#include <iostream>

#include "tools/terminal/complain.h"
#include "tools/terminal/stop_signal.h"

namespace warp::tools {
namespace {

int Print(const absl::StatusOr<GaugeReport>& report, bool json) {
  if (!report.ok()) return Complain(report.status().message());
  std::cout << (json ? ReportJson(*report) + "\n" : ReportText(*report)) << std::flush;
  return std::cout ? 0 : Complain("cannot write the report");
}

// `run` takes a descriptor that becomes readable when the run is to end.
template <typename Run>
int RunUntilSignal(Run run, bool json) {
  const absl::StatusOr<os::SignalFd> stop = OpenStopSignal();
  if (!stop.ok()) return Complain(stop.status().message());
  return Print(run(stop->fd()), json);
}

}  // namespace

int RunGauge(const GaugeTxOptions& options, bool json) {
  return RunUntilSignal([&](int stop) { return RunGaugeTx(options, stop); }, json);
}

int RunGauge(const GaugeRxOptions& options, bool json) {
  return RunUntilSignal([&](int stop) { return RunGaugeRx(options, stop); }, json);
}

int RunGauge(const GaugeEchoOptions& options, bool json) {
  return RunUntilSignal([&](int stop) { return RunGaugeEcho(options, stop); }, json);
}

}  // namespace warp::tools
