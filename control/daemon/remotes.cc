#include "control/daemon/remotes.h"

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "control/daemon/options.h"
#include "control/log/log.h"

namespace warp::control {

namespace {

constexpr wire::Duration kMapCheck = std::chrono::seconds(1);

wire::PresharedKey PskOf(const config::PeerConfig& config) {
  return config.preshared_key.has_value() ? config.preshared_key->Clone() : wire::PresharedKey();
}

bool Same(const wire::PresharedKey& a, const wire::PresharedKey& b) {
  return sodium_memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

}  // namespace

using Found = absl::StatusOr<std::vector<wire::Endpoint>>;

absl::Status Remotes::AddPeer(const config::PeerConfig& config, const config::NodeConfig& node) {
  protocol::PeerOptions options;
  options.name = config.name;
  options.public_key = config.public_key;
  options.psk = PskOf(config);
  const std::optional<wire::PeerId> id = protocol_.AddPeer(loop_.now(), std::move(options));
  if (!id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("peer ", config.name, ": its public key is our own or another peer's"));
  }
  Peer& peer = peers_[*id];
  peer.name = config.name;
  peer.key = config.public_key;
  peer.psk = PskOf(config);
  ids_[peer.key] = *id;
  RetunePeer(config, node);
  return absl::OkStatus();
}

absl::Status Remotes::ChangePeerKey(const config::PeerConfig& before,
                                    const config::PeerConfig& after, protocol::Replaced replaced) {
  const std::optional<wire::PeerId> id = Find(before.public_key);
  if (!id.has_value() || before.public_key == after.public_key) return absl::OkStatus();
  if (!protocol_.SetPeerKey(loop_.now(), *id, after.public_key, replaced)) {
    return absl::InvalidArgumentError(
        absl::StrCat("peer ", after.name, ": its public key is our own or another peer's"));
  }
  absl::erase_if(ids_, [&](const auto& entry) {  // of earlier changes: nobody names them any more
    return entry.second == *id && entry.first != before.public_key;
  });
  ids_[after.public_key] = *id;
  peers_[*id].key = after.public_key;
  return absl::OkStatus();
}

void Remotes::RetunePeer(const config::PeerConfig& config, const config::NodeConfig& node,
                         protocol::Replaced replaced) {
  const std::optional<wire::PeerId> id = Find(config.public_key);
  if (!id.has_value()) return;
  Peer& peer = peers_[*id];
  RetuneSession(*id, peer, config, replaced);
  std::vector<Name> before = std::exchange(peer.names, {});
  for (const config::HostPort& endpoint : config.endpoints) {
    if (!endpoint.interface.empty()) continue;
    const std::string text = endpoint.ToString();
    const auto had = std::find_if(before.begin(), before.end(),
                                  [&](const Name& name) { return name.text == text; });
    peer.names.push_back(had != before.end() ? std::move(*had) : WatchName(*id, endpoint));
  }
  TellEndpoints(*id, peer);
  SetBoundEndpoints(*id, config, node);
  SetSilent(*id, peer.silent);
}

void Remotes::RetuneSession(wire::PeerId id, Peer& peer, const config::PeerConfig& config,
                            protocol::Replaced replaced) {
  if (peer.name != config.name) protocol_.RenamePeer(id, config.name);
  peer.name = config.name;
  if (Same(peer.psk, PskOf(config))) return;
  peer.psk = PskOf(config);
  protocol_.SetPeerPsk(loop_.now(), id, PskOf(config), replaced);
}

Remotes::Name Remotes::WatchName(wire::PeerId id, const config::HostPort& endpoint) {
  const std::string text = endpoint.ToString();
  auto watch = resolver_.Watch(text, [this, id, text](const Found& found) {
    Peer& peer = peers_.at(id);
    if (!found.ok()) {
      LogWarning(absl::StrCat("peer ", peer.name, ": ", found.status().message()));
      return;
    }
    for (Name& name : peer.names) {
      if (name.text == text) name.known = *found;
    }
    TellEndpoints(id, peer);
  });
  Name name{.text = text, .watch = std::move(watch), .known = {}};
  if (endpoint.literal) name.known.push_back(*endpoint.literal);
  return name;
}

void Remotes::TellEndpoints(wire::PeerId id, const Peer& peer) {
  std::vector<wire::Endpoint> all;
  for (const Name& name : peer.names) all.insert(all.end(), name.known.begin(), name.known.end());
  protocol_.SetPeerEndpoints(loop_.now(), id, protocol::EndpointSource::kConfig, all);
}

// Addresses that name their interface need no look-up. Those of each port are told apart by its number.
void Remotes::SetBoundEndpoints(wire::PeerId id, const config::PeerConfig& config,
                                const config::NodeConfig& node) {
  std::map<uint32_t, std::vector<wire::Endpoint>> bound;
  for (const uint32_t port : std::exchange(peers_[id].bound, {})) bound[port];  // none, unless
  for (const config::HostPort& endpoint : config.endpoints) {
    const std::optional<uint32_t> port = node.NumberOf(endpoint.interface);
    if (port && endpoint.literal) bound[*port].push_back(*endpoint.literal);
  }
  for (const auto& [port, endpoints] : bound) {
    protocol_.SetPeerEndpoints(loop_.now(), id, protocol::EndpointSource::kConfig, endpoints, port);
    if (!endpoints.empty()) peers_[id].bound.insert(port);
  }
}

void Remotes::RemovePeer(wire::PeerId id) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  absl::erase_if(ids_, [id](const auto& entry) { return entry.second == id; });
  peers_.erase(peer);
  protocol_.RemovePeer(loop_.now(), id);
}

std::optional<wire::PeerId> Remotes::Find(const wire::PublicKey& key) const {
  const auto found = ids_.find(key);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

void Remotes::AddMap(const config::MapServerConfig& config, const config::NodeSection& node) {
  protocol::MapClientOptions options;
  options.public_key = config.public_key;
  options.own = protocol_.public_key();
  options.listen_port = node.listen_port;
  options.rekey_after = node.timers.map_rekey_after;
  auto owned = std::make_unique<protocol::MapClient>(protocol_.identity(), protocol_.sessions(),
                                                     std::move(options));
  protocol::MapClient* const client = owned.get();  // lives until RemoveMap
  const protocol::MapId id = protocol_.AddMap(loop_.now(), std::move(owned));
  const std::string name = config.address.ToString();
  auto watch = WatchServers(resolver_, name, [this, client](const absl::StatusOr<Servers>& found) {
    if (found.ok()) {
      client->SetServers(loop_.now(), *found);
    } else {
      LogWarning(absl::StrCat("map: ", found.status().message()));
    }
  });
  maps_.push_back({id, config.public_key, protocol_.public_key(), client, std::move(watch)});
  CheckMaps();
}

// Each map as well, since a session with one is made anew only where its lifetime is another.
void Remotes::Retune(const config::NodeSection& node) {
  protocol_.SetTerms(loop_.now(), TimersOf(node.timers), node.window);
  for (const Map& map : maps_) map.client->SetRekeyAfter(loop_.now(), node.timers.map_rekey_after);
}

void Remotes::SetOwnKey(const config::NodeConfig& config, protocol::Replaced replaced) {
  protocol_.SetKey(loop_.now(), config.node.private_key.Clone(), replaced);
  for (const config::MapServerConfig& map : config.maps) {
    const auto same = [&](const Map& one) {
      return one.key == map.public_key && one.own == protocol_.public_key();
    };
    const bool known = std::any_of(maps_.begin(), maps_.end(),
                                   [&](const Map& one) { return one.key == map.public_key; });
    // A map that the same reload brings comes by itself.
    if (known && std::none_of(maps_.begin(), maps_.end(), same)) AddMap(map, config.node);
  }
  CheckMaps();
}

void Remotes::RemoveMap(const wire::PublicKey& key) {
  EndMaps([&key](const Map& map) { return map.key == key; });
}

void Remotes::EndMaps(const std::function<bool(const Map&)>& ends) {
  std::vector<protocol::MapId> ended;
  for (const Map& map : maps_) {
    if (ends(map)) ended.push_back(map.id);
  }
  std::erase_if(maps_, ends);  // their names are watched no more
  for (const protocol::MapId id : ended) protocol_.RemoveMap(loop_.now(), id);
}

std::vector<NameStatus> Remotes::NamesOf(const wire::PublicKey& key) const {
  std::vector<NameStatus> names;
  for (const Map& map : maps_) {
    if (map.key == key && map.own == protocol_.public_key()) map.name->Describe(names);
  }
  if (const std::optional<wire::PeerId> id = Find(key)) {
    for (const Name& name : peers_.at(*id).names) name.watch->Describe(names);
  }
  return names;
}

void Remotes::SetSilent(wire::PeerId id, bool silent) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  peer->second.silent = silent;
  for (const Name& name : peer->second.names) name.watch->SetSilent(silent);
}

// A map that falls silent publishes nothing by which one would know at once.
void Remotes::CheckMaps() {
  // In the name of a key that serves nobody any more, nothing is registered.
  EndMaps([this](const Map& map) { return protocol_.identity().FindOwn(map.own) == nullptr; });
  for (const Map& map : maps_) {
    const std::string state = map.client->Status().state;
    map.name->SetSilent(state == "silent" || state == "connecting");
  }
  check_maps_.Set(kMapCheck);
}

}  // namespace warp::control
