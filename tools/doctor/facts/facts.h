// What `warp doctor` has seen of this machine: all that its checks go by. Plain data; what was not seen is unset.
#ifndef WARP_TOOLS_DOCTOR_FACTS_FACTS_H_
#define WARP_TOOLS_DOCTOR_FACTS_FACTS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "dataplane/os/pci_bus.h"
#include "dataplane/wire/endpoint.h"
#include "tools/machine/json.h"

namespace warp::tools {

struct KeyFileFacts {
  std::string path;
  std::optional<mode_t>
      mode;  // unset: it is not there, or a directory above it is closed to this user
  absl::Status
      readable;  // why it holds no key that warpd would take, or that this user may not look
};

struct HugepageFacts {
  uint64_t total = 0;  // bytes
  uint64_t free = 0;
};

struct InterfaceFacts {
  std::string name;
  int index = 0;
  bool loopback = false;
  bool ethernet = false;
  bool up = false;
  bool carrier = false;
  bool multicast = false;
  uint32_t mtu = 0;
  std::vector<wire::IpAddress> addresses;  // that datagrams may leave from
  bool tun = false;                        // a TUN or TAP interface
  std::optional<int> rp_filter;            // what holds for it: 1 is strict
  std::optional<bool> segments_udp;        // tx-udp-segmentation
  bool segments_never = false;             // it is off, and cannot be turned on
  std::optional<bool> gro;                 // generic-receive-offload
};

// A program of `node.on_event`. Unset: it is not there, or a directory above it is closed to this user.
struct HookFacts {
  std::string program;
  std::optional<mode_t> mode;
};

// Where datagrams of this node go.
struct Destination {
  std::string whose;  // "map map.example.net:13116", "peer b"
  wire::Endpoint endpoint;
  std::string interface;  // the only one that leads to a link-local address; empty: any
};

enum class RouteState : uint8_t { kUnknown, kThere, kMissing };

// From one port to one destination of a family that the port's interface has addresses of.
struct RouteFacts {
  std::string interface;
  Destination to;
  RouteState state = RouteState::kUnknown;
  // By which the kernel itself would send there from the same source, and expects the answers; empty: not asked.
  std::string preferred;
  absl::Status knock;  // as of Machine::KnockAt
};

struct NameFacts {
  std::string whose;
  std::string host;
  absl::Status found;
};

// A map that is known by its domain alone.
struct ServiceFacts {
  std::string whose;
  std::string name;  // "_warp-map._udp.example.net"
  // The places that its records name, in their order. NotFound: there are none, and it is the domain itself.
  absl::StatusOr<std::vector<std::string>> places;
};

struct UdpSocketFacts {
  wire::Endpoint local;
  uint32_t user = 0;
  uint64_t inode = 0;
  std::string program;  // "dnsmasq"; empty: this user may not see it
  std::string process;  // its number
};

struct UnixSocketFacts {
  std::string path;
  std::string program;
};

struct Facts {
  // --- The machine. ---
  uid_t user = 0;
  std::string kernel;  // "6.1.0-28-amd64"
  std::optional<std::pair<int, int>> kernel_version;
  std::optional<uint64_t> capabilities;  // in force for this process, a bit for each
  std::optional<uint64_t> descriptors;   // the most that a process may have
  std::optional<std::set<int>> online;   // CPUs
  std::optional<std::set<int>> isolated;
  std::optional<HugepageFacts> hugepages;
  std::optional<bool> clock_synchronised;
  bool tun_device = false;             // /dev/net/tun
  std::optional<uint64_t> buffer_max;  // net.core.rmem_max

  // --- Files of the configuration. ---
  std::vector<KeyFileFacts> keys;
  // What the service of a package could not read when it starts, because it is not root: the configuration, its
  // directory, and keys that its start does not give to it. Empty, too, where the service reads another configuration.
  std::vector<std::string> closed_to_service;
  std::optional<mode_t> control_socket;  // the mode of what is there
  bool control_directory = false;        // the directory is there, or warpd can make it
  std::vector<HookFacts> hooks;

  // --- Ports and interfaces. ---
  std::vector<config::PortConfig> ports;  // of the configuration, with those that patterns make now
  std::vector<os::PciFacts> cards;        // of ports with `pci`, by the address as configured
  std::optional<std::vector<InterfaceFacts>> interfaces;

  // --- The network. ---
  std::vector<NameFacts> names;
  std::vector<ServiceFacts> services;
  std::vector<Destination> destinations;  // each address of each map and peer
  std::vector<RouteFacts> routes;
  Json ruleset;  // of nftables, as `nft -j list ruleset` gives it; null: not seen
  bool legacy_iptables = false;

  // --- Who is there already. ---
  std::optional<std::vector<UdpSocketFacts>>
      udp_sockets;  // at UDP ports that the configuration names
  std::vector<UnixSocketFacts> unix_sockets;
  Json status;                 // of a warpd that answers at the control socket; null: none does
  bool status_closed = false;  // a daemon may be there, and this user may not ask it

  // A sentence for each thing that could not be looked at.
  std::vector<std::string> unseen;

  // Null where there is no such interface, or none was seen.
  const InterfaceFacts* Find(const std::string& name) const {
    if (!interfaces) return nullptr;
    for (const InterfaceFacts& interface : *interfaces) {
      if (interface.name == name) return &interface;
    }
    return nullptr;
  }
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_FACTS_FACTS_H_
