#include "control/status/reload_requests.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "control/config/text/digits.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kLeastSeconds = 1, kMostSeconds = 24 * 60 * 60;

double Seconds(wire::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string ReportText(const AnyReload& reload, wire::Instant now) {
  Json confirm = nullptr;
  if (reload.state() == ReloadState::kUnconfirmed) confirm = Seconds(reload.confirm_until() - now);
  const Json report = {{"state", std::string(ReloadStateName(reload.state()))},
                       {"file", reload.file()},
                       {"since_s", Seconds(now - reload.since())},
                       {"confirm_within_s", confirm},
                       {"message", reload.message()}};
  // The changes may be thousands, and are written already.
  std::string text = report.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();
  const std::string& changes = reload.changes_json();
  return absl::StrCat("{\"reload\":[", text, ",\"changes\":", changes.empty() ? "[]" : changes,
                      "}]}\n");
}

// What the words ask for; InvalidArgument where they ask for nothing.
absl::Status Act(AnyReload& reload, std::span<const std::string> words) {
  if (words.size() == 1) return reload.Begin();
  if (words.size() == 2 && words[1] == "confirm") return reload.Confirm();
  const std::optional<uint64_t> seconds =
      words.size() == 3 && words[1] == "within" ? config::ReadDigits(words[2]) : std::nullopt;
  if (!seconds || *seconds < kLeastSeconds || *seconds > kMostSeconds) {
    return absl::InvalidArgumentError(
        "requests are: reload; reload within SECONDS, 1 to 86400; reload confirm; reload show");
  }
  return reload.Begin(std::chrono::seconds(*seconds));
}

}  // namespace

absl::StatusOr<StatusServer::Text> AnswerReload(AnyReload& reload, wire::Instant now,
                                                std::span<const std::string> words,
                                                bool may_change) {
  const bool show = words.size() == 2 && words[1] == "show";
  if (!show && !may_change) {
    return absl::PermissionDeniedError(absl::StrCat(
        "only root and the user that ", reload.program(), " runs as may reload the configuration"));
  }
  if (!show) {
    if (absl::Status status = Act(reload, words); !status.ok()) return status;
  }
  return StatusServer::Whole(ReportText(reload, now));
}

}  // namespace warp::control
