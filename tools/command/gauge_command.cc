#include "tools/command/gauge_command.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <iostream>

#include "tools/terminal/complain.h"
#include "tools/run/owned_fd.h"

namespace warp::tools {
namespace {

// From here on the signals that end a run are read from a descriptor; threads made later inherit that.
OwnedFd CatchSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return OwnedFd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

int Print(const absl::StatusOr<GaugeReport>& report, bool json) {
  if (!report.ok()) return Complain(report.status().message());
  std::cout << (json ? ReportJson(*report) + "\n" : ReportText(*report)) << std::flush;
  return std::cout ? 0 : Complain("cannot write the report");
}

}  // namespace

int RunGauge(const GaugeTxOptions& options, bool json) {
  const OwnedFd stop = CatchSignals();
  return Print(RunGaugeTx(options, stop.get()), json);
}

int RunGauge(const GaugeRxOptions& options, bool json) {
  const OwnedFd stop = CatchSignals();
  return Print(RunGaugeRx(options, stop.get()), json);
}

int RunGauge(const GaugeEchoOptions& options, bool json) {
  const OwnedFd stop = CatchSignals();
  return Print(RunGaugeEcho(options, stop.get()), json);
}

}  // namespace warp::tools
