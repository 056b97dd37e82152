#include "tools/command/see/watch_command.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tools/ask/status_client.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/stop_signal.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

std::string Member(const Json& event, const char* key) {
  const auto member = event.find(key);
  return member != event.end() && member->is_string() ? Plain(member->get<std::string>()) : "";
}

// By the clock of this machine, to the millisecond.
std::string LocalTime(const std::string& text) {
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return text;
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S", time, absl::LocalTimeZone());
}

// What the daemon says instead of events.
std::string ErrorOf(const std::string& socket, absl::string_view line) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("event")) {
    const std::string error = json.is_object() ? Member(json, "error") : "";
    return error.empty() ? std::string(NoSuchRequest(socket, line, "tells no events").message())
                         : error;
  }
  return "";
}

}  // namespace

std::string EventLine(absl::string_view line) {
  const Json event = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) return absl::StrCat(Plain(std::string(line)), "\n");
  return absl::StrCat(LocalTime(Member(event, "time")),
                      Member(event, "severity") == "warning" ? " ! " : "   ", Member(event, "text"),
                      " [", Member(event, "event"), "]\n");
}

int RunWatch(const WatchOptions& options) {
  const absl::StatusOr<os::SignalFd> stop = OpenStopSignal();
  if (!stop.ok()) return Complain(stop.status().message());
  std::string error;
  uint64_t seen = 0;
  const absl::Status status =
      FollowDaemon(options.socket, absl::StrCat("watch ", options.past), stop->fd(),
                   [&](const std::string& line) {
                     error = ErrorOf(options.socket, line);
                     if (!error.empty()) return false;
                     std::cout << (options.json ? line + "\n" : EventLine(line)) << std::flush;
                     return std::cout && ++seen != options.count;
                   });
  if (!error.empty()) return Complain(error);
  if (!status.ok()) return Complain(status.message());
  return std::cout ? 0 : Complain("cannot write the events");
}

}  // namespace warp::tools
