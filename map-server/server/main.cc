// warp-map: the map. `warp-map --config FILE`, or flags alone.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/config/diff/map_file.h"
#include "control/config/file/key_files.h"
#include "control/config/flags/daemon_flags.h"
#include "control/config/map_config.h"
#include "dataplane/os/process.h"
#include "dataplane/os/signals.h"
#include "dataplane/wire/crypto/keys.h"
#include "map-server/server/server.h"

namespace warp::map {
namespace {

// Reads an address as the configuration does. In addition, port 0 stands for any free port.
absl::StatusOr<wire::Endpoint> ParseListen(const std::string& text) {
  const bool any_port = absl::EndsWith(text, ":0");
  absl::StatusOr<wire::Endpoint> endpoint =
      wire::Endpoint::Parse(any_port ? text.substr(0, text.size() - 1) + "1" : text);
  if (!endpoint.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen ", text, ": not an address and port, such as 0.0.0.0:13116 or [::]:13116"));
  }
  if (any_port) endpoint->port = 0;
  return endpoint;
}

// Flags count for more than the file.
absl::Status Override(const config::MapFlags& flags, config::MapConfig* config) {
  if (!flags.listen.empty()) config->listen.clear();
  for (const std::string& text : flags.listen) {
    absl::StatusOr<wire::Endpoint> endpoint = ParseListen(text);
    if (!endpoint.ok()) return endpoint.status();
    config->listen.push_back(*endpoint);
  }
  if (!flags.private_key_file.empty()) {
    absl::StatusOr<wire::SecretKey> key = config::ReadSecretKeyFile(flags.private_key_file);
    if (!key.ok()) return key.status();
    config->private_key = *std::move(key);
  } else if (flags.config_file.empty()) {
    return absl::InvalidArgumentError(
        "there is no key: name a --config or a --private-key-file (`warp keygen` makes one)");
  }
  if (!flags.control_socket.empty()) config->control_socket = flags.control_socket;
  return absl::OkStatus();
}

absl::StatusOr<config::MapConfig> Configure(const config::MapFlags& flags) {
  config::MapConfig config;
  if (!flags.config_file.empty()) {
    absl::StatusOr<config::MapConfig> loaded = config::LoadMapConfig(flags.config_file);
    if (!loaded.ok()) return loaded.status();
    config = *std::move(loaded);
  }
  if (absl::Status status = Override(flags, &config); !status.ok()) return status;
  return config;
}

// How a running map reads its file again.
Server::Source SourceOf(const config::MapFlags& flags) {
  if (flags.config_file.empty()) return {};
  return {.file = flags.config_file,
          .load = [flags](const std::string& file) -> absl::StatusOr<config::MapFile> {
            absl::StatusOr<config::MapFile> loaded = config::LoadSettledMapFile(file);
            if (!loaded.ok()) return loaded.status();
            if (absl::Status status = Override(flags, &loaded->config); !status.ok()) return status;
            return loaded;
          }};
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "warp-map: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Main(int argc, char** argv) {
  os::BlockSignals(os::StraySignals());
  os::LeaveChildrenToSystem();
  config::MapFlags flags;
  CLI::App app;
  config::DeclareMapFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help, version
    return Fail(absl::InvalidArgumentError(error.what()));
  }

  os::ForbidCoreDumps();
  os::RaiseDescriptorLimit();
  if (absl::Status status = wire::InitCrypto(); !status.ok()) return Fail(status);
  absl::StatusOr<config::MapConfig> config = Configure(flags);
  if (!config.ok()) return Fail(config.status());
  if (flags.check) return 0;
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Open(*std::move(config), SourceOf(flags));
  if (!server.ok()) return Fail(server.status());

  std::printf("public key: %s\n", (*server)->public_key().ToBase64().c_str());
  for (const wire::Endpoint& endpoint : (*server)->listening()) {
    std::printf("listening on %s\n", endpoint.ToString().c_str());
  }
  for (const wire::Endpoint& endpoint : (*server)->listening_for_streams()) {
    std::printf("listening for TLS on %s\n", endpoint.ToString().c_str());
  }
  std::printf("warp-map: ready\n");
  std::fflush(stdout);
  (*server)->Run();
  return 0;
}

}  // namespace
}  // namespace warp::map

int main(int argc, char** argv) { return warp::map::Main(argc, argv); }
