// The configuration of warpd, parsed and valid: nothing that reads these structures checks them
// again.
//
// Member initialisers are the defaults; node_config.cc declares each key's unit, range and reason,
// and docs/config.md lists them. An error is InvalidArgument, its message one line for each
// mistake, in the order of the file:
//   FILE:LINE: KEY: what is wrong
#ifndef WARP_CONTROL_CONFIG_NODE_CONFIG_H_
#define WARP_CONTROL_CONFIG_NODE_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/cap/cap_policy.h"
#include "control/config/cap/port_rates.h"
#include "control/config/classes/traffic_class.h"
#include "control/config/file/key_files.h"
#include "control/config/nat64/nat64_choice.h"
#include "control/config/text/endpoint_range.h"
#include "control/config/text/host_port.h"
#include "control/config/tunnel_policy.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/polling.h"
#include "dataplane/wire/port_device.h"
#include "dataplane/wire/session/timers.h"
#include "dataplane/wire/words.h"

namespace warp::config {

using Duration = std::chrono::nanoseconds;

// How peers are found beside what the configuration and maps tell.
enum class Discovery : uint8_t { kNone, kLan };

enum class Hugepages : uint8_t { kAuto, kAlways, kNever };  // kAuto: only with a PCI port

// node.timers: the protocol's, and the one of sessions with maps.
struct TimersConfig : wire::ConfiguredTimers {
  Duration map_rekey_after = std::chrono::hours(1);
};

struct NodeSection {
  // Relative to the working directory if not absolute: see LoadNodeConfig.
  std::string private_key_file;
  wire::SecretKey private_key;  // of that file; zero with KeyFiles::kIgnore
  // So long keys serve that a reload has replaced: the node's own, those of peers, and preshared ones.
  Duration old_keys_for = std::chrono::hours(24);
  uint16_t listen_port = wire::kDefaultPort;  // the UDP source and destination port of every port
  Discovery discover = Discovery::kNone;
  uint16_t max_ports = 8;
  // Threads for the ports without a cpu. Unset: one for each, as far as there are CPUs.
  std::optional<uint16_t> workers;
  // How workers poll. Unset: workers that own their CPU are busy, and the others adaptive.
  std::optional<wire::Polling> polling;
  wire::EngineKind crypto = wire::EngineKind::kAuto;
  // DPDK's name of the device; set if and only if `crypto` is kCryptodev.
  std::string crypto_device;
  Hugepages hugepages = Hugepages::kAuto;
  std::optional<uint32_t> memory_mib;  // unset: computed from max_ports and the MTU
  std::optional<int> control_cpu;      // unset: the kernel chooses
  bool dpdk_telemetry = false;         // a socket of DPDK's own as well
  std::string control_socket = "/run/warp/warpd.sock";
  std::string state_directory = "/var/lib/warp";  // of what is kept over restarts
  uint32_t window = wire::kDefaultWindow;         // counters, a power of two
  // Hooks: commands that are run for each event, a program and its arguments parted by single spaces.
  std::vector<std::string> on_event;
  Duration on_event_timeout = std::chrono::seconds(10);  // after which one is killed
  TimersConfig timers;
};

struct MapServerConfig {
  HostPort address;
  wire::PublicKey public_key;
  std::optional<uint16_t>
      tcp;  // where the map takes TLS connections, at that address; unset: nowhere
};

// When a port's datagrams to the map, and to peers by its relay, go by TCP.
enum class TcpUse : uint8_t { kAuto, kAlways, kNever };
inline constexpr wire::Words<TcpUse, 3> kTcpUseWords = {
    {{"auto", TcpUse::kAuto}, {"always", TcpUse::kAlways}, {"never", TcpUse::kNever}}};

inline constexpr uint8_t kMaxTier = 8;

// An entry of `ports`: a port, or a pattern that stands for a port of each kernel interface that matches.
struct PortConfig {
  std::string name;
  wire::PortDevice device;  // keys `interface` with `driver`, or `pci`, or `devargs`
  // Of a pattern: the interfaces that get no port, by name or by pattern.
  std::vector<std::string> except;
  // Of a port that a pattern has made: the name of that entry. Otherwise empty.
  std::string group;
  bool optional = false;  // a kernel interface that may be absent at start
  // The VLAN of the device that is the port (IEEE 802.1Q); unset: its frames have no tag.
  std::optional<uint16_t> vlan;
  // The interface by which the kernel serves what is not an interface of its own: a device of another kind, or a VLAN.
  // It is a TAP interface of ours, or the kernel's interface of that VLAN. Never empty beside these, and unused beside
  // a kernel interface without a VLAN.
  std::string kernel_interface;
  std::optional<int> cpu;       // the CPU that its worker owns; several ports may name one
  std::optional<uint16_t> mtu;  // unset: the kernel's (the interface's, or the companion's)
  Nat64Choice nat64;
  uint8_t tier = 1;  // 1 to kMaxTier; lower ones are used first
  PortRates rate;
  std::optional<CapPolicy> cap;  // unset: it may carry as much as it can
  TcpUse tcp = TcpUse::kAuto;

  // Null where the device is not the kernel's own.
  const wire::KernelDevice* kernel_device() const {
    return std::get_if<wire::KernelDevice>(&device);
  }
  // The interface whose addresses, routes and neighbours drive the port.
  const std::string& kernel_side() const {
    return kernel_device() != nullptr && !vlan ? kernel_device()->interface : kernel_interface;
  }
  bool is_vlan_of_interface() const { return kernel_device() != nullptr && vlan.has_value(); }
  // A name for a device that a worker polls, which may have several ports. Empty: the port has a socket of its own.
  std::string polled_device() const;

  // --- Connections. ---
  // Whether this is a port in a TLS connection, which warpd makes beside one of the configuration.
  bool is_carried() const {
    return kernel_device() != nullptr && kernel_device()->driver == wire::KernelDriver::kTcp;
  }
  // That port, beside this one of a kernel interface. It is named NAME/tcp.
  PortConfig Carried() const;

  // --- Patterns. ---
  bool is_pattern() const;
  // The pattern stands for a port of this interface, unless another entry does. False for what is no pattern.
  bool Wants(const std::string& interface) const;
  // That port. It is named after its interface and has all other keys of the pattern.
  PortConfig PortFor(const std::string& interface) const;
};

struct PeerConfig {
  std::string name;
  wire::PublicKey public_key;
  std::string preshared_key_file;                   // empty: none
  std::optional<wire::PresharedKey> preshared_key;  // of that file
  std::vector<HostPort> endpoints;  // empty: a map knows them, or the peer initiates
  std::vector<PathRule> paths;      // that may carry payloads; empty: all
};

// A UDP socket as a gate, or several at ports in a row. Key `loopback`, whose addresses are loopback ones and which has
// the first two alone, or `udp`.
struct UdpGateConfig {
  EndpointRange listen;
  // Of listen's family, and with as many ports. Unset: payloads go to whoever sent.
  std::optional<EndpointRange> deliver;
  std::vector<IpPrefix> allow;  // who may send; empty: loopback addresses, and so is `listen`
  std::optional<wire::IpAddress> group;  // multicast that comes in, at listen's port
  std::optional<std::string> interface;  // of multicast, in and out
};

// What becomes of the DSCPs (RFC 2474) of a tunnel's payloads.
enum class DscpPolicy : uint8_t { kDrop, kCopy };

enum class UnixGateType : uint8_t { kDatagram, kSeqpacket };

struct UnixGateConfig {
  std::string path;
  UnixGateType type = UnixGateType::kDatagram;
  uint16_t mode = 0660;              // of the file: connecting and sending need the right to write
  std::optional<std::string> owner;  // the name of a user; unset: the user of warpd
  std::optional<std::string> group;  // the name of a group; unset: the group of warpd
  uint32_t queue = 1;                // the most payloads taken from applications and not sent yet
  std::optional<std::string> deliver;  // the path of a datagram socket; datagram gates only
};

// An interface of the kernel's as a gate: TUN, whose payloads are IP packets, or TAP, whose payloads are Ethernet
// frames.
struct InterfaceGateConfig {
  std::string interface;
  std::vector<InterfaceAddress> addresses;  // key `address`
  std::optional<uint16_t> mtu;              // unset: what the paths carry in one piece
  // Of TUN: where the peer's packets may come from, and what goes to it. Empty: everything.
  std::vector<IpPrefix> routes;
  std::vector<TrafficClass> classes;  // the first that matches has a packet
};

struct GateConfig {  // exactly one is set, but for class_of
  std::optional<UdpGateConfig> loopback;
  std::optional<UdpGateConfig> udp;
  std::optional<UnixGateConfig> unix_socket;  // key `unix`
  std::optional<InterfaceGateConfig> tun;
  std::optional<InterfaceGateConfig> tap;
  // The name of the tunnel for a class of which this one is. `tun` or `tap` is then that tunnel's, without its classes.
  std::string class_of;

  // The one of two that is set; null: neither.
  const UdpGateConfig* socket() const {
    return loopback.has_value() ? &*loopback : udp.has_value() ? &*udp : nullptr;
  }
  const InterfaceGateConfig* interface() const {
    return tun.has_value() ? &*tun : tap.has_value() ? &*tap : nullptr;
  }
};

struct TunnelConfig {
  std::string name;
  uint16_t id = 0;        // the same at both ends; unique for each peer
  std::string peer;       // the name of a peer
  size_t peer_index = 0;  // the place of that peer in NodeConfig::peers
  // A payload that was not sent by then is dropped.
  Duration deadline = kDefaultDeadline;
  uint32_t queue = 1024;                         // the most payloads that may wait
  uint16_t flows = 1;                            // senders that the gate tells apart
  Duration flow_idle = std::chrono::minutes(5);  // after which a flow ends that nothing is sent by
  DscpPolicy dscp = DscpPolicy::kDrop;
  TunnelSettings settings;
  TunnelPolicy policy;          // what `settings` come to
  std::vector<PathRule> paths;  // empty: the peer's; see NodeConfig::PathsOf
  GateConfig gate;

  // Payloads may be of several flows: of several senders, or ports.
  bool has_flows() const {
    const UdpGateConfig* const socket = gate.socket();
    return flows > 1 || (socket != nullptr && socket->listen.ports > 1);
  }
  // The peer has to be told the flow of a payload, or its mark, which a packet of an interface has in it.
  bool tells_flows() const {
    return has_flows() || (gate.socket() != nullptr && dscp == DscpPolicy::kCopy);
  }
};

struct NodeConfig {
  NodeSection node;
  std::vector<MapServerConfig> maps;  // key `map`
  std::vector<PortConfig> ports;      // at least one; at most node.max_ports beside patterns
  std::vector<PeerConfig> peers;
  std::vector<TunnelConfig> tunnels;

  // What is allowed and cannot work as it is meant: a line "FILE:LINE: KEY: ..." for each. Empty: nothing.
  std::string advice;

  // Whether this names a port or a pattern, or the port that a pattern would make.
  bool MayHavePort(absl::string_view name) const;
  // How many ports patterns can make.
  size_t PatternRoom() const;
  // A number that no other port has, by which the endpoints of peers name the port that they are behind. 0: none of
  // them is behind it.
  uint32_t NumberOf(const PortConfig& port) const;
  // The same of the port of this interface, or of this name; nullopt: there is none, nor a pattern that might make it.
  std::optional<uint32_t> NumberOf(absl::string_view interface) const;
  // All ports of the polled device that this one is of, in the order of the file. Empty: none of them has a VLAN, so
  // that there is this one alone.
  std::vector<const PortConfig*> PortsSharingDeviceOf(const PortConfig& port) const;
  // Which paths may carry payloads of this tunnel (MayCarry).
  const std::vector<PathRule>& PathsOf(const TunnelConfig& tunnel) const;
};

// Reads and checks the file at `path`. Relative paths in it are taken from the file's own directory. With
// KeyFiles::kRead, reads the key files that it names as well; key files that others can read are refused, and so is
// this node's own key as that of a peer.
absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& path,
                                          KeyFiles key_files = KeyFiles::kRead);

// Does the same for text in memory, which messages call `file`. Relative paths stay as they are.
absl::StatusOr<NodeConfig> ParseNodeConfig(absl::string_view text, absl::string_view file,
                                           KeyFiles key_files = KeyFiles::kIgnore);

// A commented example that LoadNodeConfig accepts once its key files exist, and the tables of
// docs/config.md.
std::string ExampleNodeConfig();
std::string NodeConfigReference();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_NODE_CONFIG_H_
