#include "tools/doctor/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace warp::tools {
namespace {

// What others wrote may be no UTF-8; it is replaced then.
constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;

constexpr char kIndent[] = "     ";
constexpr size_t kWidth = 90;

template <typename T, size_t N>
std::string Word(const wire::Words<T, N>& words, T value) {
  return std::string(wire::WordOf(words, value));
}

// Lines of words, each behind the indent of what belongs to a finding.
std::string Wrapped(absl::string_view text) {
  std::string lines, line;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!line.empty() && line.size() + 1 + word.size() > kWidth) {
      absl::StrAppend(&lines, kIndent, line, "\n");
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  return line.empty() ? lines : absl::StrCat(lines, kIndent, line, "\n");
}

}  // namespace

bool Report::wrong() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.severity != Severity::kNote; });
}

std::string Report::ToText() const {
  std::string text;
  size_t number = 0;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, ++number, ". ", Word(kSeverityWords, finding.severity), ": ",
                    finding.what, "\n", Wrapped(finding.why));
    for (const std::string& command : finding.commands) {
      absl::StrAppend(&text, kIndent, "$ ", command, "\n");
    }
  }
  if (!unseen.empty()) absl::StrAppend(&text, "not looked at:\n");
  for (const std::string& what : unseen) absl::StrAppend(&text, "  ", what, "\n");
  absl::StrAppend(&text, file, ": ", wrong() ? "something is wrong" : "nothing is wrong",
                  running ? "; warpd runs\n" : "; no warpd answers here\n");
  return text;
}

std::string Report::ToJson() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"severity", Word(kSeverityWords, finding.severity)},
                    {"topic", Word(kTopicWords, finding.topic)},
                    {"what", finding.what},
                    {"why", finding.why},
                    {"commands", finding.commands}});
  }
  const nlohmann::ordered_json all = {{"file", file},
                                      {"wrong", wrong()},
                                      {"running", running},
                                      {"findings", list},
                                      {"unseen", unseen}};
  return all.dump(-1, ' ', false, kReplace) + "\n";
}

}  // namespace warp::tools
