// The packets of one tunnel that were handed to the dataplane and whose fate is not known yet (journey out, step 6).
//
// A packet holds a slot until the first path has taken it, or until it is lost; its ticket names the slot and its
// generation. A payload that was fragmented is done when the last of its packets is. Until then its bytes are kept,
// so that it can be withdrawn and fragmented anew.
//
// A packet that is still with a worker at its deadline is overdue: it limits nothing any more, but it holds its slot
// until the worker says whether it has sent it. Nobody else can know, so nobody else counts it.
#ifndef WARP_CONTROL_TUNNEL_PACE_IN_FLIGHT_H_
#define WARP_CONTROL_TUNNEL_PACE_IN_FLIGHT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/slot_ticket.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class InFlight {
 public:
  // When a payload must have been sent, its number among those of its tunnel, which grows, the paths that it takes, its
  // flow, its place in the tunnel's order, if it has one, and whether it goes ahead of those that wait.
  struct Origin {
    wire::Instant deadline;
    uint64_t number = 0;
    wire::PathMask paths = wire::kAllPaths;
    wire::Flow flow;
    std::optional<uint32_t> place;
    bool ahead = false;
  };
  // The number that the packets of one fragmented payload share. kWhole: the packet is the whole payload.
  using Payload = uint16_t;
  static constexpr Payload kWhole = 0xffff;

  // The result of releasing a slot.
  struct Released {
    bool held = false;         // the ticket still held it
    bool done = false;         // the ticket held it, and its packet was the last of its payload
    bool was_overdue = false;  // of a payload that is done: the call of MakeOverdue was told so
    // Why the first lost packet of a payload that is done was lost. kNone: paths took all of them.
    wire::Drop lost = wire::Drop::kNone;
  };

  // `limit`: slots, at most 65535. They are made as they are needed. Where another had the index before, its tickets
  // had generations below `first_generation`.
  InFlight(uint16_t tunnel_index, size_t limit, uint32_t first_generation = 0);

  // A generation that no ticket has had.
  uint32_t next_generation() const { return newest_generation_ + 1; }

  // How many packets may be taken now.
  size_t free() const { return std::min(limit_ - busy_, kMaxSlots - busy_ - overdue_); }
  size_t busy() const { return busy_; }        // packets in flight that are not overdue
  size_t overdue() const { return overdue_; }  // packets that a worker has kept past their deadline
  size_t unreported() const { return unreported_; }  // packets in flight that no report was about

  // Begins a payload of `packets` packets, 1 or more. As many calls of Take must follow.
  Payload Begin(uint8_t packets, wire::Bytes bytes);

  // Takes a slot, of which one must be free. Costs least where deadlines ascend.
  wire::SlotTicket Take(const Origin& origin, Payload payload = kWhole);

  // Of the packet that holds the ticket; nullopt where none does any more.
  std::optional<Origin> Find(wire::SlotTicket ticket) const;

  // An lcore has reported about the packet; control has it back, as every path refused it; or it was submitted once
  // more, so that a report is due again. Tickets that hold nothing are ignored.
  void NoteReport(wire::SlotTicket ticket);
  void NoteKept(wire::SlotTicket ticket);
  void NoteAgain(wire::SlotTicket ticket);
  // Whether control has the packet back.
  bool Keeps(wire::SlotTicket ticket) const;

  // Releases the slot of a packet that a path has taken (kNone) or that was lost for a reason.
  Released Release(wire::SlotTicket ticket, wire::Drop lost = wire::Drop::kNone);

  // Releases the slot of a packet, which must hold its ticket, and those of all other packets of its payload; the
  // payload is then neither sent nor lost. Returns the bytes of a fragmented payload; nullopt: the packet is the
  // whole payload.
  std::optional<std::vector<uint8_t>> Withdraw(wire::SlotTicket ticket);

  // Makes a packet overdue, which must hold its ticket and be with a worker. True for the first one of its payload.
  bool MakeOverdue(wire::SlotTicket ticket);

  // The deadline of the oldest packet in flight that is not overdue; kNever where there is none.
  wire::Instant NextDeadline() const;

  // That packet, if its deadline has passed.
  std::optional<wire::SlotTicket> Expired(wire::Instant now) const;

 private:
  static constexpr uint16_t kNone = 0xffff;
  static constexpr size_t kMaxSlots = kNone;
  struct Slot {
    uint32_t generation = 0;
    bool busy = false;
    bool reported = false;
    bool kept = false;  // by control, which has it back
    bool overdue = false;
    Payload payload = kWhole;
    uint16_t older = kNone, newer = kNone;  // neighbours by deadline among the busy slots
    Origin origin;
  };
  struct Parts {
    uint8_t left = 0;      // packets in flight
    bool overdue = false;  // some packet is
    wire::Drop lost = wire::Drop::kNone;
    std::vector<uint8_t> bytes;
  };
  wire::SlotTicket TicketOf(uint16_t index) const;
  bool Holds(wire::SlotTicket ticket) const;
  void Leave(uint16_t index);
  void Free(uint16_t index);
  void FreePayload(Payload payload);
  void Link(uint16_t index);
  void Unlink(uint16_t index);

  const uint16_t tunnel_index_;
  const size_t limit_;
  const uint32_t first_generation_;
  uint32_t newest_generation_ = first_generation_;
  size_t busy_ = 0;
  size_t overdue_ = 0;
  size_t unreported_ = 0;
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_slots_;
  std::vector<Parts> payloads_;  // the fragmented ones; made as they are needed, too
  std::vector<Payload> free_payloads_;
  uint16_t oldest_ = kNone, newest_ = kNone;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_PACE_IN_FLIGHT_H_
