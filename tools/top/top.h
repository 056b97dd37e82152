// `warp top`: a running daemon, live in a terminal, until somebody quits.
#ifndef WARP_TOOLS_TOP_TOP_H_
#define WARP_TOOLS_TOP_TOP_H_

#include <string>

namespace warp::tools {

struct TopOptions {
  std::string socket = "/run/warp/warpd.sock";  // of warpd or of warp-map
};

// Returns the exit status: 2 where there is no terminal that it could use. A daemon that is away is shown as that.
int RunTop(const TopOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_TOP_H_
