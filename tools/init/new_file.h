// Writes files that were not there before.
#ifndef WARP_TOOLS_INIT_NEW_FILE_H_
#define WARP_TOOLS_INIT_NEW_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

// Creates the file with these permissions (less the umask) and its last directory where that is missing. It appears
// when all of it is on the disk, where the file system can do that (nearly all of Linux can), so that a run that is
// killed leaves none. AlreadyExists: something has this name, be it a link that leads nowhere; it stays as it is. After
// any other error there is no file.
absl::Status WriteNewFile(const std::string& path, absl::string_view text, mode_t mode);

// Puts the file in the place of what is there, in one step. A link is replaced itself, and not what it leads to. A
// directory stays, and is an error.
absl::Status ReplaceFile(const std::string& path, absl::string_view text, mode_t mode);

}  // namespace warp::tools

#endif  // WARP_TOOLS_INIT_NEW_FILE_H_
