// What a change of each key takes: one table for all keys of the schema. Pure; any thread.
#ifndef WARP_CONTROL_CONFIG_DIFF_KEY_EFFECTS_H_
#define WARP_CONTROL_CONFIG_DIFF_KEY_EFFECTS_H_

#include "absl/strings/string_view.h"
#include "control/config/diff/config_diff.h"

namespace warp::config {

// Of a key of an entry of this kind, that is in both configurations. `key` is as in KeyChange.
Effect EffectOf(EntryKind kind, absl::string_view key);
// Why a key needs a restart, as the rest of a sentence; empty where it needs none.
absl::string_view WhyRestart(EntryKind kind, absl::string_view key);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_KEY_EFFECTS_H_
