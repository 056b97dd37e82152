#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/ask/request.h"
#include "tools/command/commands.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

// "mode=stripe order=100ms", as `warp tunnel set` takes it.
std::string Settings(const Json& policy) {
  std::string text;
  const auto settings = policy.find("settings");
  if (settings == policy.end() || !settings->is_object()) return "-";
  for (const auto& [key, value] : settings->items()) {
    if (!value.is_string()) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", Plain(key), "=",
                    Plain(value.get<std::string>()));
  }
  return text;
}

std::string Member(const Json& policy, const char* key) {
  const auto member = policy.find(key);
  if (member == policy.end() || !member->is_string()) return "-";
  return Plain(member->get<std::string>());
}

std::string PoliciesText(const Json& policies) {
  TextTable table({"TUNNEL", "PEER", "SETTINGS"});
  for (const Json& policy : policies) {
    table.Add({Member(policy, "tunnel"), Member(policy, "peer"), Settings(policy)});
  }
  return table.empty() ? "no tunnels\n" : table.ToString();
}

}  // namespace

int RunTunnel(const TunnelOptions& options) {
  std::vector<std::string> words = {"tunnel", options.changes.empty() ? "show" : "set"};
  if (!options.name.empty()) words.push_back(options.name);
  words.insert(words.end(), options.changes.begin(), options.changes.end());
  return RunRequest({.words = std::move(words),
                     .socket = options.socket,
                     .json = options.json,
                     .member = "policies",
                     .text = PoliciesText});
}

}  // namespace warp::tools
