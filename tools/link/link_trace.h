// Traces of delivery opportunities, in mahimahi's format: each line is a whole number of milliseconds at which 1,500
// bytes may leave. The numbers do not fall, and several lines may have the same one. The last is the length of the
// trace, which then begins anew.
#ifndef WARP_TOOLS_LINK_LINK_TRACE_H_
#define WARP_TOOLS_LINK_LINK_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

// InvalidArgument with the line that is wrong, or where there is none, or the last number is 0. Skips empty lines.
absl::StatusOr<std::vector<uint32_t>> ParseTrace(absl::string_view text);
// As ParseTrace; errors name the file, and include those of reading it.
absl::StatusOr<std::vector<uint32_t>> LoadTrace(const std::string& path);

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_TRACE_H_
