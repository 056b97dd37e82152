// Sends the protocol's datagrams out of a port: asks for the next hop, writes the frame and gives it to the port's
// worker. The datagrams are handshakes, probes and map traffic, which are sealed already or in clear by design.
//
// An answer goes back the way the question came: through the same port, with addresses and MACs turned round. Nothing
// is asked or remembered for it, so that nobody, with or without a key, costs a node more than the answer.
//
// A datagram whose next hop is still being resolved waits for it, so that the first handshake over a new path is not
// lost to ARP. At most kParked datagrams of one flow wait, for at most a second. Where too many flows wait, the one
// that has waited longest makes room: a neighbour that is there answers within milliseconds, and a peer whose endpoints
// never answer must not hold all places. Control thread only.
#ifndef WARP_CONTROL_LINK_TRANSMITTER_H_
#define WARP_CONTROL_LINK_TRANSMITTER_H_

#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "control/link/next_hop_table.h"
#include "control/protocol/transmit.h"
#include "dataplane/facade/counters.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/nat64_prefix.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// What the transmitter must know of an open port.
struct PortAddressing {
  Outlet outlet;
  wire::MacAddress mac;
  uint16_t listen_port = 0;
  std::optional<wire::Nat64Prefix> nat64 = {};  // IPv4 endpoints are written to by it
};

class Transmitter {
 public:
  // Both outlive it.
  Transmitter(lcore::Dataplane& dataplane, NextHopTable& next_hops);

  void SetPort(wire::PortId port, PortAddressing addressing);
  void RemovePort(wire::PortId port);

  void Send(wire::Instant now, const protocol::Transmit& transmit);
  // The next hop of this flow changed: the datagrams that waited for it are sent, or dropped by name.
  void NextHopChanged(wire::Instant now, wire::PortId port, const Flow& flow);
  // Drops datagrams that waited too long. Call about once a second.
  void Expire(wire::Instant now);

  const lcore::DropCounters& drops() const { return drops_; }

 private:
  static constexpr size_t kParked = 8;
  static constexpr size_t kMaxWays = 256;
  static constexpr wire::Duration kPatience = std::chrono::seconds(1);

  using Way = std::pair<wire::PortId, Flow>;
  struct Parked {
    wire::Instant since;
    protocol::Transmit transmit;
  };
  // Where the datagram goes, as the wire has it.
  static wire::Endpoint Target(const PortAddressing& from, const protocol::Transmit& transmit) {
    return from.nat64 ? from.nat64->Embed(transmit.to) : transmit.to;
  }
  void SendAnswer(const PortAddressing& from, const protocol::Transmit& transmit);
  void SendFrame(const PortAddressing& from, const wire::MacAddress& to_mac,
                 const wire::IpAddress& source, const protocol::Transmit& transmit);
  void Park(wire::Instant now, const Flow& flow, const protocol::Transmit& transmit);
  void ForgetLongestWaiting();

  lcore::Dataplane& dataplane_;
  NextHopTable& next_hops_;
  absl::flat_hash_map<wire::PortId, PortAddressing> ports_;
  absl::flat_hash_map<Way, std::deque<Parked>> parked_;
  lcore::DropCounters drops_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_TRANSMITTER_H_
