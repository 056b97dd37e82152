#include "tools/link/link_trace.h"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/os/errno_status.h"

namespace warp::tools {

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
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return os::ErrnoStatus(errno, "trace ", path);
  if (S_ISDIR(status.st_mode)) return os::ErrnoStatus(EISDIR, "trace ", path);
  std::ifstream file(path);
  if (!file) return os::ErrnoStatus(errno, "trace ", path);
  std::ostringstream text;
  text << file.rdbuf();
  absl::StatusOr<std::vector<uint32_t>> trace = ParseTrace(text.str());
  if (!trace.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("trace ", path, ": ", trace.status().message()));
  }
  return trace;
}

}  // namespace warp::tools
