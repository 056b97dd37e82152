// The sending half of a tunnel (journey out, steps 1, 2 and 6): payloads of the application wait here, and
// only here, until the peer can be sent to; then they are cut to fit the paths, given their inner
// header and submitted. A counter is not taken before that, so a payload that waited is never a gap
// in the window.
//
//                            refused before it was sealed
//                        ┌───────────────────────────────┐
//                        ▼                               │
//   application ──► waiting (bounded, oldest kept) ──► in flight (bounded) ──► taken by a path
//                        │ deadline                      │    ▲    │ deadline
//                        ▼                  all refused  ▼    │    ▼
//                      dropped                          refused  dropped
//
// What every path refused goes again, the same sealed bytes. What was refused before it was sealed
// (the last path or the session went while it lay in a ring, or the ring was full) waits again as
// a payload: it is cut for the paths, and sealed under the session, that there are then. Of one
// that was cut, one such packet takes back all of it: the counters of its packets are reserved under
// a session that may be gone, their size is that of paths that may be gone. The peer cannot complete
// the old packets, since that one never leaves.
//
// Both go oldest first, before anything new, and as the send window says. So the tunnel goes at the
// rate of its fastest path, and a path that takes nothing slows down nobody.
#ifndef WARP_CONTROL_TUNNEL_TUNNEL_SENDER_H_
#define WARP_CONTROL_TUNNEL_TUNNEL_SENDER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "control/tunnel/in_flight.h"
#include "control/tunnel/peer_route.h"
#include "control/tunnel/send_window.h"
#include "control/tunnel/submitter.h"
#include "dataplane/facade/counters.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class TunnelSender {
 public:
  struct Options {
    uint16_t tunnel_index = 0;  // of this node; completions come back by it
    uint16_t tunnel_id = 0;     // on the wire
    wire::Duration deadline{};
    size_t max_waiting = 1024;  // payloads
    size_t max_waiting_bytes = 4u << 20;
    size_t max_in_flight = 1024;  // packets
  };

  // `route` is the peer's and outlives the sender, as do the others. `done` is told, from within the
  // calls below, of how many more payloads the fate is known: sent (a path took it; of one that was
  // cut, all its packets) or dropped by name. Each payload given to Send is told of once.
  TunnelSender(const Options& options, const PeerRoute& route, lcore::Dataplane& dataplane,
               Submitter& submitter, std::function<void(size_t payloads)> done = nullptr);

  // A datagram of the application. Sent at once where possible, else copied and kept.
  void Send(wire::Instant now, wire::Bytes payload);

  // What became of a packet of ours; Completion.slot's low half is our ticket.
  void HandleCompletion(wire::Instant now, lcore::Completion completion);

  // Sends what waits and may go now, repeats what every path refused, drops what is past its
  // deadline. To be called when the route changed, and at NextTimeout.
  void Pump(wire::Instant now);

  // When Pump has something to do: at once, where that is past; kNever where it has not. Changes
  // with every call above.
  wire::Instant NextTimeout() const;

  // Nothing stands in the way but that the lcores have yet to get on with what they have, and with what waits for a slot or
  // since an outage: another payload is better left where it is, until that is done with.
  bool lcores_behind() const {
    return (in_flight_.free() == 0 || !waiting_.empty()) && refused_.empty() && window_.widest() &&
           route_.ready();
  }

  bool idle() const { return waiting_.empty() && in_flight_.busy() == 0; }
  size_t waiting() const { return waiting_.size(); }
  size_t in_flight() const { return in_flight_.busy(); }
  uint64_t accepted() const { return accepted_; }  // payloads taken from the application
  uint64_t sent() const { return sent_; }          // payloads that a path has taken
  const lcore::DropCounters& drops() const { return drops_; }

 private:
  using Origin = InFlight::Origin;
  struct Waiting {
    std::vector<uint8_t> payload;
    wire::Instant deadline;
  };
  struct Refused {  // sealed, and refused by every path: waits for its next attempt
    lcore::Sealed sealed;
    InFlight::Ticket ticket;
    uint64_t number = 0;
  };

  void Offer(wire::Instant now, wire::Bytes payload);
  void Wait(const Origin& origin, std::vector<uint8_t> payload);
  // True when the payload is done with: submitted, or dropped by name.
  bool TrySend(wire::Instant now, const Origin& origin, wire::Bytes payload);
  bool TrySendFragments(wire::Instant now, const Origin& origin, wire::Bytes payload,
                        size_t max_plaintext);
  // What goes with it may be added to until the next one.
  lcore::SendRequest& SubmitPacket(wire::Instant now, InFlight::Ticket ticket,
                                   lcore::Plaintext packet);
  wire::WorkerId Home() const { return route_.homes[options_.tunnel_index % route_.homes.size()]; }
  void NoteReport(wire::Instant now, lcore::Completion completion);
  void NoteRefusal(wire::Instant now, const lcore::Completion& completion);
  void Keep(Refused item);
  void TakeBack(const Origin& origin, InFlight::Ticket ticket, lcore::Plaintext packet);
  void ExpireOld(wire::Instant now);
  bool TrySendOldestWaiting(wire::Instant now);
  void RetryOldest(wire::Instant now);
  void ForgetSettled();

  bool Settle(InFlight::Ticket ticket, wire::Drop lost);
  void DropPayload(wire::Drop reason);
  void TellDone();

  bool something_waits() const { return !refused_.empty() || !waiting_.empty(); }
  bool oldest_is_unsealed() const {
    return !waiting_.empty() &&
           (refused_.empty() || waiting_.begin()->first < refused_.front().number);
  }
  bool MayGo(wire::Instant now) const {
    return in_flight_.unreported() < window_.size() && now >= window_.next_attempt();
  }

  const Options options_;
  const PeerRoute& route_;
  lcore::Dataplane& dataplane_;
  Submitter& submitter_;

  std::map<uint64_t, Waiting> waiting_;  // by number, oldest first
  size_t waiting_bytes_ = 0;
  InFlight in_flight_;
  std::deque<Refused> refused_;  // oldest first; each holds its ticket
  SendWindow window_;
  bool short_of_slots_ = false;  // the oldest that waits needs more than are free

  const std::function<void(size_t)> done_;
  size_t untold_ = 0;  // payloads done since it was told

  uint64_t accepted_ = 0;  // numbers them, too
  uint64_t sent_ = 0;
  lcore::DropCounters drops_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_TUNNEL_SENDER_H_
