// What a failed system call says to a human: "WHAT: TEXT", where TEXT is the system's text for the error number.
#ifndef WARP_DATAPLANE_OS_ERRNO_STATUS_H_
#define WARP_DATAPLANE_OS_ERRNO_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace warp::os {

// The system's text for `error`, a positive errno: "Permission denied". Unlike strerror(3), any thread may call it.
std::string ErrnoText(int error);

// The status of a failed system call. Its message is the parts in a row (as by absl::StrCat), a colon and ErrnoText;
// its code is the one that Abseil maps the error to (absl::ErrnoToStatusCode). `error` is a positive errno, best
// passed as `errno` itself: it is copied before the parts are joined.
template <typename... Parts>
absl::Status ErrnoStatus(int error, const Parts&... parts) {
  return absl::ErrnoToStatus(error, absl::StrCat(parts...));
}

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_ERRNO_STATUS_H_
