// The payloads of one tunnel that were handed to the dataplane and whose fate is not known yet
// (journey out, step 6). A slot holds one packet until the first path has taken it, or until its
// deadline; its generation tells a late report of an old packet from one of the packet that has the
// slot now. A payload that was cut is done when the last of its packets is; until then its bytes
// are kept, so that it can be withdrawn and cut anew.
#ifndef WARP_CONTROL_TUNNEL_IN_FLIGHT_H_
#define WARP_CONTROL_TUNNEL_IN_FLIGHT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class InFlight {
 public:
  // Both of one width: put together from narrower stores, it could not be read back before what the
  // payload's copy wrote has left the store buffer, 300 ns later.
  struct Ticket {
    uint32_t slot = 0;
    uint32_t generation = 0;
  };
  // Of a payload: by when it must be sent, and its place among those of its tunnel, which grows.
  struct Origin {
    wire::Instant deadline;
    uint64_t number = 0;
  };
  // What several packets of one payload have in common; kWhole: the packet is all of it.
  using Payload = uint16_t;
  static constexpr Payload kWhole = 0xffff;

  // What giving a slot back came to.
  struct Released {
    bool held = false;                    // the ticket still held it
    bool done = false;                    // and the packet was the last of its payload
    wire::Drop lost = wire::Drop::kNone;  // of a payload that is done: why its first lost packet
                                          // was; kCount: all were taken
  };

  // `limit`: slots, at most 65535. Slots are made as they are needed.
  explicit InFlight(size_t limit) : limit_(limit) {}

  size_t free() const { return limit_ - busy_; }
  size_t busy() const { return busy_; }
  size_t unreported() const { return unreported_; }  // of them, those nobody reported about yet

  // A payload of so many packets, 1 or more: Take must follow so many times.
  Payload Begin(uint8_t packets, wire::Bytes bytes);

  // A slot must be free. Cheapest where deadlines ascend.
  Ticket Take(const Origin& origin, Payload payload = kWhole);

  // Of the packet that holds the ticket; nullopt where it no longer does.
  std::optional<Origin> Find(Ticket ticket) const;

  // An lcore has reported about it, or it was submitted once more.
  void NoteReport(Ticket ticket);
  void NoteAgain(Ticket ticket);

  // Gives the slot back: the packet was taken (kCount), or lost for a reason.
  Released Release(Ticket ticket, wire::Drop lost = wire::Drop::kNone);

  // Gives back the slot of a packet that holds its ticket, and of all others of its payload, which
  // is neither sent nor lost. Returns the bytes of one that was cut; nullopt: the packet is all of
  // it.
  std::optional<std::vector<uint8_t>> Withdraw(Ticket ticket);

  // The deadline of the oldest packet in flight; kNever where there is none.
  wire::Instant NextDeadline() const;

  // The oldest packet in flight, if its deadline has passed.
  std::optional<Ticket> Expired(wire::Instant now) const;

 private:
  static constexpr uint16_t kNone = 0xffff;
  struct Slot {
    uint32_t generation = 0;
    bool busy = false;
    bool reported = false;
    Payload payload = kWhole;
    uint16_t older = kNone, newer = kNone;  // by deadline, of those that are busy
    Origin origin;
  };
  struct Parts {
    uint8_t left = 0;  // packets in flight
    wire::Drop lost = wire::Drop::kNone;
    std::vector<uint8_t> bytes;
  };
  bool Holds(Ticket ticket) const;
  void Free(uint16_t slot);
  void Link(uint16_t slot);
  void Unlink(uint16_t slot);

  const size_t limit_;
  size_t busy_ = 0;
  size_t unreported_ = 0;
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_slots_;
  std::vector<Parts> payloads_;  // of those that were cut; as slots, made as they are needed
  std::vector<Payload> free_payloads_;
  uint16_t oldest_ = kNone, newest_ = kNone;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_IN_FLIGHT_H_
