// Asks a daemon something at its control socket.
#ifndef WARP_TOOLS_ASK_STATUS_CLIENT_H_
#define WARP_TOOLS_ASK_STATUS_CLIENT_H_

#include <chrono>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

// Connects to the control socket at `path` and sends one line. Returns what the daemon writes until it closes, at most
// 16 MiB and within `patience`, in however many pieces. The error is one sentence: Unavailable where no daemon is
// there, and DeadlineExceeded where one has not answered within that time.
//
// A daemon gives its status to whoever says nothing for 200 ms, which may be this program on a machine that is short of
// CPUs. It has not heard the request then, and is asked again. Daemons older than requests answer each of them with
// their status.
absl::StatusOr<std::string> AskDaemon(const std::string& path, absl::string_view request,
                                      std::chrono::milliseconds patience = std::chrono::seconds(5));

// Does the same for a request whose answer goes on for as long as the daemon lives: calls `heed` for each line, without
// its end, until it returns false or `stop` becomes readable. The error is as above, and Unavailable where the daemon
// has ended.
absl::Status FollowDaemon(const std::string& path, absl::string_view request, int stop,
                          absl::FunctionRef<bool(const std::string& line)> heed);

// Why the answer to a request is another one than was asked for: one sentence. `what` it does instead: "takes no
// requests".
absl::Status NoSuchRequest(const std::string& path, absl::string_view answer,
                           absl::string_view what);

inline absl::StatusOr<std::string> FetchStatus(const std::string& path) {
  return AskDaemon(path, "status");
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_ASK_STATUS_CLIENT_H_
