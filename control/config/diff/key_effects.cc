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

constexpr absl::string_view kSized = "memory, rings and threads are made for it at start";
constexpr absl::string_view kEverywhere = "all that runs was made with it";

// The first that fits counts.
constexpr std::array kRules = {
    Rule{EntryKind::kNode, "private_key_file", Effect::kLive},
    Rule{EntryKind::kNode, "old_keys_for", Effect::kLive},
    Rule{EntryKind::kNode, "listen_port", Effect::kRestart,
         "every socket, frame and registration has it"},
    Rule{EntryKind::kNode, "control_socket", Effect::kRestart,
         "it is bound at start, so that no second warpd gets any further"},
    Rule{EntryKind::kNode, "state_directory", Effect::kRestart,
         "what is kept there is read at start"},
    Rule{EntryKind::kNode, "on_event", Effect::kLive},
    Rule{EntryKind::kNode, "on_event_timeout", Effect::kLive},
    Rule{EntryKind::kNode, "timers", Effect::kRestart, kEverywhere},
    Rule{EntryKind::kNode, "window", Effect::kRestart,
         "each session has its window from the start"},
    Rule{EntryKind::kNode, "", Effect::kRestart, kSized},

    Rule{EntryKind::kMap, "", Effect::kReopen},

    Rule{EntryKind::kPort, "tier", Effect::kLive},
    Rule{EntryKind::kPort, "rate", Effect::kLive},
    Rule{EntryKind::kPort, "cap", Effect::kLive},
    Rule{EntryKind::kPort, "optional", Effect::kLive},
    Rule{EntryKind::kPort, "except", Effect::kLive},
    Rule{EntryKind::kPort, "", Effect::kReopen},

    Rule{EntryKind::kPeer, "", Effect::kLive},

    Rule{EntryKind::kMapServer, "allow_keys", Effect::kLive},
    Rule{EntryKind::kMapServer, "allow_keys_file", Effect::kLive},
    Rule{EntryKind::kMapServer, "lifetime", Effect::kLive},
    Rule{EntryKind::kMapServer, "listen", Effect::kLive},
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
