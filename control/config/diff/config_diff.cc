#include "control/config/diff/config_diff.h"

#include <sodium.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/diff/key_effects.h"
#include "control/config/diff/values.h"
#include "control/config/node_schema.h"
#include "control/config/tunnel_schema.h"

namespace warp::config {
namespace {

// The section of the entries of a list, or of `node`.
const Section& SectionNamed(absl::string_view name) {
  const auto& keys = NodeSchema().keys();
  return *std::find_if(keys.begin(), keys.end(), [&](const Key& key) {
            return key.name == name;
          })->section;
}

// --- Entries, and by what they are known. ---

std::string IdentityOf(const MapServerConfig& map) { return map.public_key.ToBase64(); }
std::string IdentityOf(const PortConfig& port) { return port.name; }
std::string IdentityOf(const PeerConfig& peer) { return peer.public_key.ToBase64(); }

std::string NameOf(const MapServerConfig& map) { return map.address.ToString(); }
template <typename Entry>
std::string NameOf(const Entry& entry) {
  return entry.name;
}

bool SamePsk(const PeerConfig& a, const PeerConfig& b) {
  if (!a.preshared_key || !b.preshared_key) return !a.preshared_key == !b.preshared_key;
  return sodium_memcmp(a.preshared_key->bytes().data(), b.preshared_key->bytes().data(),
                       a.preshared_key->bytes().size()) == 0;
}

// Ports that are VLANs of one device are opened with what all of them have, so that each has the others as a key.
std::string SharersOf(const NodeConfig& config, const PortConfig& port) {
  return absl::StrJoin(
      config.PortsSharingDeviceOf(port), " ", [](std::string* out, const PortConfig* sharing) {
        absl::StrAppend(out, sharing->vlan.value_or(0), "/", sharing->mtu.value_or(0));
      });
}

// An interface that several tunnels have is made as the first of them says, which the others have as a key.
std::string InterfaceOf(const NodeConfig& config, const TunnelConfig& tunnel) {
  const InterfaceGateConfig* const own = tunnel.gate.interface();
  if (own == nullptr) return "";
  for (const TunnelConfig& first : config.tunnels) {
    const InterfaceGateConfig* const gate = first.gate.interface();
    if (gate == nullptr || gate->interface != own->interface) continue;
    if (first.name == tunnel.name) return "";
    return absl::StrCat(absl::StrJoin(gate->addresses, " ",
                                      [](std::string* out, const InterfaceAddress& address) {
                                        absl::StrAppend(out, address.ToString());
                                      }),
                        " mtu ", gate->mtu.value_or(0));
  }
  return "";
}

// An endpoint may name the port that it is behind, which has another interface now, perhaps.
std::string InterfacesOf(const NodeConfig& config, const PeerConfig& peer) {
  std::vector<std::string> interfaces;
  for (const HostPort& endpoint : peer.endpoints) {
    if (endpoint.interface.empty()) continue;
    const std::optional<uint32_t> number = config.NumberOf(endpoint.interface);
    const auto port = std::find_if(
        config.ports.begin(), config.ports.end(),
        [&](const PortConfig& one) { return !one.is_pattern() && config.NumberOf(one) == number; });
    interfaces.push_back(port == config.ports.end() ? endpoint.interface : port->kernel_side());
  }
  return absl::StrJoin(interfaces, " ");
}

// --- Comparing. ---

class Differ {
 public:
  Differ(const NodeConfig& before, const NodeConfig& after) : before_(before), after_(after) {}

  std::vector<EntryChange> Run() {
    MatchPeers();
    CompareNodes();
    CompareLists(EntryKind::kMap, "map", before_.maps, after_.maps);
    CompareLists(EntryKind::kPort, "ports", before_.ports, after_.ports);
    CompareLists(EntryKind::kPeer, "peers", before_.peers, after_.peers);
    CompareLists(EntryKind::kTunnel, "tunnels", before_.tunnels, after_.tunnels);
    return std::move(changes_);
  }

 private:
  // The peers of both configurations have keys that tell them apart, and their names may have changed. A key that has
  // changed goes by the one of before.
  void MatchPeers() {
    std::map<std::string, const PeerConfig*> keys, names;
    for (const PeerConfig& peer : before_.peers) keys[IdentityOf(peer)] = &peer;
    for (const PeerConfig& peer : after_.peers) {
      if (keys.erase(IdentityOf(peer)) == 0) names[peer.name] = &peer;
    }
    for (const auto& [key, peer] : keys) {
      const auto renewed = names.find(peer->name);
      if (renewed != names.end()) renewed_[IdentityOf(*renewed->second)] = key;
    }
  }
  std::string Identity(const NodeConfig& config, const PeerConfig& peer) const {
    const auto renewed = renewed_.find(IdentityOf(peer));
    return &config == &after_ && renewed != renewed_.end() ? renewed->second : IdentityOf(peer);
  }
  std::string Identity(const NodeConfig& config, const TunnelConfig& tunnel) const {
    return absl::StrCat(Identity(config, config.peers[tunnel.peer_index]), " ", tunnel.id);
  }
  template <typename Entry>
  std::string Identity(const NodeConfig&, const Entry& entry) const {
    return IdentityOf(entry);
  }

  // What the schema lists is changed where what counts is something else.
  void Correct(const NodeConfig&, const MapServerConfig&, Values*) const {}
  void Correct(const NodeConfig& config, const PortConfig& port, Values* values) const {
    if (const std::string sharers = SharersOf(config, port); !sharers.empty())
      values->emplace_back("device", sharers);
  }
  // Of the file of a secret, what it holds counts, which Hidden looks at; its name, where nobody has read it.
  void Correct(const NodeConfig& config, const PeerConfig& peer, Values* values) const {
    if (const std::string interfaces = InterfacesOf(config, peer); !interfaces.empty())
      values->emplace_back("endpoints.interface", interfaces);
    if (!peer.preshared_key) return;
    std::erase_if(*values, [](const auto& value) { return value.first == "preshared_key_file"; });
  }
  void Correct(const NodeConfig& config, const TunnelConfig& tunnel, Values* values) const {
    std::erase_if(*values, [](const auto& value) { return value.first.starts_with("paths["); });
    if (const std::string interface = InterfaceOf(config, tunnel); !interface.empty())
      values->emplace_back("gate.tun", interface);
    const TunnelTerms terms{.paths = config.PathsOf(tunnel)};
    for (const auto& [key, text] : WriteTerms(terms)) {
      if (key == "paths") values->emplace_back(key, text);
    }
  }

  void Hidden(const PeerConfig& before, const PeerConfig& after,
              std::vector<KeyChange>* keys) const {
    if (SamePsk(before, after)) return;
    keys->push_back({.key = "preshared_key_file",
                     .before = before.preshared_key ? "a key" : "",
                     .after = after.preshared_key ? "another key" : ""});
    if (!before.preshared_key) keys->back().after = "a key";
  }
  template <typename Entry>
  void Hidden(const Entry&, const Entry&, std::vector<KeyChange>*) const {}

  void Add(EntryChange change) {
    for (const KeyChange& key : change.keys)
      change.effect = std::max(change.effect, EffectOf(change.kind, key.key));
    changes_.push_back(std::move(change));
  }

  void CompareNodes() {
    Values before = ValuesOf(SectionNamed("node"), &before_.node);
    Values after = ValuesOf(SectionNamed("node"), &after_.node);
    if (!before_.node.private_key.is_zero() && !after_.node.private_key.is_zero()) {
      for (Values* const values : {&before, &after}) {
        std::erase_if(*values, [](const auto& value) { return value.first == "private_key_file"; });
      }
    }
    EntryChange change{.kind = EntryKind::kNode, .name = "node", .before = 0, .after = 0};
    const auto& old = before_.node.private_key.bytes();
    if (sodium_memcmp(old.data(), after_.node.private_key.bytes().data(), old.size()) != 0) {
      change.keys.push_back({.key = "private_key_file",
                             .before = "that of " + before_.node.private_key.Public().ToBase64(),
                             .after = "that of " + after_.node.private_key.Public().ToBase64()});
    }
    for (KeyChange& key : CompareValues(before, after)) change.keys.push_back(std::move(key));
    if (!change.keys.empty()) Add(std::move(change));
  }

  template <typename Entry>
  void CompareLists(EntryKind kind, absl::string_view list, const std::vector<Entry>& before,
                    const std::vector<Entry>& after) {
    const Section& section = SectionNamed(list);
    std::map<std::string, size_t> old, now;
    for (size_t i = 0; i < before.size(); ++i) old[Identity(before_, before[i])] = i;
    for (size_t i = 0; i < after.size(); ++i) now[Identity(after_, after[i])] = i;
    for (size_t i = 0; i < before.size(); ++i) {
      if (now.contains(Identity(before_, before[i]))) continue;
      Add({.kind = kind, .name = NameOf(before[i]), .before = i});
    }
    for (size_t i = 0; i < after.size(); ++i) {
      const auto other = old.find(Identity(after_, after[i]));
      if (other == old.end()) {
        Add({.kind = kind, .name = NameOf(after[i]), .after = i});
        continue;
      }
      const Entry& one = before[other->second];
      Values was = ValuesOf(section, &one), is = ValuesOf(section, &after[i]);
      Correct(before_, one, &was);
      Correct(after_, after[i], &is);
      EntryChange change{
          .kind = kind, .name = NameOf(after[i]), .before = other->second, .after = i};
      change.keys = CompareValues(was, is);
      Hidden(one, after[i], &change.keys);
      if (!change.keys.empty()) Add(std::move(change));
    }
  }

  const NodeConfig& before_;
  const NodeConfig& after_;
  std::map<std::string, std::string> renewed_;  // keys of peers after, and the same peer's before
  std::vector<EntryChange> changes_;
};

}  // namespace

std::vector<EntryChange> Diff(const NodeConfig& before, const NodeConfig& after) {
  return Differ(before, after).Run();
}

std::optional<Effect> EffectBetween(const PortConfig& before, const PortConfig& after) {
  const Section& section = SectionNamed("ports");
  std::optional<Effect> effect;
  for (const KeyChange& key : CompareValues(ValuesOf(section, &before), ValuesOf(section, &after)))
    effect = std::max(effect.value_or(Effect::kLive), EffectOf(EntryKind::kPort, key.key));
  return effect;
}

absl::string_view EntryKindName(EntryKind kind) {
  switch (kind) {
    case EntryKind::kNode:
      return "node";
    case EntryKind::kMap:
      return "map";
    case EntryKind::kPort:
      return "port";
    case EntryKind::kPeer:
      return "peer";
    case EntryKind::kTunnel:
      return "tunnel";
    case EntryKind::kMapServer:
      return "map_server";
  }
  return "";
}

EntryChange Inverse(const EntryChange& change) {
  EntryChange inverse = change;
  std::swap(inverse.before, inverse.after);
  for (KeyChange& key : inverse.keys) std::swap(key.before, key.after);
  return inverse;
}

}  // namespace warp::config
