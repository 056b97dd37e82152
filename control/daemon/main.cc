// warpd: the node. `warpd --config FILE`.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "control/config/node_config.h"
#include "control/daemon/daemon.h"
#include "dataplane/os/process.h"
#include "dataplane/wire/crypto/keys.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "warpd: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"WARP node: seals each payload once and sends it over every path", "warpd"};
  std::string config_file = "/etc/warp/warpd.yaml";
  app.add_option("--config,-c", config_file, "YAML configuration file")->capture_default_str();
  app.set_version_flag("--version", std::string("warpd " WARP_VERSION));
  CLI11_PARSE(app, argc, argv);

  warp::os::ForbidCoreDumps();
  warp::os::RaiseDescriptorLimit();
  spdlog::set_default_logger(spdlog::stderr_logger_st("warpd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
  if (absl::Status status = warp::wire::InitCrypto(); !status.ok()) return Fail(status);
  absl::StatusOr<warp::config::NodeConfig> config = warp::config::LoadNodeConfig(config_file);
  if (!config.ok()) return Fail(config.status());
  absl::StatusOr<std::unique_ptr<warp::control::Daemon>> daemon =
      warp::control::Daemon::Open(*std::move(config));
  if (!daemon.ok()) return Fail(daemon.status());
  spdlog::info("warpd: ready");
  (*daemon)->Run();
  return 0;
}
