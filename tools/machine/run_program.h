// Runs another program and takes what it writes.
#ifndef WARP_TOOLS_MACHINE_RUN_PROGRAM_H_
#define WARP_TOOLS_MACHINE_RUN_PROGRAM_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace warp::tools {

// Looks the program up where the system's programs are, whatever PATH says, and runs it with nothing on its standard
// input. Returns its standard output. NotFound: there is no such program. DeadlineExceeded: it was killed because it
// had not ended. ResourceExhausted: it wrote more than 16 MiB. PermissionDenied or Unknown: it failed, with the first
// line that it complained. Makes no use of a shell.
absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& words,
                                       std::chrono::milliseconds patience);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MACHINE_RUN_PROGRAM_H_
