#include "control/status/node_requests.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/text/problems.h"
#include "control/config/text/suggest.h"
#include "control/config/tunnel_schema.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTunnelsPerPart = 32;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

StatusServer::Text Refuse(const absl::Status& status) {
  return StatusServer::Whole(Dump({{"error", std::string(status.message())}}) + "\n");
}

std::string PolicyText(const NodeView& view, const Tunnel& tunnel) {
  Json settings = Json::object();
  for (const auto& [key, value] :
       config::WriteSettings(config::TunnelSettings::Of(tunnel.policy()))) {
    settings[key] = value;
  }
  return Dump({{"tunnel", tunnel.config().name},
               {"peer", view.config.peers[tunnel.config().peer_index].name},
               {"settings", std::move(settings)}});
}

// The policies of the tunnels from `first` up to `end`.
StatusServer::Text PoliciesText(const std::function<NodeView()>& view, size_t first, size_t end) {
  return [view, first, next = first, end, done = false]() mutable -> std::string {
    if (done) return "";
    const NodeView now = view();
    std::string part = next == first ? "{\"policies\":[" : "";
    const size_t stop = std::min(end, next + kTunnelsPerPart);
    for (; next < stop; ++next) {
      absl::StrAppend(&part, next == first ? "" : ",",
                      PolicyText(now, *now.traffic.tunnels()[next]));
    }
    done = next == end;
    if (done) part += "]}\n";
    return part;
  };
}

absl::StatusOr<size_t> FindTunnel(const NodeView& view, const std::string& name) {
  const auto& tunnels = view.traffic.tunnels();
  std::vector<std::string> names;
  for (size_t i = 0; i < tunnels.size(); ++i) {
    names.push_back(tunnels[i]->config().name);
    if (names.back() == name) return i;
  }
  return absl::NotFoundError(
      absl::StrCat("there is no tunnel ", config::Quote(name), config::DidYouMean(name, names)));
}

}  // namespace

StatusServer::Text NodeRequests::Answer(const StatusServer::Request& request) {
  if (request.line == "status") {
    const auto text = std::make_shared<NodeStatusText>(view_);
    return [text] { return text->Next(); };
  }
  const std::vector<std::string> words = absl::StrSplit(request.line, ' ');
  absl::StatusOr<StatusServer::Text> answer = Tunnel(words, request.may_change);
  return answer.ok() ? *std::move(answer) : Refuse(answer.status());
}

absl::StatusOr<StatusServer::Text> NodeRequests::Tunnel(std::span<const std::string> words,
                                                        bool may_change) {
  const bool tunnel = words.size() >= 2 && words[0] == "tunnel";
  if (tunnel && words[1] == "show" && words.size() == 2) {
    return PoliciesText(view_, 0, view_().traffic.tunnels().size());
  }
  const bool set = tunnel && words[1] == "set" && words.size() >= 4;
  if (!set && !(tunnel && words[1] == "show" && words.size() == 3)) {
    return absl::InvalidArgumentError(
        "requests are: status; tunnel show [NAME]; tunnel set NAME KEY=VALUE...");
  }
  if (set && !may_change) {
    return absl::PermissionDeniedError(
        "only root and the user that warpd runs as may change a tunnel");
  }
  const NodeView view = view_();
  const absl::StatusOr<size_t> index = FindTunnel(view, words[2]);
  if (!index.ok()) return index.status();
  if (set) {
    const absl::Status status = Set(view.traffic.tunnels()[*index]->config(), words.subspan(3));
    if (!status.ok()) return status;
  }
  return PoliciesText(view_, *index, *index + 1);
}

absl::Status NodeRequests::Set(const config::TunnelConfig& tunnel,
                               std::span<const std::string> changes) {
  const auto before = changed_.find(tunnel.name);
  absl::StatusOr<config::TunnelSettings> settings =
      config::ChangeSettings(before == changed_.end() ? tunnel.settings : before->second, changes);
  if (!settings.ok()) return settings.status();
  const absl::Status status = set_policy_(tunnel.name, settings->Policy());
  if (status.ok()) changed_[tunnel.name] = *settings;
  return status;
}

}  // namespace warp::control
