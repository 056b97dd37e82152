// How a tunnel uses the paths of its peer, and what else of it `warp tunnel set` changes while it runs. A policy
// concerns the sender alone: what the receiver has to know travels with the payloads.
#ifndef WARP_CONTROL_CONFIG_TUNNEL_POLICY_H_
#define WARP_CONTROL_CONFIG_TUNNEL_POLICY_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/config/text/ip_prefix.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"
#include "dataplane/wire/words.h"

namespace warp::config {

enum class TunnelMode : uint8_t {
  kReplicate,  // a copy over every path, or over the `copies` best
  kStripe,     // each payload over the path on which it arrives first: the sum of the links
  kAdaptive,   // as stripe; a second copy where the payload would otherwise miss its deadline
  kBackup,     // the lowest tier that has a healthy path
};

inline constexpr wire::Words<TunnelMode, 4> kTunnelModeWords = {
    {{"replicate", TunnelMode::kReplicate},
     {"stripe", TunnelMode::kStripe},
     {"adaptive", TunnelMode::kAdaptive},
     {"backup", TunnelMode::kBackup}}};

// Parity beside the payloads, by which the peer restores lost ones.
struct Fec {
  uint8_t payloads = 0;    // of a block
  uint8_t parities = 0;    // beside them; 0: none
  bool automatic = false;  // as many as the paths need
  double most = 0.5;       // of automatic: parities for a payload
  bool on() const { return automatic || parities > 0; }
  friend bool operator==(const Fec&, const Fec&) = default;
};
// "off", "auto" or "4+1".
std::string FecWord(const Fec& fec);

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
  // The share of payloads that may be lost or late, of adaptive and of automatic parity.
  double target = 0.001;
  Fec fec;
  // Where payloads of several tunnels wait for a port, each tunnel sends in proportion to its weight: 1 to kMaxWeight.
  uint32_t weight = 1;
  friend bool operator==(const TunnelPolicy&, const TunnelPolicy&) = default;
};

inline constexpr uint32_t kMaxWeight = 100;

// The longest `order`: see docs/wire-format.md, sequenced.
inline constexpr wire::Duration kMaxOrder = std::chrono::milliseconds(1000);

inline constexpr wire::Duration kDefaultDeadline = std::chrono::milliseconds(250);

// What `order` and `resend` are in the modes that spread payloads over paths, where nobody says otherwise. In the
// others, both are zero.
inline constexpr wire::Duration kSpreadOrder = std::chrono::milliseconds(100);
inline constexpr wire::Duration kSpreadResend = std::chrono::milliseconds(150);

// What the file, and whoever changes a running tunnel, says of a policy. What is unset follows from the mode, and goes
// on following from it when the mode changes.
struct TunnelSettings {
  TunnelMode mode = TunnelMode::kReplicate;
  uint32_t copies = 0;
  std::optional<wire::Duration> order;
  std::optional<wire::Duration> resend;
  wire::Duration skew{};
  double target = TunnelPolicy().target;
  Fec fec;  // but `most`
  double fec_max = Fec().most;
  uint32_t weight = TunnelPolicy().weight;

  TunnelPolicy Policy() const;
  // All of `policy`, with nothing unset.
  static TunnelSettings Of(const TunnelPolicy& policy);
  friend bool operator==(const TunnelSettings&, const TunnelSettings&) = default;
};

// Paths that may carry payloads: those of a port, to an address of a prefix.
struct PathRule {
  std::string port;            // the name of a port, or of a pattern of ports; empty: any port
  std::optional<IpPrefix> to;  // of the peer's endpoint; unset: any address
  friend bool operator==(const PathRule&, const PathRule&) = default;
};

// What of a tunnel may be changed while it runs.
struct TunnelTerms {
  TunnelSettings settings;
  wire::Duration deadline = kDefaultDeadline;
  std::vector<PathRule> paths;  // empty: all
  friend bool operator==(const TunnelTerms&, const TunnelTerms&) = default;
};

// Whether the path of this port to this address may carry payloads: some rule says so, or there are no rules. `group`
// is what all ports of the pattern are called that has made the port; otherwise empty.
bool MayCarry(const std::vector<PathRule>& rules, absl::string_view port, const wire::IpAddress& to,
              absl::string_view group = "");

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TUNNEL_POLICY_H_
