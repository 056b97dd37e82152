#include "control/config/diff/key_effects.h"

#include <array>

namespace warp::config {
namespace {

struct Rule {
  EntryKind kind;
  absl::string_view key;  // this one, and those below it; empty: all others of the kind
  Effect effect;
  absl::string_view why = {};  // of kRestart
};

constexpr absl::string_view kMemory =
    "DPDK takes packet memory from the system once, at its start, and all buffers lie in it";
constexpr absl::string_view kThreads =
    "DPDK makes and pins its threads at its start, and each polls as it was made to";
constexpr absl::string_view kEngines =
    "each thread has its engine from the start, by which it agrees on ciphers with all peers";

// The first that fits counts.
constexpr std::array kRules = {
    Rule{EntryKind::kNode, "private_key_file", Effect::kLive},
    Rule{EntryKind::kNode, "old_keys_for", Effect::kLive},
    Rule{EntryKind::kNode, "listen_port", Effect::kRestart,
         "what peers have sent to the old one, and go on sending until they hear of another, would "
         "be lost"},
    Rule{EntryKind::kNode, "discover", Effect::kLive},
    Rule{EntryKind::kNode, "control_socket", Effect::kLive},
    Rule{EntryKind::kNode, "state_directory", Effect::kRestart,
         "what is kept there is read at start"},
    Rule{EntryKind::kNode, "on_event", Effect::kLive},
    Rule{EntryKind::kNode, "on_event_timeout", Effect::kLive},
    Rule{EntryKind::kNode, "timers", Effect::kLive},
    Rule{EntryKind::kNode, "window", Effect::kLive},
    Rule{EntryKind::kNode, "max_ports", Effect::kRestart,
         "rings and packet memory are made for so many ports at start"},
    Rule{EntryKind::kNode, "hugepages", Effect::kRestart, kMemory},
    Rule{EntryKind::kNode, "memory", Effect::kRestart, kMemory},
    Rule{EntryKind::kNode, "workers", Effect::kRestart, kThreads},
    Rule{EntryKind::kNode, "polling", Effect::kRestart, kThreads},
    Rule{EntryKind::kNode, "control_cpu", Effect::kRestart, kThreads},
    Rule{EntryKind::kNode, "crypto", Effect::kRestart, kEngines},
    Rule{EntryKind::kNode, "crypto_device", Effect::kRestart, kEngines},
    Rule{EntryKind::kNode, "dpdk_telemetry", Effect::kRestart,
         "DPDK opens that socket at its start alone"},
    Rule{EntryKind::kNode, "", Effect::kRestart, "warpd reads it at start alone"},

    Rule{EntryKind::kMap, "", Effect::kReopen},

    Rule{EntryKind::kPort, "nat64", Effect::kLive},
    Rule{EntryKind::kPort, "tier", Effect::kLive},
    Rule{EntryKind::kPort, "rate", Effect::kLive},
    Rule{EntryKind::kPort, "cap", Effect::kLive},
    Rule{EntryKind::kPort, "optional", Effect::kLive},
    Rule{EntryKind::kPort, "tcp", Effect::kLive},
    Rule{EntryKind::kPort, "except", Effect::kLive},
    Rule{EntryKind::kPort, "", Effect::kReopen},

    Rule{EntryKind::kPeer, "", Effect::kLive},

    Rule{EntryKind::kMapServer, "allow_keys", Effect::kLive},
    Rule{EntryKind::kMapServer, "allow_keys_file", Effect::kLive},
    Rule{EntryKind::kMapServer, "lifetime", Effect::kLive},
    Rule{EntryKind::kMapServer, "listen", Effect::kLive},
    Rule{EntryKind::kMapServer, "relay", Effect::kLive},
    Rule{EntryKind::kMapServer, "stream.cert", Effect::kLive},
    Rule{EntryKind::kMapServer, "stream.key", Effect::kLive},
    Rule{EntryKind::kMapServer, "max_registrations", Effect::kRestart,
         "its tables are made for so many at start"},
    Rule{EntryKind::kMapServer, "private_key_file", Effect::kRestart,
         "nodes know the map by its key"},
    Rule{EntryKind::kMapServer, "control_socket", Effect::kRestart,
         "it is bound at start, so that no second warp-map gets any further"},
    Rule{EntryKind::kMapServer, "", Effect::kRestart, "it is made use of at start"},

    Rule{EntryKind::kTunnel, "name", Effect::kReopen},
    Rule{EntryKind::kTunnel, "gate", Effect::kReopen},
    Rule{EntryKind::kTunnel, "queue", Effect::kReopen},
    Rule{EntryKind::kTunnel, "flows", Effect::kReopen},
    Rule{EntryKind::kTunnel, "flow_idle", Effect::kReopen},
    Rule{EntryKind::kTunnel, "dscp", Effect::kReopen},
    Rule{EntryKind::kTunnel, "", Effect::kLive},
};

bool Fits(const Rule& rule, EntryKind kind, absl::string_view key) {
  if (rule.kind != kind) return false;
  if (rule.key.empty() || key == rule.key) return true;
  return key.size() > rule.key.size() && key.substr(0, rule.key.size()) == rule.key &&
         (key[rule.key.size()] == '.' || key[rule.key.size()] == '[');
}

const Rule& RuleOf(EntryKind kind, absl::string_view key) {
  for (const Rule& rule : kRules) {
    if (Fits(rule, kind, key)) return rule;
  }
  return kRules.back();  // each kind has a rule for all others
}

}  // namespace

Effect EffectOf(EntryKind kind, absl::string_view key) { return RuleOf(kind, key).effect; }

absl::string_view WhyRestart(EntryKind kind, absl::string_view key) {
  const Rule& rule = RuleOf(kind, key);
  return rule.effect == Effect::kRestart ? rule.why : absl::string_view();
}

}  // namespace warp::config
