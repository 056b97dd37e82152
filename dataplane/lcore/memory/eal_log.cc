#include "dataplane/lcore/memory/eal_log.h"

#include <rte_log.h>
#include <sys/types.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace warp::lcore {
namespace {

// Enough for the lines of one failure. What does not fit came later and tells less.
constexpr size_t kCapacity = 4096;

thread_local std::string captured;

void Append(const char* text, size_t size) {
  captured.append(text, std::min(size, kCapacity - std::min(kCapacity, captured.size())));
}

ssize_t Write(void*, const char* text, size_t size) {
  Append(text, size);
  return static_cast<ssize_t>(size);
}

}  // namespace

void CaptureEalLog() {
  static FILE* const stream = [] {
    cookie_io_functions_t functions{};
    functions.write = Write;
    FILE* opened = fopencookie(nullptr, "w", functions);
    if (opened != nullptr) setvbuf(opened, nullptr, _IOLBF, 512);
    return opened;
  }();
  if (stream != nullptr) rte_openlog_stream(stream);
}

void AppendEalLog(const char* text) { Append(text, std::strlen(text)); }

void ClearEalLog() { captured.clear(); }

std::string FirstEalLogLine() {
  std::string line = captured.substr(0, captured.find('\n'));
  // Drivers write "function(): text", EAL writes "EAL: text" and libbpf "libbpf: text".
  for (const char* marker : {"(): ", "EAL: ", "libbpf: "}) {
    const size_t at = line.find(marker);
    if (at != std::string::npos) line.erase(0, at + std::char_traits<char>::length(marker));
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.' || line.back() == '!')) {
    line.pop_back();
  }
  return line;
}

}  // namespace warp::lcore
