// The inbound stages of a worker: a burst of frames from a port becomes opened payloads, handshake messages and foreign
// frames for control. They stand in the order of a packet's journey, one file each, with the numbers of
// docs/packet-journey.md:
//
//   in    1 rx.cc         receive, parse, linearise; WARP's frames or foreign ones
//         2 classify.cc   sealed, handshake or neither; session and path
//           look.cc       the window, before any cryptography
//           defer.cc      leaves aside what another worker is opening at this moment
//         3 open.cc       authenticate and decrypt, as a burst; 4 claim
//         5 deliver.cc    to control
//
// A frame is foreign if it is no WARP datagram to one of the port's addresses.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_IN_INGRESS_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_IN_INGRESS_H_

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/pipeline/in/first_table.h"
#include "dataplane/lcore/pipeline/in/in_packet.h"
#include "dataplane/lcore/pipeline/turn/burst.h"
#include "dataplane/lcore/pipeline/turn/turn.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {

class Ingress {
 public:
  // `lane` is that of the worker. `defers`: other workers may receive copies of the same payloads. All three outlive
  // it.
  Ingress(Turn& turn, Lane& lane, FirstTable& firsts, bool defers);
  ~Ingress();
  Ingress(const Ingress&) = delete;
  Ingress& operator=(const Ingress&) = delete;

  // The journey of one burst of a port: these three calls, in this order.
  void Receive(const PortView& port);
  void Classify(const PortView& port);
  void OpenNew(const PortView& port);
  // Once in a turn, after all ports: the packets that the turn before left aside.
  void Revisit();

  // Between turns nothing is here but deferred packets.
  bool idle() const { return in_.empty() && opening_.empty(); }

 private:
  // The stages look to deliver, until the burst is used up.
  void OpenRounds(const PortView& port, bool defer);
  bool Look(const PortView& port);
  void Defer(const PortView& port);
  void Open(const PortView& port);
  void Claim(const PortView& port);
  void Deliver(const PortView& port);

  void Sort(const PortView& port, rte_mbuf* frame);
  void CountLosses(const PortView& port);
  wire::Drop FindReceiveSession(const PortView& port, uint32_t receiver_index,
                                InPacket* packet) const;
  bool IsOurs(const PortView& port, const wire::UdpFrame& udp) const;
  void LeaveToKernel(const PortView& port, rte_mbuf* frame);
  void HandleUnsealed(const PortView& port, const InPacket& packet, wire::Bytes datagram);
  void HandleHandshake(const PortView& port, const InPacket& packet, wire::MessageType type);
  wire::Drop CheckReply(wire::Bytes datagram) const;
  HandshakeRank RankOf(const InboundMeta& meta, wire::MessageType type, wire::Bytes datagram) const;
  void GiveHandshake(const PortView& port, HandshakeRank rank, rte_mbuf* packet);
  void CompareWithFirst(const InPacket& packet);
  void NoteFirst(const InPacket& packet);
  // `tag`: of the packet, which ends its datagram.
  static FirstTable::Copy CopyOf(const InPacket& packet, const uint8_t* tag);
  uint64_t RoomInControl(const PortView& port) const;
  void CountGiven(const PortView& port, size_t given);
  void GiveToControl(const PortView& port, Ring<rte_mbuf*>& ring, std::span<rte_mbuf*> packets);

  Turn& turn_;
  Lane& lane_;
  FirstTable& firsts_;
  const bool defers_;
  const double ns_per_cycle_;

  Burst<InPacket> in_;       // received, and not yet let through by Look
  Burst<InPacket> opening_;  // let through in this round
  // One burst holds the packets deferred in this turn, the other those of the turn before.
  std::array<Burst<DeferredPacket>, 2> deferred_;
  uint8_t deferring_ = 0;  // the burst of this turn
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_IN_INGRESS_H_
