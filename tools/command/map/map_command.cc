#include "tools/command/map/map_command.h"

#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/ask/request.h"
#include "tools/ask/status_client.h"
#include "tools/ask/values.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string Joined(const nlohmann::json& list) {
  std::vector<std::string> words;
  for (const nlohmann::json& word : list) words.push_back(Text(word));
  return words.empty() ? kNothing : absl::StrJoin(words, " ");
}

// A page: {"nodes":[...],"next":...}.
absl::StatusOr<Json> AskPage(const MapOptions& options, const std::string& place, uint64_t left) {
  std::string request = "map list";
  if (!place.empty()) absl::StrAppend(&request, " after=", place);
  if (!options.prefix.empty()) absl::StrAppend(&request, " prefix=", options.prefix);
  if (left > 0) absl::StrAppend(&request, " most=", left);
  const absl::StatusOr<std::string> answer = AskDaemon(options.socket, request);
  if (!answer.ok()) return answer.status();
  Json page = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!page.is_object()) return absl::InvalidArgumentError("the answer is not a map's");
  if (const auto error = page.find("error"); error != page.end() && error->is_string())
    return absl::InvalidArgumentError(Plain(error->get<std::string>()));
  if (!page.contains("nodes") || !page["nodes"].is_array()) {
    return absl::UnimplementedError(
        absl::StrCat("who answers at ", options.socket, " is no map that lists its nodes"));
  }
  return page;
}

std::string Next(const Json& page) {
  const auto next = page.find("next");
  return next != page.end() && next->is_string() ? next->get<std::string>() : "";
}

// Control characters of whoever answers stay what JSON makes of them.
std::string Line(const Json& node) {
  return node.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string MapRowHeader() {
  return absl::StrFormat("%-44s  %-9s  %7s  %5s  %7s  %7s  %s\n", "KEY", "SESSION", "AGE", "PORTS",
                         "ALLOWED", "EXPIRES", "ENDPOINTS");
}

std::string MapRowText(const Json& json) {
  const nlohmann::json node = json;
  return absl::StrFormat("%-44s  %-9s  %7s  %5s  %7s  %7s  %s\n", Text(node, "key"),
                         Text(node, "session"), Age(node, "session_age_s"), Text(node, "ports"),
                         Text(node, "allowed"), Age(node, "expires_s"),
                         Joined(Items(node, "endpoints")));
}

std::string MapNodeText(const Json& nodes) {
  std::string text;
  for (const nlohmann::json node : nodes) {
    absl::StrAppend(&text, "node ", Text(node, "key"), "\n  session ", Text(node, "session"),
                    ", heard at ", Text(node, "heard_at"), "; ", Text(node, "allowed"),
                    " keys may ask for it\n");
    TextTable sessions({"SESSION", ">AGE", ">ENDS IN"});
    for (const nlohmann::json& session : Items(node, "sessions")) {
      sessions.Add({Text(session, "state"), Age(session, "age_s"), Age(session, "ends_in_s")});
    }
    if (!sessions.empty()) absl::StrAppend(&text, "\n", sessions.ToString("  "));
    TextTable ports(
        {">PORT", "STATE", "SEEN AT", ">REFRESHED", ">EXPIRES IN", "ITS OWN ADDRESSES"});
    for (const nlohmann::json& r : Items(node, "registrations")) {
      ports.Add({Text(r, "port"), Text(r, "state"), Text(r, "observed"), Age(r, "refreshed_s"),
                 Age(r, "expires_s"), Joined(Items(r, "addresses"))});
    }
    absl::StrAppend(&text, "\n",
                    ports.empty() ? "  nothing is registered\n" : ports.ToString("  "));
  }
  return text;
}

std::string MapForgottenText(const Json& forgotten) {
  std::string text;
  for (const nlohmann::json node : forgotten) {
    absl::StrAppend(&text, "forgotten: ", Text(node, "sessions"), " sessions and ",
                    Text(node, "registrations"), " registrations of ", Text(node, "key"), "\n");
  }
  return text;
}

int RunMapList(const MapOptions& options) {
  if (options.prefix.find_first_of(" \t\r\n\v\f") != std::string::npos)
    return Complain("a key has no space");
  std::string place;
  uint64_t left = options.limit;
  bool any = false;
  do {
    const absl::StatusOr<Json> page = AskPage(options, place, left);
    if (!page.ok()) return Complain(page.status().message());
    std::string text;
    uint64_t rows = 0;
    for (const Json& node : page->at("nodes")) {
      if (!any && !options.json) text += MapRowHeader();
      any = true;
      text += options.json ? Line(node) : MapRowText(node);
      if (++rows == left) break;
    }
    std::cout << text << std::flush;
    if (!std::cout) return Complain("cannot write the answer");
    std::string next = Next(*page);
    if (!next.empty() && next == place) return Complain("the map does not get on with its list");
    place = std::move(next);
    if (options.limit > 0) left -= rows;
  } while (!place.empty() && (options.limit == 0 || left > 0));
  if (!any && !options.json) std::cout << "no nodes\n" << std::flush;
  return 0;
}

int RunMapShow(const MapOptions& options) {
  return RunRequest({.words = {"map", "show", options.key},
                     .socket = options.socket,
                     .json = options.json,
                     .member = "nodes",
                     .text = MapNodeText});
}

int RunMapForget(const MapOptions& options) {
  return RunRequest({.words = {"map", "forget", options.key},
                     .socket = options.socket,
                     .json = options.json,
                     .member = "forgotten",
                     .text = MapForgottenText});
}

}  // namespace warp::tools
