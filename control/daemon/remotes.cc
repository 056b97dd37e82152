#include "control/daemon/remotes.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "control/log/log.h"
#include "control/protocol/map/map_client.h"

namespace warp::control {

namespace {

constexpr wire::Duration kMapCheck = std::chrono::seconds(1);

}  // namespace

using Found = absl::StatusOr<std::vector<wire::Endpoint>>;

absl::Status Remotes::AddPeer(const config::PeerConfig& config, const config::NodeConfig& node) {
  protocol::PeerOptions options;
  options.name = config.name;
  options.public_key = config.public_key;
  if (config.preshared_key.has_value()) options.psk = config.preshared_key->Clone();
  const std::optional<wire::PeerId> id = protocol_.AddPeer(loop_.now(), std::move(options));
  if (!id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("peer ", config.name, ": its public key is our own or another peer's"));
  }
  // A name may stand for several addresses, and for others later. What the configuration knows of the peer is the
  // addresses of all its names together.
  auto known = std::make_shared<std::vector<std::vector<wire::Endpoint>>>(config.endpoints.size());
  Names& names = peers_.emplace_back();
  for (size_t i = 0; i < config.endpoints.size(); ++i) {
    if (!config.endpoints[i].interface.empty()) continue;
    const std::string name = config.endpoints[i].ToString();
    names.push_back(
        resolver_.Watch(name, [this, known, i, id = *id, peer = config.name](const Found& found) {
          if (!found.ok()) {
            LogWarning(absl::StrCat("peer ", peer, ": ", found.status().message()));
            return;
          }
          (*known)[i] = *found;
          std::vector<wire::Endpoint> all;
          for (const auto& endpoints : *known) {
            all.insert(all.end(), endpoints.begin(), endpoints.end());
          }
          protocol_.SetPeerEndpoints(loop_.now(), id, protocol::EndpointSource::kConfig, all);
        }));
  }
  AddBoundEndpoints(*id, config, node);
  SetSilent(*id, true);  // until it is heard
  return absl::OkStatus();
}

// Addresses that name their interface need no look-up. Those of each port are told apart by its number.
void Remotes::AddBoundEndpoints(wire::PeerId id, const config::PeerConfig& config,
                                const config::NodeConfig& node) {
  std::map<uint32_t, std::vector<wire::Endpoint>> bound;
  for (const config::HostPort& endpoint : config.endpoints) {
    const std::optional<uint32_t> port = node.NumberOf(endpoint.interface);
    if (port && endpoint.literal) bound[*port].push_back(*endpoint.literal);
  }
  for (const auto& [port, endpoints] : bound) {
    protocol_.SetPeerEndpoints(loop_.now(), id, protocol::EndpointSource::kConfig, endpoints, port);
  }
}

void Remotes::AddMap(const config::MapServerConfig& config, const config::NodeSection& node) {
  protocol::MapClientOptions options;
  options.public_key = config.public_key;
  options.listen_port = node.listen_port;
  options.rekey_after = node.timers.map_rekey_after;
  auto owned = std::make_unique<protocol::MapClient>(protocol_.identity(), protocol_.sessions(),
                                                     std::move(options));
  protocol::MapClient* const client = owned.get();  // the protocol never removes a map
  protocol_.AddMap(loop_.now(), std::move(owned));
  const std::string name = config.address.ToString();
  auto watch = resolver_.Watch(name, [this, client](const Found& found) {
    if (found.ok()) {
      client->SetEndpoints(loop_.now(), *found);
    } else {
      LogWarning(absl::StrCat("map: ", found.status().message()));
    }
  });
  maps_.push_back({client, std::move(watch)});
  CheckMaps();
}

void Remotes::SetSilent(wire::PeerId peer, bool silent) {
  if (peer >= peers_.size()) return;
  for (const auto& name : peers_[peer]) name->SetSilent(silent);
}

// A map that falls silent publishes nothing by which one would know at once.
void Remotes::CheckMaps() {
  for (const Map& map : maps_) {
    const std::string state = map.driver->Status().state;
    map.name->SetSilent(state == "silent" || state == "connecting");
  }
  check_maps_.Set(kMapCheck);
}

}  // namespace warp::control
