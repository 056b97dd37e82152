#include "tools/command/link_command.h"

#include <array>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "tools/link/link.h"
#include "tools/link/link_report.h"
#include "tools/link/link_text.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/stop_signal.h"

namespace warp::tools {
namespace {

absl::Status Named(absl::string_view name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

absl::StatusOr<LinkOptions> Direction(const LabLinkOptions& options, absl::string_view name,
                                      const std::string& own) {
  LinkText text;
  if (!options.both.empty()) {
    if (const auto status = text.Add(options.both); !status.ok()) return Named("--both", status);
  }
  if (!own.empty()) {
    if (const auto status = text.Add(own); !status.ok()) return Named(name, status);
  }
  absl::StatusOr<LinkOptions> direction = text.Options();
  // Where the direction has no text of its own, the mistake is in the common one.
  if (!direction.ok()) return Named(own.empty() ? "--both" : name, direction.status());
  direction->joined = options.joined;
  direction->memory = size_t{options.memory} << 20;
  return direction;
}

absl::StatusOr<LinkReport> Run(const LabLinkOptions& options) {
  LinkRun run{.near = options.near,
              .far = options.far,
              .seed = options.seed,
              .seconds = options.seconds,
              .log = options.log,
              .log_interval = options.log_interval * kMillisecond,
              .spin = options.spin};
  auto up = Direction(options, "--up", options.up);
  if (!up.ok()) return up.status();
  auto down = Direction(options, "--down", options.down);
  if (!down.ok()) return down.status();
  run.directions = {*std::move(up), *std::move(down)};
  const absl::StatusOr<os::SignalFd> stop = OpenStopSignal();
  if (!stop.ok()) return stop.status();
  return RunLink(run, stop->fd());
}

}  // namespace

int RunLabLink(const LabLinkOptions& options) {
  const absl::StatusOr<LinkReport> report = Run(options);
  if (!report.ok()) return Complain(report.status().message());
  std::cout << (options.json ? LinkReportJson(*report) + "\n" : LinkReportText(*report))
            << std::flush;
  return std::cout ? 0 : Complain("cannot write the report");
}

}  // namespace warp::tools
