// `warp web`: a page that shows a running daemon, until it is interrupted.
#ifndef WARP_TOOLS_WEB_WEB_H_
#define WARP_TOOLS_WEB_WEB_H_

#include <string>
#include <vector>

namespace warp::tools {

struct WebOptions {
  std::string socket = "/run/warp/warpd.sock";  // of warpd or of warp-map
  std::string listen = "127.0.0.1:8116";        // or unix:PATH; what others reach needs a token
  std::string token_file;                       // may be empty, as Door::Open has it
  bool allow_changes = false;                   // needs a token
  std::vector<std::string> hosts;               // names that it is served under
  std::string user = "nobody";                  // whom root becomes
};

// Returns the exit status. Complains of what is wrong; a daemon that is away is none of it.
int RunWeb(const WebOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_WEB_H_
