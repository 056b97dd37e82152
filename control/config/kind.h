// Whose configuration a file is.
#ifndef WARP_CONTROL_CONFIG_KIND_H_
#define WARP_CONTROL_CONFIG_KIND_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace warp::config {

enum class Kind : uint8_t { kNode, kMap };

// The kind follows from the keys at the top of the file: kMap where more of them are warp-map's than warpd's. Where
// nothing tells, as in a file that is no YAML or cannot be read, it is kNode, because loading that reports the mistake.
Kind KindOf(absl::string_view text);
Kind KindOfFile(const std::string& path);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_KIND_H_
