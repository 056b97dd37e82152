#include "control/status/history_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "control/config/text/problems.h"
#include "control/config/text/suggest.h"
#include "control/status/status_version.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;
using history::By;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json RecordJson(const history::Record& record) {
  const double samples = static_cast<double>(record.skew_samples);
  return {{"begins", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(record.begin),
                                      absl::UTCTimeZone())},
          {"up_s", record.up_s},
          {"first", record.first},
          {"sole", record.sole},
          {"duplicates", record.duplicates},
          {"skew_ms", record.skew_samples == 0
                          ? Json(nullptr)
                          : Json(static_cast<double>(record.skew_us) / samples / 1000)},
          {"rx_bytes", record.rx_bytes},
          {"tx_bytes", record.tx_bytes}};
}

std::string LinkText(const history::Link& link, By by) {
  Json records = Json::array();
  for (const history::Record& record : link.records[static_cast<size_t>(by)]) {
    records.push_back(RecordJson(record));
  }
  return Dump({{"port", link.port},
               {"by", std::string(wire::WordOf(history::kByWords, by))},
               {"records", std::move(records)}});
}

StatusServer::Reply Refuse(const std::string& why) {
  return StatusServer::Whole(Dump({{"error", why}}) + "\n");
}

// By name, because links may come and go between two parts.
StatusServer::Text Parts(const history::History& history, By by, std::vector<std::string> ports) {
  return [&history, by, ports = std::move(ports), next = size_t{0}, any = false,
          done = false]() mutable -> std::string {
    if (done) return "";
    std::string part =
        next == 0 ? absl::StrCat("{\"version\":", kStatusVersion, ",\"history\":[") : "";
    if (next < ports.size()) {
      const auto link = std::find_if(
          history.links().begin(), history.links().end(),
          [&](const history::Link& candidate) { return candidate.port == ports[next]; });
      if (link != history.links().end()) {
        absl::StrAppend(&part, std::exchange(any, true) ? "," : "", LinkText(*link, by));
      }
      ++next;
    }
    done = next >= ports.size();
    return done ? part + "]}\n" : part + " ";
  };
}

}  // namespace

std::optional<StatusServer::Reply> AnswerHistory(const history::History& history,
                                                 const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words[0] != "history") return std::nullopt;
  const auto* const by =
      std::find_if(history::kByWords.begin(), history::kByWords.end(),
                   [&](const auto& word) { return words.size() > 1 && word.first == words[1]; });
  if (by == history::kByWords.end() || words.size() > 3) {
    return Refuse("requests are: history minute|hour|day|month [PORT]");
  }
  std::vector<std::string> ports;
  for (const history::Link& link : history.links()) ports.push_back(link.port);
  if (words.size() == 3) {
    if (std::find(ports.begin(), ports.end(), words[2]) == ports.end()) {
      return Refuse(absl::StrCat("there is no history of a port ", config::Quote(words[2]),
                                 config::DidYouMean(words[2], ports)));
    }
    ports = {words[2]};
  }
  return Parts(history, by->second, std::move(ports));
}

}  // namespace warp::control
