#include "tools/web/change.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "control/config/text/problems.h"
#include "control/config/tunnel_policy.h"
#include "tools/ask/values.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxName = 256;
constexpr size_t kMaxLine = 4096;
constexpr char kAll[] = "all";

// A word of a request, which a space or a line feed would end.
bool IsWord(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxLine &&
         std::all_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte != 0x7f;
         });
}

// Of the rule the port, and from '>' on where it leads to.
struct Rule {
  absl::string_view port;
  absl::string_view to;
};

std::vector<Rule> RulesOf(absl::string_view paths) {
  std::vector<Rule> rules;
  for (const absl::string_view one : absl::StrSplit(paths, ',', absl::SkipEmpty())) {
    const size_t arrow = one.find('>');
    rules.push_back(arrow == absl::string_view::npos
                        ? Rule{.port = one, .to = ""}
                        : Rule{.port = one.substr(0, arrow), .to = one.substr(arrow)});
  }
  return rules;
}

bool Covers(const Rule& rule, const LinkName& link) {
  return rule.port.empty() || rule.port == link.name ||
         (!link.pattern.empty() && rule.port == link.pattern);
}

void AddOnce(std::vector<std::string>* rules, std::string rule) {
  if (std::find(rules->begin(), rules->end(), rule) == rules->end()) {
    rules->push_back(std::move(rule));
  }
}

std::string Member(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_string() ? value.get<std::string>() : "";
}

const LinkName* FindLink(const std::vector<LinkName>& links, absl::string_view name) {
  const auto found = std::find_if(links.begin(), links.end(),
                                  [&](const LinkName& link) { return link.name == name; });
  return found == links.end() ? nullptr : &*found;
}

absl::StatusOr<std::vector<std::string>> LinkRequests(const Change& change,
                                                      const std::vector<LinkName>& links,
                                                      const std::vector<TunnelPaths>& tunnels) {
  const LinkName* const link = FindLink(links, change.link);
  if (link == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no link ", config::Quote(change.link)));
  }
  std::vector<std::string> requests;
  for (const TunnelPaths& tunnel : tunnels) {
    if (MayUse(tunnel.paths, *link) == change.include) continue;
    std::string paths = PathsWith(tunnel.paths, *link, links);
    if (!change.include) {
      absl::StatusOr<std::string> without = PathsWithout(tunnel.paths, *link, links);
      if (!without.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("tunnel ", tunnel.tunnel, ": ", without.status().message()));
      }
      paths = *std::move(without);
    }
    if (!IsWord(tunnel.tunnel) || !IsWord(paths)) continue;
    requests.push_back(absl::StrCat("tunnel set ", tunnel.tunnel, " paths=", paths));
  }
  return requests;
}

}  // namespace

absl::StatusOr<Change> ReadChange(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const absl::Status wrong = absl::InvalidArgumentError(
      "a change is {\"tunnel\": NAME, \"mode\": MODE} or {\"link\": NAME, \"include\": true}");
  if (!json.is_object() || json.size() != 2) return wrong;
  Change change{
      .tunnel = Member(json, "tunnel"), .mode = Member(json, "mode"), .link = Member(json, "link")};
  const Json& include = At(json, "include");
  const bool of_tunnel = !change.tunnel.empty() && !change.mode.empty();
  const bool of_link = !change.link.empty() && include.is_boolean();
  if (!of_tunnel && !of_link) return wrong;
  if (change.tunnel.size() > kMaxName || change.link.size() > kMaxName) return wrong;
  if (of_link) change.include = include.get<bool>();
  const auto& modes = config::kTunnelModeWords;
  if (of_tunnel && std::none_of(modes.begin(), modes.end(),
                                [&](const auto& mode) { return mode.first == change.mode; })) {
    return absl::InvalidArgumentError("a mode is replicate, stripe, adaptive or backup");
  }
  return change;
}

std::vector<TunnelPaths> ReadTunnelPaths(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  std::vector<TunnelPaths> tunnels;
  for (const Json& policy : Items(json, "policies")) {
    const std::string paths = Member(At(policy, "settings"), "paths");
    if (!paths.empty()) tunnels.push_back({.tunnel = Member(policy, "tunnel"), .paths = paths});
  }
  return tunnels;
}

bool MayUse(absl::string_view paths, const LinkName& link) {
  if (paths == kAll) return true;
  const std::vector<Rule> rules = RulesOf(paths);
  return std::any_of(rules.begin(), rules.end(),
                     [&](const Rule& rule) { return Covers(rule, link); });
}

absl::StatusOr<std::string> PathsWithout(absl::string_view paths, const LinkName& link,
                                         const std::vector<LinkName>& links) {
  std::vector<std::string> left;
  const std::vector<Rule> all = {{.port = "", .to = ""}};
  for (const Rule& rule : paths == kAll ? all : RulesOf(paths)) {
    if (!Covers(rule, link)) {
      AddOnce(&left, absl::StrCat(rule.port, rule.to));
      continue;
    }
    // What the rule says of all, or of a pattern, it says of each of the others.
    for (const LinkName& other : links) {
      if (other.name != link.name && Covers(rule, other)) {
        AddOnce(&left, absl::StrCat(other.name, rule.to));
      }
    }
  }
  if (left.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(link.name, " is the only link that it may use, and stays"));
  }
  return absl::StrJoin(left, ",");
}

std::string PathsWith(absl::string_view paths, const LinkName& link,
                      const std::vector<LinkName>& links) {
  if (paths == kAll) return kAll;
  std::vector<std::string> rules;
  for (const Rule& rule : RulesOf(paths)) AddOnce(&rules, absl::StrCat(rule.port, rule.to));
  AddOnce(&rules, link.name);
  const std::string joined = absl::StrJoin(rules, ",");
  const bool whole = std::all_of(links.begin(), links.end(), [&](const LinkName& other) {
    const std::vector<Rule> parsed = RulesOf(joined);
    return std::any_of(parsed.begin(), parsed.end(),
                       [&](const Rule& rule) { return rule.to.empty() && Covers(rule, other); });
  });
  return whole ? kAll : joined;
}

absl::StatusOr<std::vector<std::string>> RequestsOf(const Change& change,
                                                    const std::vector<LinkName>& links,
                                                    const std::vector<TunnelPaths>& tunnels) {
  if (change.tunnel.empty()) return LinkRequests(change, links, tunnels);
  const bool there = std::any_of(tunnels.begin(), tunnels.end(), [&](const TunnelPaths& tunnel) {
    return tunnel.tunnel == change.tunnel;
  });
  if (!there || !IsWord(change.tunnel)) {
    return absl::NotFoundError(absl::StrCat("there is no tunnel ", config::Quote(change.tunnel)));
  }
  return std::vector<std::string>{
      absl::StrCat("tunnel set ", change.tunnel, " mode=", change.mode)};
}

bool MayAsk(absl::string_view line, bool changes) {
  if (line == "status" || line == "tunnel show") return true;
  if (!changes || line.size() > kMaxLine) return false;
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  return words.size() == 4 && words[0] == "tunnel" && words[1] == "set" && IsWord(words[2]) &&
         IsWord(words[3]) &&
         (absl::StartsWith(words[3], "mode=") || absl::StartsWith(words[3], "paths="));
}

std::string ErrorJson(absl::string_view why) {
  const Json json = {{"error", std::string(why)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace warp::tools
