// What one configuration of a node has that another has not: which entries come, go and change, and by which keys.
//
//   before, after ─► Diff ─► changes ─► people (diff_text.h), a running node (control/reload)
//
// Entries are told apart by what they are to others, and not by their places in the file: a port by its name, a peer
// and a map by their public keys, and a tunnel by its peer and its id. So lists may be sorted anew, and a tunnel that
// has another name is still the same one. A peer of which no key is in the other configuration is the one that has its
// name there: it has another key.
//
// What is compared is what the schema lists (Section::List), with the defaults filled in: a key that is new in the
// schema is compared without a line here. Two values that are written differently and mean the same are no change.
// Pure; any thread.
#ifndef WARP_CONTROL_CONFIG_DIFF_CONFIG_DIFF_H_
#define WARP_CONTROL_CONFIG_DIFF_CONFIG_DIFF_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/config/node_config.h"

namespace warp::config {

// kMapServer: all of warp-map's own file (map_file.h).
enum class EntryKind : uint8_t { kNode, kMap, kPort, kPeer, kTunnel, kMapServer };

struct KeyChange {
  std::string key;            // within its entry: "gate.loopback.listen"
  std::string before, after;  // as they would be written; empty: nothing
  friend bool operator==(const KeyChange&, const KeyChange&) = default;
};

// What it takes a running node to follow a change.
enum class Effect : uint8_t {
  kLive,     // nothing is interrupted
  kReopen,   // the map, port or tunnel closes, and opens as the file has it now
  kRestart,  // only a restart of warpd brings it
};

struct EntryChange {
  EntryKind kind = EntryKind::kNode;
  std::string name;                     // for people: that of the file, and of a map its address
  std::optional<size_t> before, after;  // the places in the two lists; unset: it is not there
  std::vector<KeyChange> keys;          // of an entry that is in both
  Effect effect = Effect::kLive;

  bool added() const { return !before.has_value(); }
  bool removed() const { return !after.has_value(); }
};

// The changes: those of the node itself first, then of maps, ports, peers and tunnels; within each, what is removed in
// the order of `before`, then what is changed or added in the order of `after`. Keys of secrets are compared by what
// the files hold, of which nothing is shown.
std::vector<EntryChange> Diff(const NodeConfig& before, const NodeConfig& after);

// What it takes a port to go on as `after` says; nullopt: both say the same.
std::optional<Effect> EffectBetween(const PortConfig& before, const PortConfig& after);

// "port", "tunnel"
absl::string_view EntryKindName(EntryKind kind);
// The same change from the other side.
EntryChange Inverse(const EntryChange& change);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_CONFIG_DIFF_H_
