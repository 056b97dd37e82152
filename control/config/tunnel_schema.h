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

// The keys of a tunnel's policy.
const SectionOf<TunnelSettings>& TunnelSettingsSchema();
// The keys that `warp tunnel set` may change: those of a file, but path rules are one word, such as
// "wan0>198.51.100.0/24,wan1", or "all".
const SectionOf<TunnelTerms>& TunnelTermsSchema();

// `terms` with these changes, each a key and its value: "order=100ms". InvalidArgument says what is wrong with one of
// them, in one sentence that begins with the key, and none of them holds then.
absl::StatusOr<TunnelTerms> ChangeTerms(TunnelTerms terms, std::span<const std::string> changes);
// All keys of these terms, each with what ChangeTerms takes.
std::vector<std::pair<std::string, std::string>> WriteTerms(const TunnelTerms& terms);

// "mode=stripe copies=all order=100ms ..."
std::string TermsText(const TunnelTerms& terms);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TUNNEL_SCHEMA_H_
