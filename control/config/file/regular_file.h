// Reads whole small files, and refuses what could surprise: devices, FIFOs, files that others may read, large ones.
#ifndef WARP_CONTROL_CONFIG_FILE_REGULAR_FILE_H_
#define WARP_CONTROL_CONFIG_FILE_REGULAR_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::config {

enum class Readers : bool { kAnyone, kOwnerAlone };

// Opens the file at `path` for reading. Errors are those of ReadRegularFile, but for the size.
absl::StatusOr<os::UniqueFd> OpenRegularFile(const std::string& path,
                                             Readers readers = Readers::kAnyone);

// Returns the contents of the file at `path`, at most `limit` bytes. The error is InvalidArgument, with a phrase that
// does not name the file: it is missing, not a regular file (opening never waits, as it would for a FIFO's writer), too
// large or, with kOwnerAlone, open to group or others.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t limit,
                                            Readers readers = Readers::kAnyone);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_FILE_REGULAR_FILE_H_
