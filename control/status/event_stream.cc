#include "control/status/event_stream.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/text/digits.h"

namespace warp::control {
namespace {

constexpr size_t kEventsPerPart = 16;

// The next lines; empty until something happens.
std::string Lines(EventReader& reader) {
  std::string lines;
  for (size_t i = 0; i < kEventsPerPart; ++i) {
    const std::optional<Event> event = reader.Next();
    if (!event.has_value()) break;
    absl::StrAppend(&lines, EventJson(*event), "\n");
  }
  return lines;
}

}  // namespace

std::optional<StatusServer::Reply> AnswerWatch(const EventLog& log, const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words[0] != "watch") return std::nullopt;
  const std::optional<uint64_t> past = words.size() == 1 ? 0 : config::ReadDigits(words[1]);
  if (words.size() > 2 || !past.has_value()) {
    return StatusServer::Error("requests are: watch [PAST], where PAST is a number of events");
  }
  return StatusServer::Reply([reader = EventReader(log, *past)]() mutable { return Lines(reader); },
                             /*goes_on=*/true);
}

}  // namespace warp::control
