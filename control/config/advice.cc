#include "control/config/advice.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/cap/cap_schema.h"
#include "control/config/schema/codec.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

// About how long it takes to see that a path has died: see docs/state-machines.md.
constexpr Duration kDetection = std::chrono::milliseconds(100);

// --- Data caps. ---

// What probes of an idle path cost a second over IPv4: each end sends a probe of 95 bytes each 10 s and has an answer
// of 86, with everything around them. A peer has one path at least.
constexpr uint64_t kProbeBytes = 2 * (95 + 86) / 10;

uint64_t DaysOf(CapUnit each) {
  switch (each) {
    case CapUnit::kDay:
      return 1;
    case CapUnit::kWeek:
      return 7;
    case CapUnit::kMonth:
      return 31;
  }
  return 31;
}

bool Stops(const PortConfig& port) { return port.cap && port.cap->at_limit.act == CapAct::kStop; }

// Whether the tunnel may send by the port without spreading, so that no rate binds it.
bool Replicates(const NodeConfig& config, const TunnelConfig& tunnel, const PortConfig& port) {
  if (tunnel.policy.mode != TunnelMode::kReplicate) return false;
  const std::vector<PathRule>& rules = config.PathsOf(tunnel);
  return rules.empty() || std::any_of(rules.begin(), rules.end(), [&](const PathRule& rule) {
           return rule.port.empty() || rule.port == port.name || port.Wants(rule.port);
         });
}

bool IsDirectory(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

class CapAdvisor {
 public:
  CapAdvisor(const Reader& reader, const NodeConfig& config, Problems& advice)
      : reader_(reader), config_(config), advice_(advice) {}

  void LookAtPort(const PortConfig& port, const std::string& at) {
    const CapPolicy& cap = *port.cap;
    const uint64_t probes =
        kProbeBytes * 86'400 * DaysOf(cap.period.each) * std::max<size_t>(config_.peers.size(), 1);
    if (cap.bytes < probes) {
      Say(at, "bytes",
          absl::StrCat("probes alone take some ", probes / 1'000'000 + 1, " MB in a ",
                       wire::WordOf(kCapUnitWords, cap.period.each), ", more than this cap"));
    }
    if (cap.at_limit.act != CapAct::kRate) return;
    for (const TunnelConfig& tunnel : config_.tunnels) {
      if (tunnel.peer_index >= config_.peers.size() || !Replicates(config_, tunnel, port)) continue;
      Say(at, "at_limit",
          absl::StrCat("a rate binds what is spread, and tunnel ", tunnel.name,
                       " has mode: replicate: it goes on by this port without a bound, unless the "
                       "limit is backup or stop"));
      return;
    }
  }

  void Say(const std::string& at, absl::string_view key, absl::string_view what) {
    const std::string path = JoinPath(at, key);
    const int line = reader_.LineOf(path);
    advice_.Add(line > 0 ? line : reader_.LineOf(at), path, what);
  }

 private:
  const Reader& reader_;
  const NodeConfig& config_;
  Problems& advice_;
};

// With KeyFiles::kIgnore the file is of another machine, of which nothing is said.
void AdviseOfCaps(const Reader& reader, const NodeConfig& config, KeyFiles key_files,
                  Problems& advice) {
  CapAdvisor advisor(reader, config, advice);
  const auto& ports = config.ports;
  if (std::none_of(ports.begin(), ports.end(),
                   [](const PortConfig& port) { return port.cap.has_value(); }))
    return;
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string at = JoinPath(ItemPath("ports", i), "cap");
    if (ports[i].cap) advisor.LookAtPort(ports[i], at);
    if (i == 0 && std::all_of(ports.begin(), ports.end(), Stops)) {
      advisor.Say(at, "at_limit",
                  "every port stops at its limit: then this node reaches nobody, and nobody "
                  "reaches it, until a period ends");
    }
  }
  if (key_files == KeyFiles::kRead && !IsDirectory(config.node.state_directory)) {
    advisor.Say("node", "state_directory",
                absl::StrCat("there is no directory ", config.node.state_directory,
                             ": unless warpd can make it, what ports have carried is forgotten "
                             "when it ends"));
  }
}

// --- Tunnels. ---

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
    LookAtInterface(tunnel);
    const bool adaptive = policy.mode == TunnelMode::kAdaptive;
    const bool spreads = adaptive || policy.mode == TunnelMode::kStripe;
    if (Has("target") && !adaptive && !policy.fec.automatic) {
      Say("target", "has an effect with mode: adaptive or fec: auto alone");
    }
    if (Has("fec_max") && !policy.fec.automatic) {
      Say("fec_max", "has an effect with fec: auto alone");
    }
    if (Has("weight") && policy.mode == TunnelMode::kReplicate) {
      Say("weight", "has no effect with mode: replicate, whose payloads wait for no turn");
    }
    if (Has("flow_idle") && tunnel.flows == 1) {
      Say("flow_idle", "has an effect with flows alone: without them, nothing ends");
    }
    if (Has("skew") && !spreads) Say("skew", "has an effect with mode: stripe and adaptive alone");
    if (Has("copies") && policy.mode != TunnelMode::kReplicate) {
      Say("copies", "has an effect with mode: replicate alone");
    }
  }

  void LookAtPatterns() {
    if (config_.PatternRoom() > 0) return;
    for (size_t i = 0; i < config_.ports.size(); ++i) {
      if (!config_.ports[i].is_pattern()) continue;
      const std::string path = JoinPath(ItemPath("ports", i), "interface");
      advice_.Add(reader_.LineOf(path), path,
                  absl::StrCat("no interface gets a port by this pattern: node.max_ports is ",
                               config_.node.max_ports, ", and as many ports are named"));
    }
  }

  void LookAtCaps(KeyFiles key_files) { AdviseOfCaps(reader_, config_, key_files, advice_); }

  std::string ToString() const { return std::string(advice_.ToStatus().message()); }

 private:
  void LookAtMode(const TunnelConfig& tunnel) {
    if (tunnel.policy.mode != TunnelMode::kAdaptive || tunnel.deadline >= kDetection) return;
    Say("deadline",
        absl::StrCat(WriteDuration(tunnel.deadline), " is less than detection takes, about ",
                     WriteDuration(kDetection),
                     ": with mode: adaptive, what is under way on a path that dies is lost"));
  }

  // TCP takes what it gets out of order for lost, and slows down.
  void LookAtInterface(const TunnelConfig& tunnel) {
    const bool spreads =
        tunnel.policy.mode == TunnelMode::kStripe || tunnel.policy.mode == TunnelMode::kAdaptive;
    if (tunnel.gate.interface() == nullptr || !spreads || tunnel.policy.order > Duration::zero()) {
      return;
    }
    Say("order",
        "connections of TCP through an interface need it, or take payloads that overtake "
        "each other for lost");
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

  // The names of the ports by which these rules let payloads leave. A pattern has as many as it may come to make.
  std::vector<std::string> PortsOf(const std::vector<PathRule>& rules) const {
    std::vector<std::string> names;
    for (const PortConfig& port : config_.ports) {
      const bool named = std::any_of(rules.begin(), rules.end(), [&](const PathRule& rule) {
        return rule.port.empty() || rule.port == port.name;
      });
      if (named || rules.empty()) {
        names.insert(names.end(), port.is_pattern() ? config_.PatternRoom() : 1, port.name);
        continue;
      }
      for (const PathRule& rule : rules) {
        if (port.Wants(rule.port)) names.push_back(rule.port);
      }
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

std::string Advise(const Reader& reader, absl::string_view file, const NodeConfig& config,
                   KeyFiles key_files) {
  Advisor advisor(reader, file, config);
  advisor.LookAtPatterns();
  advisor.LookAtCaps(key_files);
  for (size_t i = 0; i < config.tunnels.size(); ++i) {
    if (config.tunnels[i].peer_index < config.peers.size()) advisor.Look(i);
  }
  return advisor.ToString();
}

}  // namespace warp::config
