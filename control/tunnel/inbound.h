// Journey in, step 6: hands opened packets to those they are for. Payloads go to their tunnel's gate, sequenced ones
// through its orderer, fragments to reassembly first, parity to the tunnel, control messages to the protocol. Control
// thread only.
#ifndef WARP_CONTROL_TUNNEL_INBOUND_H_
#define WARP_CONTROL_TUNNEL_INBOUND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/reassembler.h"
#include "control/tunnel/tunnel.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

class Inbound {
 public:
  // `protocol` outlives it. `window` is the replay window of peer sessions, in counters: unfinished payloads are kept
  // for as many as it lets in.
  Inbound(protocol::Node& protocol, size_t window);

  // Sessions with peers have another window from now on.
  void SetWindow(size_t window);

  // From now on, payloads of `peer` with the tunnel's id go to this tunnel, which lives until it is removed.
  void AddTunnel(wire::PeerId peer, Tunnel& tunnel);

  // The tunnel, or all of the peer, gets nothing any more: what comes for it has no tunnel.
  void RemoveTunnel(wire::PeerId peer, const Tunnel& tunnel);
  void RemovePeer(wire::PeerId peer);

  // Consumes the packets.
  void Handle(wire::Instant now, std::span<lcore::OpenedPacket> packets);

  // Hands the gathered payloads to the applications. Call once per turn.
  void FlushGates();

  // Gives up fragments and parity that waited too long. Call about once a second.
  void Expire(wire::Instant now);

  const lcore::DropCounters& drops() const { return drops_; }

 private:
  struct Peer {
    explicit Peer(const Reassembler::Limits& limits) : reassembler(limits) {}
    absl::flat_hash_map<uint16_t, Tunnel*> tunnels;  // by id
    Reassembler reassembler;
  };

  void HandleOne(wire::Instant now, lcore::OpenedPacket& packet);
  void HandlePayload(Peer& peer, lcore::OpenedPacket& packet);
  void HandleSequenced(Peer& peer, lcore::OpenedPacket& packet);
  void HandleFragment(wire::Instant now, Peer& peer, const lcore::OpenedPacket& packet);
  void HandleParity(Peer& peer, const lcore::OpenedPacket& packet);
  void NoteAuthentic(wire::Instant now, const lcore::OpenedPacket& packet);
  // `packet` brought the payload, or its last fragment.
  void DeliverTo(Peer& peer, const lcore::OpenedPacket& packet, uint16_t tunnel_id,
                 Delivery payload);
  void DeliverInOrder(Peer& peer, const lcore::OpenedPacket& packet,
                      const wire::SequencedHeader& header, Delivery payload);
  Tunnel* FindTunnel(Peer& peer, uint16_t tunnel_id);  // null, and counted: there is none
  // Null, and counted: there is none, or the payload's flow has ended.
  Tunnel* FindTunnel(Peer& peer, const lcore::OpenedPacket& packet, uint16_t tunnel_id);
  void FlushLater(Tunnel* tunnel);

  protocol::Node& protocol_;
  Reassembler::Limits limits_;
  std::vector<std::unique_ptr<Peer>> peers_;  // by id; null: no tunnel with this peer
  std::vector<Tunnel*> unflushed_;
  lcore::DropCounters drops_;

  // The protocol is told once about a run of packets that came under one session.
  const wire::Session* noted_session_ = nullptr;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_INBOUND_H_
