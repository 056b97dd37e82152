// Whole small files, read without surprises.
#ifndef WARP_CONTROL_CONFIG_FILE_REGULAR_FILE_H_
#define WARP_CONTROL_CONFIG_FILE_REGULAR_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace warp::config {

enum class Readers : bool { kAnyone, kOwnerAlone };

// The contents of the file at `path`, at most `limit` bytes. The error is InvalidArgument with one
// phrase that does not name the file: missing, not a regular file (opening never waits, as it would
// on a FIFO), too large, and with kOwnerAlone: readable or writable by group or others.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t limit,
                                            Readers readers = Readers::kAnyone);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_FILE_REGULAR_FILE_H_
