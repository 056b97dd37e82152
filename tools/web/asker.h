// How `warp web` asks the daemon. Its process meets strangers and has no rights; where it was started by root, another
// one, which meets nobody, asks in its place and knows the few requests that it may be told to.
//
//   browser ── HTTP ──► warp web (nobody) ── socket pair ──► asker (root) ── control socket ──► warpd
#ifndef WARP_TOOLS_WEB_ASKER_H_
#define WARP_TOOLS_WEB_ASKER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::tools {

// Any thread, one at a time. PermissionDenied: the line is none of those that may be asked (MayAsk).
using Ask = std::function<absl::StatusOr<std::string>(const std::string& line)>;

// Asks at the control socket, within two seconds.
Ask AskItself(std::string socket, bool allow_changes);

// The two ends of another's asking. `ServeAsks` returns when the other end is closed, or `stop` is readable. The other
// end may be in a stranger's hands: one that says half a line, or does not read, for five seconds ends it too.
Ask AskThrough(os::UniqueFd fd);
void ServeAsks(int fd, const Ask& ask, int stop);

// From now on this process is `user` with that user's group and no other, for good. Root only. NotFound, or
// PermissionDenied where something is still left of it.
absl::Status BecomeUser(const std::string& user);

}  // namespace warp::tools

#endif  // WARP_TOOLS_WEB_ASKER_H_
