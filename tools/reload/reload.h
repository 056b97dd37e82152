// `warp diff` and `warp reload`: what differs between two configurations, and a running warpd that follows its file.
#ifndef WARP_TOOLS_RELOAD_RELOAD_H_
#define WARP_TOOLS_RELOAD_RELOAD_H_

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace warp::tools {

struct DiffOptions {
  std::string before, after;  // files
  bool no_keys = false;       // do not read the key files that they name
  bool json = false;
};
// Writes what differs, and on stderr what of it needs a restart. Returns the exit status: 1 where a file has a mistake.
int RunDiff(const DiffOptions& options);

struct ReloadOptions {
  std::string socket = "/run/warp/warpd.sock";
  bool json = false;         // the last answer as it is
  bool show = false;         // of the last reload; changes nothing
  bool confirm_now = false;  // what the last one has applied stays
  std::optional<std::chrono::seconds>
      confirm;  // it is undone unless it is confirmed within that time
};
// Asks for a reload and waits for its end. Returns the exit status: 1 where the file was refused, or changes undone.
int RunReload(const ReloadOptions& options);

// What people read of a report (control/status/reload_requests.h): what changed, for stdout, and what became of it.
struct ReloadText {
  std::string changes;  // lines
  std::string verdict;  // lines
  bool good = false;    // the verdict is no complaint
  bool ended = false;   // nothing more happens by itself but that time to confirm passes
};
ReloadText TextOfReload(const nlohmann::ordered_json& report);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RELOAD_RELOAD_H_
