#include "tools/command/gauge_command.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <iostream>

#include "dataplane/os/unique_fd.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

// From here on the signals that end a run are read from a descriptor; threads made later inherit that.
os::UniqueFd CatchSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return os::UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

int Print(const absl::StatusOr<GaugeReport>& report, bool json) {
  if (!report.ok()) return Complain(report.status().message());
  std::cout << (json ? ReportJson(*report) + "\n" : ReportText(*report)) << std::flush;
  return std::cout ? 0 : Complain("cannot write the report");
}

}  // namespace

int RunGauge(const GaugeTxOptions& options, bool json) {
  const os::UniqueFd stop = CatchSignals();
  return Print(RunGaugeTx(options, stop.get()), json);
}

int RunGauge(const GaugeRxOptions& options, bool json) {
  const os::UniqueFd stop = CatchSignals();
  return Print(RunGaugeRx(options, stop.get()), json);
}

int RunGauge(const GaugeEchoOptions& options, bool json) {
  const os::UniqueFd stop = CatchSignals();
  return Print(RunGaugeEcho(options, stop.get()), json);
}

}  // namespace warp::tools
