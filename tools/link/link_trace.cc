#include "tools/link/link_trace.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/file/regular_file.h"

namespace warp::tools {
namespace {

// Hours of a modem, and seven minutes of a link of a gigabit.
constexpr size_t kMaxTraceSize = size_t{256} << 20;

}  // namespace

absl::StatusOr<std::vector<uint32_t>> ParseTrace(absl::string_view text) {
  std::vector<uint32_t> milliseconds;
  size_t line = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++line;
    const absl::string_view number = absl::StripAsciiWhitespace(raw);
    if (number.empty()) continue;
    uint32_t millisecond = 0;
    if (!absl::SimpleAtoi(number, &millisecond)) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line, ": \"", number.substr(0, 40), "\" is no millisecond"));
    }
    if (!milliseconds.empty() && millisecond < milliseconds.back()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line, ": ", millisecond, " comes after ", milliseconds.back()));
    }
    milliseconds.push_back(millisecond);
  }
  if (milliseconds.empty()) return absl::InvalidArgumentError("it has no line");
  if (milliseconds.back() == 0) {
    return absl::InvalidArgumentError("its last millisecond, which is its length, is 0");
  }
  return milliseconds;
}

absl::StatusOr<std::vector<uint32_t>> LoadTrace(const std::string& path) {
  const auto named = [&path](const absl::Status& status) {
    return absl::InvalidArgumentError(absl::StrCat("trace ", path, ": ", status.message()));
  };
  const absl::StatusOr<std::string> text = config::ReadRegularFile(path, kMaxTraceSize);
  if (!text.ok()) return named(text.status());
  absl::StatusOr<std::vector<uint32_t>> trace = ParseTrace(*text);
  if (!trace.ok()) return named(trace.status());
  return trace;
}

}  // namespace warp::tools
