#include "control/config/advice.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/schema/codec.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

// About how long it takes to see that a path has died: see docs/state-machines.md.
constexpr Duration kDetection = std::chrono::milliseconds(100);

class Advisor {
 public:
  Advisor(const Reader& reader, absl::string_view file, const NodeConfig& config)
      : reader_(reader), config_(config), advice_(file) {}

  void Look(size_t index) {
    at_ = ItemPath("tunnels", index);
    const TunnelConfig& tunnel = config_.tunnels[index];
    const TunnelPolicy& policy = tunnel.policy;
    LookAtMode(tunnel);
    LookAtFec(policy, PortsOf(config_.PathsOf(tunnel)).size());
    LookAtPorts(policy, PortsOf(config_.PathsOf(tunnel)));
    const bool adaptive = policy.mode == TunnelMode::kAdaptive;
    const bool spreads = adaptive || policy.mode == TunnelMode::kStripe;
    if (Has("target") && !adaptive && !policy.fec.automatic) {
      Say("target", "has an effect with mode: adaptive or fec: auto alone");
    }
    if (Has("fec_max") && !policy.fec.automatic) {
      Say("fec_max", "has an effect with fec: auto alone");
    }
    if (Has("skew") && !spreads) Say("skew", "has an effect with mode: stripe and adaptive alone");
    if (Has("copies") && policy.mode != TunnelMode::kReplicate) {
      Say("copies", "has an effect with mode: replicate alone");
    }
  }

  std::string ToString() const { return std::string(advice_.ToStatus().message()); }

 private:
  void LookAtMode(const TunnelConfig& tunnel) {
    if (tunnel.policy.mode != TunnelMode::kAdaptive || tunnel.deadline >= kDetection) return;
    Say("deadline",
        absl::StrCat(WriteDuration(tunnel.deadline), " is less than detection takes, about ",
                     WriteDuration(kDetection),
                     ": with mode: adaptive, what is under way on a path that dies is lost"));
  }

  // The death of one of several paths takes its share of each block with it.
  void LookAtFec(const TunnelPolicy& policy, size_t ports) {
    if (!policy.fec.on()) return;
    if (policy.mode == TunnelMode::kReplicate) {
      Say("fec", "has no effect with mode: replicate, whose copies are parity enough");
      return;
    }
    if (policy.fec.automatic || ports < 2) return;
    const size_t packets = size_t{policy.fec.payloads} + policy.fec.parities;
    if (packets <= ports * policy.fec.parities) return;
    const std::string enough = absl::StrCat(ports - 1, "+1");
    Say("fec", absl::StrCat(FecWord(policy.fec), " restores what is lost by chance; over ", ports,
                            " ports, only ", enough,
                            " or more parity restores what the death of one of them loses"));
  }

  void LookAtPorts(const TunnelPolicy& policy, const std::vector<std::string>& ports) {
    if (policy.mode == TunnelMode::kReplicate && policy.copies > ports.size()) {
      Say("copies", absl::StrCat(policy.copies,
                                 " copies need as many ports, and payloads may leave "
                                 "by ",
                                 ports.size()));
    }
    if (ports.size() != 1) return;
    if (policy.mode == TunnelMode::kStripe) {
      Say("mode", absl::StrCat("stripe adds up links, and payloads may leave by one alone, ",
                               ports.front()));
    } else if (Has("order") && policy.order > Duration::zero()) {
      Say("order", absl::StrCat("payloads leave by one port alone, ", ports.front(),
                                ": there is nothing to put in order"));
    }
  }

  // The names of the ports by which these rules let payloads leave.
  std::vector<std::string> PortsOf(const std::vector<PathRule>& rules) const {
    std::vector<std::string> names;
    for (const PortConfig& port : config_.ports) {
      const bool named = std::any_of(rules.begin(), rules.end(), [&](const PathRule& rule) {
        return rule.port.empty() || rule.port == port.name;
      });
      if (named || rules.empty()) names.push_back(port.name);
    }
    return names;
  }

  bool Has(absl::string_view key) const { return reader_.LineOf(JoinPath(at_, key)) > 0; }

  void Say(absl::string_view key, absl::string_view what) {
    const std::string path = JoinPath(at_, key);
    advice_.Add(reader_.LineOf(Has(key) ? path : at_), path, what);
  }

  const Reader& reader_;
  const NodeConfig& config_;
  std::string at_;  // the tunnel
  Problems advice_;
};

}  // namespace

std::string Advise(const Reader& reader, absl::string_view file, const NodeConfig& config) {
  Advisor advisor(reader, file, config);
  for (size_t i = 0; i < config.tunnels.size(); ++i) {
    if (config.tunnels[i].peer_index < config.peers.size()) advisor.Look(i);
  }
  return advisor.ToString();
}

}  // namespace warp::config
