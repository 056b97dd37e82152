// What `warp status` shows of a node, as JSON. docs/status.md explains each field, and a test holds the page against
// what this file writes.
//
// With a thousand peers over eight paths each, the whole takes tens of milliseconds to write. So it is written in
// parts of a few peers or tunnels, one in a turn of the control thread, and each part shows the moment in which it is
// written. Control thread only.
#ifndef WARP_CONTROL_STATUS_STATUS_JSON_H_
#define WARP_CONTROL_STATUS_STATUS_JSON_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "control/cap/cap_book.h"
#include "control/carrier/carrier.h"
#include "control/config/node_config.h"
#include "control/link/links.h"
#include "control/loop/resolver.h"
#include "control/protocol/lan/lan_discovery.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/traffic.h"
#include "control/verdict/link_book.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// The parts of a node whose state the status shows, and what the protocol says about its peers and maps at this moment.
struct NodeView {
  const config::NodeConfig& config;
  const protocol::Node& protocol;
  const lcore::Dataplane& dataplane;
  const Links& links;
  const Traffic& traffic;
  const cap::CapBook* caps = nullptr;            // null: no port has one
  const verdict::LinkBook* link_book = nullptr;  // null: nothing is known of links
  // Of the connection that the port is in, null: it is in none. Null: no port is.
  std::function<const Carrier::Status*(const std::string& port)> carrier;
  std::function<wire::Instant(const std::string& port)> port_since;  // null: since `started`
  uint64_t events = 0;                                               // that were raised
  uint64_t hooks_missed = 0;                 // of these, those that no command was run for
  IcmpCounters icmp;                         // of what is no port's own socket
  const protocol::LanCounts* lan = nullptr;  // null: LAN discovery is off
  // Those with the ids from `first` on, `count` at most; `peer_count` of them in all.
  std::function<std::vector<protocol::PeerStatus>(size_t first, size_t count)> peers;
  size_t peer_count = 0;
  std::vector<protocol::MapStatus> maps;
  // Of the peer or map with this key; null: none is known.
  std::function<std::vector<NameStatus>(const wire::PublicKey&)> names;
  absl::string_view loop;  // the back end of the event loop
  wire::Instant now;
  wire::Instant started;
  bool stopping = false;
};

class NodeStatusText {
 public:
  // Peers, and tunnels, in one part.
  static constexpr size_t kPeersPerPart = 8;
  static constexpr size_t kTunnelsPerPart = 32;

  // `view` is asked anew for each part.
  explicit NodeStatusText(std::function<NodeView()> view) : view_(std::move(view)) {}

  // The parts together are one JSON object on one line, with a newline at its end. Empty: there are no more.
  std::string Next();

 private:
  enum class Stage : uint8_t { kHead, kPeers, kTunnels, kDrops, kEnd };
  std::string NextPart(const NodeView& view);

  const std::function<NodeView()> view_;
  Stage stage_ = Stage::kHead;
  size_t next_ = 0;         // peer or tunnel
  bool has_items_ = false;  // the list has some already
  // Of the tunnels so far. Each is asked once, because its gate asks the kernel what its socket lost.
  std::array<uint64_t, wire::kDropCount> tunnel_drops_{};
};

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_JSON_H_
