// warpd: the node. `warpd --config FILE`.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "control/config/flags/daemon_flags.h"
#include "control/config/node_config.h"
#include "control/daemon/daemon.h"
#include "control/hook/hook_process.h"
#include "control/log/log.h"
#include "dataplane/os/process.h"
#include "dataplane/os/signals.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/crypto/keys.h"

namespace {

using warp::os::UniqueFd;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "warpd: %s\n", std::string(status.message()).c_str());
  return 1;
}

// Reads the file and does nothing else, so that whoever installs another version may ask it first.
int Check(const std::string& file) {
  if (absl::Status status = warp::wire::InitCrypto(); !status.ok()) return Fail(status);
  const absl::Status read = warp::config::LoadNodeConfig(file).status();
  return read.ok() ? 0 : Fail(read);
}

}  // namespace

int main(int argc, char** argv) {
  warp::os::BlockSignals(warp::os::StraySignals());
  warp::os::LeaveChildrenToSystem();
  warp::config::NodeFlags flags;
  CLI::App app;
  warp::config::DeclareNodeFlags(app, flags);
  CLI11_PARSE(app, argc, argv);

  warp::os::ForbidCoreDumps();
  warp::control::OpenLog();
  if (flags.check) return Check(flags.config_file);
  // The process that runs hooks must know no key and have no right, so that it begins before this one has any. Hooks
  // may come with any reload.
  absl::StatusOr<UniqueFd> hooks = warp::hook::StartHookProcess();
  if (!hooks.ok()) return Fail(hooks.status());
  warp::os::GiveUpUsers();
  warp::os::RaiseDescriptorLimit();
  if (absl::Status status = warp::wire::InitCrypto(); !status.ok()) return Fail(status);
  absl::StatusOr<warp::config::NodeConfig> config = warp::config::LoadNodeConfig(flags.config_file);
  if (!config.ok()) return Fail(config.status());
  absl::StatusOr<std::unique_ptr<warp::control::Daemon>> daemon =
      warp::control::Daemon::Open(*std::move(config), flags.config_file, *std::move(hooks));
  if (!daemon.ok()) return Fail(daemon.status());
  warp::control::LogInfo("warpd: ready");
  (*daemon)->Run();
  return 0;
}
