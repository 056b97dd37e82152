#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "control/config/text/problems.h"
#include "tools/command/commands.h"
#include "tools/command/status_client.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

// Of a word that the request cannot carry, because it would be more than one.
bool HasSpace(const std::string& word) {
  for (const char c : word) {
    if (absl::ascii_isspace(static_cast<unsigned char>(c))) return true;
  }
  return word.empty();
}

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

absl::StatusOr<std::string> Show(const Json& policies) {
  TextTable table({"TUNNEL", "PEER", "SETTINGS"});
  for (const Json& policy : policies) {
    table.Add({Member(policy, "tunnel"), Member(policy, "peer"), Settings(policy)});
  }
  return table.empty() ? "no tunnels\n" : table.ToString();
}

absl::StatusOr<std::string> Ask(const std::string& request, const TunnelOptions& options) {
  absl::StatusOr<std::string> answer = AskDaemon(options.socket, request);
  if (!answer.ok()) return answer;
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the answer is not a daemon's");
  if (const auto error = json.find("error"); error != json.end() && error->is_string()) {
    return absl::InvalidArgumentError(Plain(error->get<std::string>()));
  }
  const auto policies = json.find("policies");
  if (policies == json.end() || !policies->is_array()) {
    return absl::UnimplementedError(
        absl::StrCat("the daemon at ", options.socket, " is of a version that takes no requests"));
  }
  return options.json ? answer : Show(*policies);
}

}  // namespace

int RunTunnel(const TunnelOptions& options) {
  std::string request = options.changes.empty() ? "tunnel show" : "tunnel set";
  std::vector<std::string> words = options.changes;
  if (!options.name.empty()) words.insert(words.begin(), options.name);
  for (const std::string& word : words) {
    if (HasSpace(word)) {
      return Complain(absl::StrCat(config::Quote(word), " has a space, or is empty"));
    }
    absl::StrAppend(&request, " ", word);
  }
  const absl::StatusOr<std::string> text = Ask(request, options);
  if (!text.ok()) return Complain(text.status().message());
  std::cout << *text << std::flush;
  return std::cout ? 0 : Complain("cannot write the answer");
}

}  // namespace warp::tools
