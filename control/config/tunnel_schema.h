// The keys of a tunnel, of its policy and of path rules.
#ifndef WARP_CONTROL_CONFIG_TUNNEL_SCHEMA_H_
#define WARP_CONTROL_CONFIG_TUNNEL_SCHEMA_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/config/schema/schema.h"
#include "control/config/tunnel_policy.h"

namespace warp::config {

inline constexpr size_t kMaxPathRules = 256;  // as many as a peer may have paths

const SectionOf<TunnelConfig>& TunnelSchema();
const SectionOf<PathRule>& PathRuleSchema();

// The keys that a file gives a tunnel and that `warp tunnel set` may change.
const SectionOf<TunnelSettings>& TunnelSettingsSchema();

// `settings` with these changes, each a key and its value: "order=100ms". InvalidArgument says what is wrong with one
// of them, in one sentence that begins with the key, and none of them holds then.
absl::StatusOr<TunnelSettings> ChangeSettings(TunnelSettings settings,
                                              std::span<const std::string> changes);
// All keys of these settings, with what a file would say.
std::vector<std::pair<std::string, std::string>> WriteSettings(const TunnelSettings& settings);

// "mode=stripe copies=all order=100ms ..."
std::string SettingsText(const TunnelPolicy& policy);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TUNNEL_SCHEMA_H_
