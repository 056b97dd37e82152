// `warp history`: what each link has done, period by period.
#ifndef WARP_TOOLS_COMMAND_SEE_HISTORY_COMMAND_H_
#define WARP_TOOLS_COMMAND_SEE_HISTORY_COMMAND_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace warp::tools {

struct HistoryOptions {
  std::string socket = "/run/warp/warpd.sock";
  std::string by = "day";
  std::string port;  // empty: all
  bool json = false;
};
// Complains where no daemon answers, or where it knows no such port. Returns the exit status.
int RunHistory(const HistoryOptions& options);

// The table for people; `history` is the list of the answer. Times are of this machine's zone.
std::string HistoryText(const nlohmann::ordered_json& history);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_SEE_HISTORY_COMMAND_H_
