#include "control/status/node_requests.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/cap/cap_schema.h"
#include "control/config/text/problems.h"
#include "control/config/text/suggest.h"
#include "control/config/tunnel_schema.h"
#include "control/status/cap_json.h"

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

// What the file says.
config::TunnelTerms TermsOfFile(const NodeView& view, const config::TunnelConfig& tunnel) {
  return {.settings = tunnel.settings,
          .deadline = tunnel.deadline,
          .paths = view.config.PathsOf(tunnel)};
}

std::string TunnelText(const Tunnel& tunnel, config::TunnelTerms terms) {
  terms.settings = config::TunnelSettings::Of(tunnel.policy());
  Json settings = Json::object();
  for (const auto& [key, value] : config::WriteTerms(terms)) settings[key] = value;
  return Dump({{"tunnel", tunnel.config().name},
               {"peer", tunnel.config().peer},
               {"settings", std::move(settings)}});
}

// A path rule of a port that is not there would let no path carry anything.
absl::Status CheckPorts(const NodeView& view, const config::TunnelTerms& terms) {
  for (const config::PathRule& rule : terms.paths) {
    if (rule.port.empty() || view.config.MayHavePort(rule.port)) continue;
    std::vector<std::string> names;
    for (const config::PortConfig& port : view.config.ports) names.push_back(port.name);
    return absl::InvalidArgumentError(absl::StrCat("paths: there is no port ",
                                                   config::Quote(rule.port),
                                                   config::DidYouMean(rule.port, names)));
  }
  return absl::OkStatus();
}

std::vector<std::string> CappedPorts(const NodeView& view) {
  std::vector<std::string> names;
  if (view.caps == nullptr) return names;
  for (const cap::Cap& cap : view.caps->caps()) names.push_back(cap.port().name);
  return names;
}

// Of all ports that have a cap, or of one.
std::string CapsText(const NodeView& view, const std::string& only) {
  Json caps = Json::array();
  for (const std::string& port : CappedPorts(view)) {
    if (!only.empty() && port != only) continue;
    Json cap = {{"port", port}};
    cap.update(CapJson(view.caps, port));
    caps.push_back(std::move(cap));
  }
  return Dump({{"caps", std::move(caps)}}) + "\n";
}

absl::Status CheckCapped(const NodeView& view, const std::string& name) {
  const std::vector<std::string> names = CappedPorts(view);
  if (std::find(names.begin(), names.end(), name) != names.end()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no port ", config::Quote(name),
                                          " with a data cap", config::DidYouMean(name, names)));
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
  const auto served = served_.find(words[0]);
  absl::StatusOr<StatusServer::Text> answer =
      served != served_.end() ? served->second(words, request.may_change)
      : words[0] == "cap"     ? Cap(words, request.may_change)
                              : Tunnel(words, request.may_change);
  return answer.ok() ? *std::move(answer) : Refuse(answer.status());
}

absl::StatusOr<StatusServer::Text> NodeRequests::Tunnel(std::span<const std::string> words,
                                                        bool may_change) {
  const bool tunnel = words.size() >= 2 && words[0] == "tunnel";
  if (tunnel && words[1] == "show" && words.size() == 2) {
    return TermsOf(0, view_().traffic.tunnels().size());
  }
  const bool set = tunnel && words[1] == "set" && words.size() >= 4;
  if (!set && !(tunnel && words[1] == "show" && words.size() == 3)) {
    return absl::InvalidArgumentError(
        "requests are: status; tunnel show [NAME]; tunnel set NAME KEY=VALUE...; cap show [PORT]; "
        "cap set PORT BYTES");
  }
  if (set && !may_change) {
    return absl::PermissionDeniedError(
        "only root and the user that warpd runs as may change a tunnel");
  }
  const NodeView view = view_();
  const absl::StatusOr<size_t> index = FindTunnel(view, words[2]);
  if (!index.ok()) return index.status();
  if (set) {
    const absl::Status status =
        Set(view, view.traffic.tunnels()[*index]->config(), words.subspan(3));
    if (!status.ok()) return status;
  }
  return TermsOf(*index, *index + 1);
}

absl::StatusOr<StatusServer::Text> NodeRequests::Cap(std::span<const std::string> words,
                                                     bool may_change) {
  const bool set = words.size() == 4 && words[1] == "set";
  if (!set && !(words.size() >= 2 && words.size() <= 3 && words[1] == "show")) {
    return absl::InvalidArgumentError("requests are: cap show [PORT]; cap set PORT BYTES");
  }
  if (set && !may_change) {
    return absl::PermissionDeniedError(
        "only root and the user that warpd runs as may change a count");
  }
  const std::string port = words.size() > 2 ? words[2] : "";
  if (words.size() > 2) {
    if (absl::Status status = CheckCapped(view_(), port); !status.ok()) return status;
  }
  if (set) {
    const absl::StatusOr<uint64_t> bytes = config::CapUsed().read(words[3]);
    if (!bytes.ok()) return bytes.status();
    if (absl::Status status = set_cap_(port, *bytes); !status.ok()) return status;
  }
  return StatusServer::Whole(CapsText(view_(), port));
}

// The terms of the tunnels from `first` up to `end`.
StatusServer::Text NodeRequests::TermsOf(size_t first, size_t end) const {
  return [view = view_, changed = changed_, first, next = first, end,
          done = false]() mutable -> std::string {
    if (done) return "";
    const NodeView now = view();
    std::string part = next == first ? "{\"policies\":[" : "";
    // Tunnels may have gone meanwhile.
    const size_t there = std::min(end, now.traffic.tunnels().size());
    const size_t stop = std::min(there, next + kTunnelsPerPart);
    for (; next < stop; ++next) {
      const control::Tunnel& tunnel = *now.traffic.tunnels()[next];
      const auto terms = changed->find(tunnel.config().name);
      absl::StrAppend(
          &part, next == first ? "" : ",",
          TunnelText(tunnel,
                     terms != changed->end() ? terms->second : TermsOfFile(now, tunnel.config())));
    }
    done = next >= there;
    if (done) part += "]}\n";
    return part;
  };
}

std::optional<config::TunnelTerms> NodeRequests::TakeTerms(const std::string& tunnel) {
  const auto terms = changed_->find(tunnel);
  if (terms == changed_->end()) return std::nullopt;
  std::optional<config::TunnelTerms> taken = std::move(terms->second);
  changed_->erase(terms);
  return taken;
}

void NodeRequests::GiveTerms(const std::string& tunnel, const config::TunnelTerms& terms) {
  if (set_terms_(tunnel, terms).ok()) (*changed_)[tunnel] = terms;
}

absl::Status NodeRequests::Set(const NodeView& view, const config::TunnelConfig& tunnel,
                               std::span<const std::string> changes) {
  const auto before = changed_->find(tunnel.name);
  const absl::StatusOr<config::TunnelTerms> terms = config::ChangeTerms(
      before == changed_->end() ? TermsOfFile(view, tunnel) : before->second, changes);
  if (!terms.ok()) return terms.status();
  if (absl::Status status = CheckPorts(view, *terms); !status.ok()) return status;
  const absl::Status status = set_terms_(tunnel.name, *terms);
  if (status.ok()) (*changed_)[tunnel.name] = *terms;
  return status;
}

}  // namespace warp::control
