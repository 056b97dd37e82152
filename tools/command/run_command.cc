#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "control/config/node_config.h"
#include "dataplane/os/unix_address.h"
#include "tools/ask/status_client.h"
#include "tools/command/commands.h"
#include "tools/run/run.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

struct FoundGate {
  std::string path;
  uint64_t queue = 1;
};

absl::Status NoSuchTunnel(const std::string& name, absl::string_view where) {
  return absl::NotFoundError(absl::StrCat("there is no tunnel \"", name, "\" in ", where));
}

absl::Status NoUnixGate(const std::string& name) {
  return absl::FailedPreconditionError(
      absl::StrCat("the gate of tunnel \"", name, "\" is no Unix socket"));
}

absl::StatusOr<FoundGate> FindInConfig(const RunOptions& options) {
  const absl::StatusOr<config::NodeConfig> node =
      config::LoadNodeConfig(options.config, config::KeyFiles::kIgnore);
  if (!node.ok()) return node.status();
  for (const config::TunnelConfig& tunnel : node->tunnels) {
    if (tunnel.name != options.gate) continue;
    const std::optional<config::UnixGateConfig>& gate = tunnel.gate.unix_socket;
    if (!gate) return NoUnixGate(options.gate);
    return FoundGate{gate->path, gate->queue};
  }
  return NoSuchTunnel(options.gate, options.config);
}

absl::StatusOr<FoundGate> FindInStatus(const RunOptions& options) {
  const absl::StatusOr<std::string> answer = FetchStatus(options.socket);
  if (!answer.ok()) return answer.status();
  try {
    const Json status = Json::parse(*answer);
    for (const Json& tunnel : status.at("tunnels")) {
      if (tunnel.at("name") != options.gate) continue;
      const Json& gate = tunnel.at("gate");
      if (gate.at("type").get<std::string>().rfind("unix", 0) != 0) return NoUnixGate(options.gate);
      return FoundGate{gate.at("listen"), gate.at("queue")};
    }
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("the answer is not a status");
  }
  return NoSuchTunnel(options.gate, absl::StrCat("the node that answers at ", options.socket));
}

absl::StatusOr<FoundGate> FindGate(const RunOptions& options) {
  if (!options.path.empty()) return FoundGate{options.path};
  return options.config.empty() ? FindInStatus(options) : FindInConfig(options);
}

}  // namespace

int RunRun(const RunOptions& options) {
  const absl::StatusOr<FoundGate> gate = FindGate(options);
  if (!gate.ok()) return Complain(gate.status().message());
  const std::string path = std::filesystem::absolute(gate->path);
  if (!os::UnixAddress::Of(path).ok()) {
    return Complain(absl::StrCat(path, " is too long for a socket's path"));
  }
  if (gate->queue > 1) {
    Complain(absl::StrCat("the gate takes ", gate->queue,
                          " payloads at once (queue): sends return when it took theirs"));
  }
  return RunApplication(path, options.command);
}

}  // namespace warp::tools
