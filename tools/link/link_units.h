// The quantities of a link's options as text.
//
// Each function returns the quantity, or InvalidArgument with a sentence that quotes the text and shows how one is
// written.
#ifndef WARP_TOOLS_LINK_LINK_UNITS_H_
#define WARP_TOOLS_LINK_LINK_UNITS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/link/model/link_options.h"

namespace warp::tools {

// Bits a second, 0 or more: "20Mbit", "500kbit", "1.5Gbit", "64000bit". Capitals do not matter.
absl::StatusOr<double> ParseRate(absl::string_view text);
// "30ms", "1.5s", "250us" or "0", up to a year.
absl::StatusOr<Nanos> ParseTime(absl::string_view text);
// 0 to 1: "2%", "0.05%" or "0".
absl::StatusOr<double> ParseShare(absl::string_view text);

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_UNITS_H_
