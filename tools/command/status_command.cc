#include <unistd.h>

#include <chrono>
#include <iostream>
#include <thread>

#include "absl/status/statusor.h"
#include "tools/ask/status_client.h"
#include "tools/command/commands.h"
#include "tools/command/status_text.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

constexpr char kClearScreen[] = "\x1b[H\x1b[2J";

absl::StatusOr<std::string> Show(const StatusOptions& options) {
  absl::StatusOr<std::string> json = FetchStatus(options.socket);
  if (!json.ok()) return json;
  if (!options.json) return StatusText(*json, options.details);
  if (json->back() != '\n') json->push_back('\n');
  return json;
}

}  // namespace

int RunStatus(const StatusOptions& options) {
  const bool clear = options.watch > 0 && !options.json && ::isatty(STDOUT_FILENO) != 0;
  while (true) {
    const absl::StatusOr<std::string> text = Show(options);
    if (!text.ok()) return Complain(text.status().message());
    std::cout << (clear ? kClearScreen : "") << *text << std::flush;
    if (options.watch <= 0 || !std::cout) return 0;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.watch));
  }
}

}  // namespace warp::tools
