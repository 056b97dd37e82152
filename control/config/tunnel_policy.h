// How a tunnel uses the paths of its peer: keys of a tunnel, which `warp tunnel set` changes while it runs. A policy
// concerns the sender alone: what the receiver has to know travels with the payloads.
#ifndef WARP_CONTROL_CONFIG_TUNNEL_POLICY_H_
#define WARP_CONTROL_CONFIG_TUNNEL_POLICY_H_

#include <chrono>
#include <cstdint>

#include "dataplane/wire/time.h"

namespace warp::config {

enum class TunnelMode : uint8_t {
  kReplicate,  // a copy over every path, or over the `copies` best
  kStripe,     // each payload over the path on which it arrives first: the sum of the links
  kAdaptive,   // as stripe; a second copy where the payload would otherwise miss its deadline
  kBackup,     // the lowest tier that has a healthy path
};

struct TunnelPolicy {
  TunnelMode mode = TunnelMode::kReplicate;
  // Of replicate: the best so many paths, never two of one port. 0: all paths.
  uint32_t copies = 0;
  // How long the peer may hold back a payload that came before an earlier one. Zero: it delivers as they come.
  wire::Duration order{};
  // How long after a payload was taken it may still be sent once more, where it was lost. Zero: never.
  wire::Duration resend{};
  // A path is not used where a payload would arrive so much later than on the best one. Zero: no bound.
  wire::Duration skew{};
  // The share of payloads that may be lost or late, of adaptive.
  double target = 0.001;
  friend bool operator==(const TunnelPolicy&, const TunnelPolicy&) = default;
};

// The longest `order`: see docs/wire-format.md, sequenced.
inline constexpr wire::Duration kMaxOrder = std::chrono::milliseconds(1000);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TUNNEL_POLICY_H_
