#include "control/config/node_config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/advice.h"
#include "control/config/classes/class_schema.h"
#include "control/config/node_schema.h"
#include "control/config/node_source.h"
#include "control/config/port_schema.h"
#include "control/config/schema/load.h"
#include "control/config/schema/schema_text.h"
#include "dataplane/os/process.h"

namespace warp::config {
namespace {

void CheckMaps(Reader& reader, const NodeConfig& config) {
  Unique addresses(reader), keys(reader);
  for (size_t i = 0; i < config.maps.size(); ++i) {
    const std::string at = At("map", i, "address");
    addresses.Claim(at, config.maps[i].address.ToString());
    if (!config.maps[i].address.interface.empty())
      reader.Fail(at, "names an interface, which only the endpoint of a peer may");
    keys.Claim(At("map", i, "public_key"), config.maps[i].public_key.ToBase64());
  }
}

// An endpoint that names an interface is reached through the port of that interface alone.
void CheckInterface(Reader& reader, const NodeConfig& config, const std::string& at,
                    const HostPort& endpoint) {
  if (endpoint.interface.empty() || config.NumberOf(endpoint.interface)) return;
  std::vector<std::string> interfaces;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    interfaces.push_back(config.ports[i].kernel_side());
    if (reader.Wrong(At("ports", i, "interface")) || reader.Wrong(At("ports", i, "name"))) return;
  }
  reader.Fail(at, absl::StrCat(Quote(endpoint.ToString()), " is behind ", endpoint.interface,
                               ", which is the interface of no port: write one of ",
                               absl::StrJoin(interfaces, ", ")));
}

// The port of each rule must be there. `at` names the list.
void CheckPaths(Reader& reader, const NodeConfig& config, const std::string& at,
                const std::vector<PathRule>& paths) {
  std::vector<std::string> names;
  for (const PortConfig& port : config.ports) names.push_back(port.name);
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string place = JoinPath(ItemPath(at, i), "port");
    if (!reader.Sound(place) || config.MayHavePort(paths[i].port)) continue;
    reader.Fail(place, absl::StrCat("there is no port ", Quote(paths[i].port),
                                    DidYouMean(paths[i].port, names)));
  }
}

void CheckPeers(Reader& reader, const NodeConfig& config) {
  Unique names(reader), keys(reader);
  for (size_t i = 0; i < config.peers.size(); ++i) {
    const PeerConfig& peer = config.peers[i];
    names.Claim(At("peers", i, "name"), peer.name);
    keys.Claim(At("peers", i, "public_key"), peer.public_key.ToBase64());
    Unique endpoints(reader);
    for (size_t j = 0; j < peer.endpoints.size(); ++j) {
      const std::string at = ItemPath(At("peers", i, "endpoints"), j);
      endpoints.Claim(at, peer.endpoints[j].ToString());
      CheckInterface(reader, config, at, peer.endpoints[j]);
    }
    CheckPaths(reader, config, At("peers", i, "paths"), peer.paths);
  }
}

void CheckCrypto(Reader& reader, const NodeConfig& config) {
  const bool device = config.node.crypto == wire::EngineKind::kCryptodev;
  if (device && config.node.crypto_device.empty()) {
    reader.Fail("node.crypto", "cryptodev needs a crypto_device");
  } else if (!device && !config.node.crypto_device.empty()) {
    reader.Fail("node.crypto_device", "is only for crypto: cryptodev");
  }
}

// Of the gate's socket: one that is bound to a group is at no address of this machine's.
void ClaimPorts(Unique& gates, const std::string& at, const UdpGateConfig& gate) {
  wire::Endpoint endpoint = gate.listen.first;
  if (gate.group) endpoint.address = *gate.group;
  for (uint16_t i = 0; i < gate.listen.ports; ++i, ++endpoint.port) {
    gates.Claim(at, endpoint.ToString());
  }
}

void CheckTunnels(Reader& reader, NodeConfig& config) {
  std::vector<std::string> peers;
  for (const PeerConfig& peer : config.peers) peers.push_back(peer.name);
  Unique names(reader), gates(reader), sockets(reader);
  sockets.ClaimDefault("node.control_socket", config.node.control_socket);
  std::map<std::string, Unique> ids;
  for (size_t i = 0; i < config.tunnels.size(); ++i) {
    TunnelConfig& tunnel = config.tunnels[i];
    names.Claim(At("tunnels", i, "name"), tunnel.name);
    ids.try_emplace(tunnel.peer, reader)
        .first->second.Claim(At("tunnels", i, "id"), absl::StrCat(tunnel.id));
    if (const UdpGateConfig* const socket = tunnel.gate.socket()) {
      ClaimPorts(gates,
                 At("tunnels", i, tunnel.gate.udp ? "gate.udp.listen" : "gate.loopback.listen"),
                 *socket);
    }
    if (tunnel.gate.unix_socket) {
      const UnixGateConfig& gate = *tunnel.gate.unix_socket;
      const std::string path = At("tunnels", i, "gate.unix.path");
      CheckSocketPath(reader, path, gate.path);
      sockets.Claim(path, gate.path);
      if (gate.deliver) {
        CheckSocketPath(reader, At("tunnels", i, "gate.unix.deliver"), *gate.deliver);
      }
    }
    CheckPaths(reader, config, At("tunnels", i, "paths"), tunnel.paths);
    const std::string at = At("tunnels", i, "peer");
    if (!reader.Sound(at)) continue;
    const auto peer = std::find(peers.begin(), peers.end(), tunnel.peer);
    if (peer == peers.end()) {
      reader.Fail(at, absl::StrCat("there is no peer ", Quote(tunnel.peer),
                                   DidYouMean(tunnel.peer, peers)));
    }
    tunnel.peer_index = static_cast<size_t>(peer - peers.begin());
  }
}

// An interface may be the gate of several tunnels. The first one says what concerns it as a whole, and prefixes tell
// their packets apart.
void CheckInterfaceGates(Reader& reader, const NodeConfig& config) {
  std::set<std::string> ports;
  for (const PortConfig& port : config.ports) {
    ports.insert(port.kernel_side());
    if (port.kernel_device() != nullptr) ports.insert(port.kernel_device()->interface);
  }
  std::map<std::string, size_t> owners;  // the first tunnel of an interface
  std::map<std::string, Unique> routes;
  for (size_t i = 0; i < config.tunnels.size(); ++i) {
    const GateConfig& gate = config.tunnels[i].gate;
    const InterfaceGateConfig* const own = gate.interface();
    if (own == nullptr) continue;
    const std::string at = At("tunnels", i, gate.tun ? "gate.tun" : "gate.tap");
    const std::string name = JoinPath(at, "interface");
    if (!reader.Sound(name)) continue;
    if (ports.contains(own->interface)) {
      reader.Fail(name, absl::StrCat(Quote(own->interface), " is the interface of a port"));
    }
    Unique& claimed = routes.try_emplace(own->interface, reader).first->second;
    for (size_t j = 0; j < own->routes.size(); ++j) {
      claimed.Claim(ItemPath(JoinPath(at, "routes"), j), own->routes[j].ToString());
    }
    const auto [owner, first] = owners.try_emplace(own->interface, i);
    if (first) continue;
    const GateConfig& other = config.tunnels[owner->second].gate;
    const std::string sharer = At("tunnels", owner->second, other.tun ? "gate.tun" : "gate.tap");
    if (!gate.tun || !other.tun) {
      reader.Fail(name, absl::StrCat(Quote(own->interface), " is taken by ", sharer,
                                     ": only TUN interfaces serve several tunnels"));
    } else if (own->routes.empty() || other.tun->routes.empty()) {
      reader.Fail(at, absl::StrCat("shares ", own->interface, " with ", sharer,
                                   ": both need routes, which tell their packets apart"));
    }
    for (const auto& [key, given] :
         {std::pair<const char*, bool>{"address", !own->addresses.empty()},
          {"mtu", own->mtu.has_value()}}) {
      if (given) reader.Fail(JoinPath(at, key), absl::StrCat("stands at ", sharer, " alone"));
    }
  }
}

// Tunnels that are for classes of another one have its interface from here on.
void ResolveClasses(Reader& reader, NodeConfig& config) {
  std::vector<ClassedTunnel> classed;
  for (size_t i = 0; i < config.tunnels.size(); ++i) {
    const TunnelConfig& tunnel = config.tunnels[i];
    const InterfaceGateConfig* const interface = tunnel.gate.interface();
    classed.push_back({.name = tunnel.name,
                       .peer = tunnel.peer,
                       .gate = At("tunnels", i, "gate"),
                       .interface = At("tunnels", i, tunnel.gate.tun ? "gate.tun" : "gate.tap"),
                       .classes = interface != nullptr ? &interface->classes : nullptr,
                       .class_of = tunnel.gate.class_of});
  }
  CheckClasses(reader, classed);
  for (TunnelConfig& tunnel : config.tunnels) {
    if (tunnel.gate.class_of.empty()) continue;
    const auto owner =
        std::find_if(config.tunnels.begin(), config.tunnels.end(),
                     [&](const TunnelConfig& one) { return one.name == tunnel.gate.class_of; });
    if (owner == config.tunnels.end() || !owner->gate.class_of.empty()) continue;
    tunnel.gate.tun = owner->gate.tun;
    tunnel.gate.tap = owner->gate.tap;
    for (std::optional<InterfaceGateConfig>* const own : {&tunnel.gate.tun, &tunnel.gate.tap}) {
      if (own->has_value()) (*own)->classes.clear();
    }
  }
}

// FNV-1a, never 0. Two names of one machine that come to the same number are as good as impossible, and cost probes
// that nobody answers.
uint32_t InterfaceNumber(absl::string_view name) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return std::max(hash, 1u);
}

// What only the node's own machine can tell.
void CheckCpu(Reader& reader, const std::string& at, std::optional<int> cpu) {
  if (!cpu || os::CpuExists(*cpu)) return;
  reader.Fail(at, absl::StrCat("this machine has no CPU ", *cpu));
}

void CheckMachine(const Source& source, Reader& reader, const NodeConfig& config) {
  if (source.key_files == KeyFiles::kIgnore) return;
  CheckCpu(reader, "node.control_cpu", config.node.control_cpu);
  for (size_t i = 0; i < config.ports.size(); ++i) {
    CheckCpu(reader, At("ports", i, "cpu"), config.ports[i].cpu);
  }
}

void ReadKeys(const Source& source, Reader& reader, NodeConfig& config) {
  ReadKey(source, reader, "node.private_key_file", config.node.private_key_file,
          config.node.private_key);
  for (size_t i = 0; i < config.peers.size(); ++i) {
    PeerConfig& peer = config.peers[i];
    ReadKey(source, reader, At("peers", i, "preshared_key_file"), peer.preshared_key_file,
            peer.preshared_key);
  }
  if (source.key_files == KeyFiles::kIgnore || !reader.Sound("node.private_key_file")) return;
  const wire::PublicKey own = config.node.private_key.Public();
  for (size_t i = 0; i < config.peers.size(); ++i) {
    const std::string at = At("peers", i, "public_key");
    if (config.peers[i].public_key == own) reader.Fail(at, "is this node's own");
    RefusePrivate(reader, at, config.peers[i].public_key, config.node.private_key);
  }
  for (size_t i = 0; i < config.maps.size(); ++i) {
    RefusePrivate(reader, At("map", i, "public_key"), config.maps[i].public_key,
                  config.node.private_key);
  }
}

}  // namespace

absl::StatusOr<NodeConfig> ParseNode(const Source& source) {
  return Parse<NodeConfig>(source, NodeSchema(), [&](Reader& reader, NodeConfig& config) {
    Resolve(source, config.node.private_key_file);
    Resolve(source, config.node.control_socket);
    Resolve(source, config.node.state_directory);
    for (PeerConfig& peer : config.peers) Resolve(source, peer.preshared_key_file);
    for (TunnelConfig& tunnel : config.tunnels) {
      if (!tunnel.gate.unix_socket) continue;
      Resolve(source, tunnel.gate.unix_socket->path);
      if (tunnel.gate.unix_socket->deliver) Resolve(source, *tunnel.gate.unix_socket->deliver);
    }
    CheckSocketPath(reader, "node.control_socket", config.node.control_socket);
    CheckCrypto(reader, config);
    CheckPorts(reader, config);
    CheckMaps(reader, config);
    CheckPeers(reader, config);
    CheckTunnels(reader, config);
    CheckInterfaceGates(reader, config);
    ResolveClasses(reader, config);
    ReadKeys(source, reader, config);
    CheckMachine(source, reader, config);
    config.advice = Advise(reader, source.file, config, source.key_files);
  });
}

uint32_t NodeConfig::NumberOf(const PortConfig& port) const {
  return NumberOf(port.kernel_side()).value_or(0);
}

// It follows from the name of the interface, so that it stays what it is however the file changes (control/reload). Of
// interfaces that a pattern may make a port of, those have one that an endpoint is behind.
std::optional<uint32_t> NodeConfig::NumberOf(absl::string_view interface) const {
  if (interface.empty()) return std::nullopt;
  const auto port_with = [&](auto matches) {
    return std::find_if(ports.begin(), ports.end(),
                        [&](const PortConfig& p) { return !p.is_pattern() && matches(p); });
  };
  auto port = port_with([&](const PortConfig& p) { return p.kernel_side() == interface; });
  if (port == ports.end()) port = port_with([&](const auto& p) { return p.name == interface; });
  if (port != ports.end()) return InterfaceNumber(port->kernel_side());
  if (std::none_of(ports.begin(), ports.end(),
                   [&](const PortConfig& p) { return p.Wants(std::string(interface)); })) {
    return std::nullopt;
  }
  const bool bound = std::any_of(peers.begin(), peers.end(), [&](const PeerConfig& peer) {
    return std::any_of(peer.endpoints.begin(), peer.endpoints.end(),
                       [&](const HostPort& endpoint) { return endpoint.interface == interface; });
  });
  return bound ? InterfaceNumber(interface) : 0;
}

const std::vector<PathRule>& NodeConfig::PathsOf(const TunnelConfig& tunnel) const {
  if (!tunnel.paths.empty()) return tunnel.paths;
  // Of a tunnel that is of another configuration, the place may be another peer's.
  const bool here =
      tunnel.peer_index < peers.size() && peers[tunnel.peer_index].name == tunnel.peer;
  const auto peer = here ? peers.begin() + static_cast<ptrdiff_t>(tunnel.peer_index)
                         : std::find_if(peers.begin(), peers.end(), [&](const PeerConfig& one) {
                             return one.name == tunnel.peer;
                           });
  return peer == peers.end() ? tunnel.paths : peer->paths;
}

absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& path, KeyFiles key_files) {
  return LoadFile<NodeConfig>(path, key_files, ParseNode);
}

absl::StatusOr<NodeConfig> ParseNodeConfig(absl::string_view text, absl::string_view file,
                                           KeyFiles key_files) {
  return ParseNode({text, file, "", key_files});
}

std::string ExampleNodeConfig() {
  return absl::StrCat(
      "# Configuration of warpd. `warp check FILE` says what is wrong with it.\n"
      "# Keys written #key: are optional and stand for their default, or for an example.\n\n",
      ExampleText(NodeSchema()));
}

std::string NodeConfigReference() { return ReferenceTables(NodeSchema()); }

}  // namespace warp::config
