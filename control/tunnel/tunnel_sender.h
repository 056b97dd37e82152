// The sending half of a tunnel (journey out, steps 1, 2 and 6). Payloads of the application wait here, and only here,
// until the peer can be sent to. Then the tunnel fragments them to fit the paths, writes their inner headers and
// submits them. It takes no counter before that, so that a payload that waited is never a gap in the peer's window.
//
//                            refused before it was sealed
//                        ┌───────────────────────────────┐
//                        ▼                               │
//   application ──► waiting (bounded, oldest kept) ──► in flight (bounded) ──► taken by a path
//                        │ deadline                      │    ▲    │ deadline
//                        ▼                  all refused  ▼    │    ▼
//                      dropped                          refused  dropped
//
// A packet that every path refused goes again with the same sealed bytes. A packet that was refused before it was
// sealed (the last path or the session went while it lay in a ring, or the ring was full) waits again as a payload:
// when it can go, the tunnel fragments it for the paths and seals it under the session of that time. One such packet
// of a fragmented payload takes the whole payload back, because the counters of its packets were reserved under a
// session that may be gone, and their size is that of paths that may be gone. The peer cannot complete the old
// packets, because the one that came back never left.
//
// Both kinds go oldest first, before anything new, and at the pace of the send window. So the tunnel sends at the
// rate of its fastest path, and a path that takes nothing slows down no other.
//
// Where the peer has a bond, that says when each payload goes, and by which paths (bond/peer_bond.h). The payloads wait
// here all the same. Those that may have to be sent once more are kept until the peer has them. Where payloads are
// spread, those that others wait for go ahead of the rest, and have no place in the order: else the peer would hold
// them back behind what they have overtaken.
#ifndef WARP_CONTROL_TUNNEL_TUNNEL_SENDER_H_
#define WARP_CONTROL_TUNNEL_TUNNEL_SENDER_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "control/config/tunnel_policy.h"
#include "control/parity/parity_maker.h"
#include "control/tunnel/bond/packet_maker.h"
#include "control/tunnel/bond/peer_bond.h"
#include "control/tunnel/bond/sent_payloads.h"
#include "control/tunnel/pace/in_flight.h"
#include "control/tunnel/pace/send_window.h"
#include "control/tunnel/route/peer_route.h"
#include "control/tunnel/submitter.h"
#include "dataplane/facade/counters.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/slot_ticket.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class TunnelSender : public BondMember {
 public:
  struct Options {
    uint16_t tunnel_index = 0;  // of this node; completions come back by it
    uint16_t tunnel_id = 0;     // on the wire
    wire::Duration deadline{};  // at first
    size_t max_waiting = 1024;  // payloads
    size_t max_waiting_bytes = 4u << 20;
    size_t max_in_flight = 1024;  // packets
    bool flows = false;           // payloads bring their flows along; else their DSCP stays here
    SharedRoom* room = nullptr;   // of the node, for what may have to be sent again
    // In the order. A tunnel that was here before under this id, in this life of the node, has had all places below:
    // the peer would take them for payloads that it has.
    uint32_t first_place = 0;
    uint32_t first_generation = 0;  // of its tickets, where another tunnel had the index before
  };

  // `route` is the peer's; it and the others outlive the sender. The calls below call `done` with the number of
  // payloads that need no more of the gate: they were sent (paths took every packet of the payload), were dropped by
  // name, or are late while a worker has them, which says later which of the two they were. Each payload given to Send
  // counts once.
  TunnelSender(const Options& options, const PeerRoute& route, lcore::Dataplane& dataplane,
               Submitter& submitter, std::function<void(size_t payloads)> done = nullptr);

  // From now on the bond of the peer says what goes when. It outlives the sender.
  void SetBond(wire::Instant now, PeerBond& bond);
  // How the tunnel uses the paths of its peer, of which `allowed` may carry its payloads.
  void SetPolicy(wire::Instant now, const config::TunnelPolicy& policy);
  void SetAllowed(PeerBond::Allowed allowed);
  // What is taken from now on has this much time; what waits has no more.
  void SetDeadline(wire::Instant now, wire::Duration deadline);
  // Looks again which of the route's paths are allowed.
  void RouteChanged();
  // The peer has started anew. What was taken as an answer to one of its flows until now is dropped (unknown_flow) when
  // its turn comes, since the number is another application's now, and no parity restores it.
  void EndAnswers() {
    answers_from_ = accepted_;
    parity_.Clear();
  }

  // Sends a datagram of the application at once where possible; else copies and keeps it. kAhead: it may overtake the
  // others.
  enum class Turn : uint8_t { kInOrder, kAhead };
  void Send(wire::Instant now, wire::Bytes payload, const wire::Flow& flow = {},
            Turn turn = Turn::kInOrder);

  // A report about a packet of this tunnel. Reports that come too late to matter are ignored.
  void HandleCompletion(wire::Instant now, lcore::Completion completion);

  // Sends what waits and may go now, repeats what every path refused, and drops what is past its deadline. Call it
  // when the route changed, and at NextTimeout.
  void Pump(wire::Instant now);

  // When Pump has something to do next; kNever where it has nothing to do. Changes with every call above.
  wire::Instant NextTimeout() const;

  // True when the workers are the only bottleneck. The gate should then leave further payloads in its socket.
  bool lcores_behind() const {
    const bool waits = bond_ == nullptr && !waiting_.empty();
    return (room() == 0 || waits) && refused_.empty() && window_.widest() && route_.ready();
  }

  // Nothing waits, and nothing that is still of use is in flight.
  bool idle() const { return waiting_.empty() && in_flight_.busy() == 0; }
  size_t waiting() const { return waiting_.size(); }
  // What is lost where the tunnel ends now: what waits, and packets that every path refused.
  size_t left() const { return waiting_.size() + refused_.size(); }
  // Packets whose fate is not known yet, those that a worker has kept past their deadline included.
  size_t in_flight() const { return in_flight_.busy() + in_flight_.overdue(); }
  uint64_t accepted() const { return accepted_; }  // payloads taken from the application
  uint64_t sent() const { return sent_; }          // payloads that a path has taken
  uint64_t by_room() const { return sent_payloads_.by_room(); }
  uint32_t next_place() const { return next_place_; }  // that no payload has had
  uint32_t next_generation() const { return in_flight_.next_generation(); }  // that no ticket has
  const lcore::DropCounters& drops() const { return drops_; }
  const config::TunnelPolicy& policy() const { return policy_; }
  const PeerBond* bond() const { return bond_; }
  const parity::ParityMaker& parity() const { return parity_; }
  uint16_t index() const { return options_.tunnel_index; }  // of this node
  // The largest payload that goes in one piece over each path that may carry it, whatever the policy puts in front or
  // beside; 0: there is no path.
  size_t room_in_one_piece() const;

 private:
  using Origin = InFlight::Origin;

  // BondMember.
  Left Leave(wire::Instant now, const bonding::Grant& grant) override;
  void Settled(uint64_t number) override { sent_payloads_.Forget(number); }

  struct Waiting {
    std::vector<uint8_t> payload;
    Origin origin;
  };
  struct Refused {  // a sealed packet that every path refused; it waits for its next attempt
    lcore::Sealed sealed;
    wire::SlotTicket ticket;
    uint64_t number = 0;
  };

  void Offer(wire::Instant now, wire::Bytes payload, const wire::Flow& flow, Turn turn);
  void OfferToBond(wire::Instant now, wire::Bytes payload, Origin origin);
  bool MayGoAhead() const;
  void NoteAccepted(const Origin& origin);
  bool PeerKnowsFlows() const;
  wire::Flow Carried(const wire::Flow& flow) const;
  bool Submit(wire::Instant now, const Origin& origin, wire::Bytes payload,
              const bonding::Grant* grant);
  void SubmitAgain(wire::Instant now, const Origin& origin, std::vector<lcore::Plaintext>& packets,
                   std::optional<uint64_t> first);
  bool SubmitGranted(wire::Instant now, const bonding::Grant& grant, wire::Bytes payload,
                     Origin origin);
  bool Resends() const;
  size_t FrameAround(wire::PathMask paths) const;
  uint32_t SizeOf(size_t payload, const Origin& origin) const;
  bonding::Grant GrantOf(wire::Instant now, const Origin& origin, size_t payload) const;
  bool Sequences() const;
  // tunnel_sender_parity.cc.
  bool ParityWorks() const;
  wire::PathMask AvoidedByBlock(wire::Instant now);
  void AddToBlock(wire::Instant now, const Origin& origin, wire::Bytes payload);
  void EndBlock(wire::Instant now);
  bool SubmitParity(wire::Instant now, const bonding::Grant& grant,
                    const parity::ParityMaker::Parity& parity);
  Left LeaveParity(wire::Instant now, const bonding::Grant& grant);
  PacketMaker::Room RoomOn(wire::PathMask paths) const;
  PacketMaker::Sequence SequenceOf(wire::Instant now, const Origin& origin) const;
  bool MayComeLater(wire::Instant now, wire::PathMask paths) const;
  void Wait(const Origin& origin, std::vector<uint8_t> payload);
  // True when the payload needs nothing more: it was submitted, or dropped by name.
  bool TrySend(wire::Instant now, const Origin& origin, wire::Bytes payload);
  // The caller may fill in the request until the next call.
  lcore::SendRequest& SubmitPacket(wire::Instant now, const Origin& origin, InFlight::Payload whole,
                                   lcore::Plaintext packet);
  wire::WorkerId Home(wire::PathMask paths) const;
  void NoteReport(wire::Instant now, lcore::Completion completion);
  void NoteRefusal(wire::Instant now, const lcore::Completion& completion);
  void Keep(Refused item);
  void TakeBack(wire::Instant now, const Origin& origin, wire::SlotTicket ticket,
                lcore::Plaintext packet);
  wire::PathMask PresentPaths(wire::PathMask paths) const;
  void Expire(wire::Instant now);
  bool TrySendOldestWaiting(wire::Instant now);
  void RetryOldest(wire::Instant now);
  void DiscardSettled();

  bool Settle(wire::SlotTicket ticket, wire::Drop lost);
  void DropPayload(wire::Drop reason);
  void TellDone();

  // Something goes by the pace of the send window.
  bool something_waits() const {
    return !refused_.empty() || (bond_ == nullptr && !waiting_.empty());
  }
  bool oldest_is_unsealed() const {
    return bond_ == nullptr && !waiting_.empty() &&
           (refused_.empty() || waiting_.begin()->first < refused_.front().number);
  }
  // How many packets may be taken now. A tunnel that has none in flight may send a payload of any number of packets.
  size_t room() const {
    const size_t busy = in_flight_.busy(), share = submitter_.shares().share();
    if (busy == 0) return in_flight_.free();
    return std::min(in_flight_.free(), share > busy ? share - busy : 0);
  }
  bool MayGo(wire::Instant now) const {
    return in_flight_.unreported() < window_.size() && now >= window_.next_attempt();
  }

  const Options options_;
  const PeerRoute& route_;
  lcore::Dataplane& dataplane_;
  Submitter& submitter_;

  config::TunnelPolicy policy_;
  wire::Duration deadline_{};
  PeerBond::Allowed allowed_;  // empty: all paths
  wire::PathMask allowed_paths_ = wire::kAllPaths;
  PeerBond* bond_ = nullptr;
  PacketMaker maker_;
  SentPayloads sent_payloads_;
  parity::ParityMaker parity_;
  // Payloads that have a place in the order keep it, or the peer would deliver others before them. So the peer waits
  // for longer than the policy says for some time after that said more, and takes nothing for lost where payloads of
  // before may still be sent again. When the policy has asked for no order for long, later payloads need no place. They
  // are not counted in the places, so that the peer waits for nothing when there is an order again.
  bool gives_places_ = false;
  uint32_t next_place_ = options_.first_place;
  wire::Instant end_places_ = wire::kNever;
  wire::Duration order_before_{};
  wire::Instant order_before_until_{};

  std::map<uint64_t, Waiting> waiting_;  // by number, oldest first
  size_t waiting_bytes_ = 0;
  InFlight in_flight_;
  std::deque<Refused> refused_;  // oldest first; each holds its ticket
  SendWindow window_;
  bool short_of_slots_ = false;  // the oldest that waits needs more than are free

  const std::function<void(size_t)> done_;
  size_t untold_ = 0;  // payloads that finished since done_ was called

  std::vector<uint32_t> sizes_;  // of the frames of a payload

  uint64_t accepted_ = 0;      // also the number of the next payload
  uint64_t answers_from_ = 0;  // the first payload that may answer a flow of the peer
  uint64_t sent_ = 0;
  lcore::DropCounters drops_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_TUNNEL_SENDER_H_
