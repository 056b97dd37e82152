#include "tools/ask/request.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/text/problems.h"
#include "tools/ask/status_client.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"

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

absl::StatusOr<std::string> Ask(const Request& request) {
  absl::StatusOr<std::string> answer = AskDaemon(request.socket, absl::StrJoin(request.words, " "));
  if (!answer.ok()) return answer;
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the answer is not a daemon's");
  if (const auto error = json.find("error"); error != json.end() && error->is_string()) {
    return absl::InvalidArgumentError(Plain(error->get<std::string>()));
  }
  const auto list = json.find(request.member);
  if (list == json.end() || !list->is_array()) {
    return NoSuchRequest(request.socket, *answer, "takes no requests");
  }
  return request.json ? answer : request.text(*list);
}

}  // namespace

int RunRequest(const Request& request) {
  for (const std::string& word : request.words) {
    if (HasSpace(word)) {
      return Complain(absl::StrCat(config::Quote(word), " has a space, or is empty"));
    }
  }
  const absl::StatusOr<std::string> text = Ask(request);
  if (!text.ok()) return Complain(text.status().message());
  std::cout << *text << std::flush;
  return std::cout ? 0 : Complain("cannot write the answer");
}

}  // namespace warp::tools
