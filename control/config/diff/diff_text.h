// Changes of a configuration for people, and as JSON (docs/reload.md has both). Pure; any thread.
#ifndef WARP_CONTROL_CONFIG_DIFF_DIFF_TEXT_H_
#define WARP_CONTROL_CONFIG_DIFF_DIFF_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/config/diff/config_diff.h"

namespace warp::config {

// "live", "reopens", "restart"
absl::string_view EffectName(Effect effect);
// "added", "removed", "changed"
absl::string_view ChangeName(const EntryChange& change);

// A line for each entry that comes (+), goes (-) or changes (~), and below it one for each of its keys; printable.
//   + port wan2
//   ~ tunnel video (reopens)
//       gate.loopback.listen: 127.0.0.1:9000 -> 127.0.0.1:9002
std::string DiffText(const std::vector<EntryChange>& changes);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_DIFF_TEXT_H_
