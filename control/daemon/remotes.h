// The peers and maps of the configuration: makes them known to the protocol, and goes on telling it the addresses
// behind their names. Control thread only.
#ifndef WARP_CONTROL_DAEMON_REMOTES_H_
#define WARP_CONTROL_DAEMON_REMOTES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "control/config/node_config.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "control/loop/servers.h"
#include "control/protocol/map/map_client.h"
#include "control/protocol/node/node.h"

namespace warp::control {

class Remotes {
 public:
  // All outlive this.
  Remotes(Loop& loop, Resolver& resolver, protocol::Node& protocol)
      : loop_(loop),
        resolver_(resolver),
        protocol_(protocol),
        check_maps_(loop, [this] { CheckMaps(); }) {}

  // InvalidArgument where the public key is this node's own or another peer's. Peers get their ids in the order of
  // these calls, from 0, and no id is given twice.
  absl::Status AddPeer(const config::PeerConfig& config, const config::NodeConfig& node);
  // The peer of the same key has this name, preshared key and endpoints from now on. Its session goes on. The endpoints
  // by which it is reached now stay until their paths are lost, and names that it had already are not asked again.
  // `replaced`: what becomes of a preshared key that changes.
  void RetunePeer(const config::PeerConfig& config, const config::NodeConfig& node,
                  protocol::Replaced replaced = protocol::Replaced::kServes);
  // The peer that had the key of before has another one from now on. InvalidArgument where that is our own or another
  // peer's.
  absl::Status ChangePeerKey(const config::PeerConfig& before, const config::PeerConfig& after,
                             protocol::Replaced replaced);
  // What was changed of keys is not taken back any more.
  void SettleKeys() { protocol_.SettleKeys(loop_.now()); }
  // Whether this node answers to the key, be it an old one: then it can be no peer's.
  bool IsOwn(const wire::PublicKey& key) const {
    return protocol_.identity().FindOwn(key) != nullptr;
  }
  // This node has this key from now on, by which it registers at the maps, too. By old keys it is registered as long as
  // they serve.
  void SetOwnKey(const config::NodeConfig& config, protocol::Replaced replaced);
  // Says goodbye to the peer.
  void RemovePeer(wire::PeerId id);
  // nullopt: there is no such peer. It is found by a key that it had before, too, unless another one has that now: in
  // the middle of a reload both configurations name it.
  std::optional<wire::PeerId> Find(const wire::PublicKey& key) const;
  const wire::PublicKey& KeyOf(wire::PeerId peer) const { return peers_.at(peer).key; }

  void SetOldKeysFor(wire::Duration time) { protocol_.SetOldKeysFor(loop_.now(), time); }

  // Timers and the replay window of sessions, as node.timers and node.window say.
  void Retune(const config::NodeSection& node);

  void AddMap(const config::MapServerConfig& config, const config::NodeSection& node);
  // Says goodbye to the map of this key, in the name of each of ours.
  void RemoveMap(const wire::PublicKey& key);

  // What is known of the names of the peer or map with this key.
  std::vector<NameStatus> NamesOf(const wire::PublicKey& key) const;

  // Whether the peer is silent: its names are asked at once then, since it may be elsewhere now.
  void SetSilent(wire::PeerId peer, bool silent);

 private:
  // A name may stand for several addresses, and for others later. What the configuration knows of the peer is the
  // addresses of all its names together.
  struct Name {
    std::string text;
    std::unique_ptr<Resolver::Name> watch;
    std::vector<wire::Endpoint> known;
  };
  struct Peer {
    std::string name;
    wire::PublicKey key;
    wire::PresharedKey psk;  // all zero: none
    bool silent = true;      // until it is heard
    std::vector<Name> names;
    std::set<uint32_t> bound;  // the numbers of the ports that it has endpoints behind
  };
  struct Map {
    protocol::MapId id;
    wire::PublicKey key;
    wire::PublicKey own;  // by which it knows us
    protocol::MapClient* client;
    std::unique_ptr<Resolver::Name> name;
  };
  void CheckMaps();
  void EndMaps(const std::function<bool(const Map&)>& ends);
  void RetuneSession(wire::PeerId id, Peer& peer, const config::PeerConfig& config,
                     protocol::Replaced replaced);
  Name WatchName(wire::PeerId id, const config::HostPort& endpoint);
  void TellEndpoints(wire::PeerId id, const Peer& peer);
  void SetBoundEndpoints(wire::PeerId id, const config::PeerConfig& config,
                         const config::NodeConfig& node);

  Loop& loop_;
  Resolver& resolver_;
  protocol::Node& protocol_;
  std::map<wire::PeerId, Peer> peers_;
  absl::flat_hash_map<wire::PublicKey, wire::PeerId> ids_;
  std::vector<Map> maps_;
  Timer check_maps_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_REMOTES_H_
