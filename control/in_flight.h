// The payloads of one tunnel that were handed to the dataplane and whose fate is not known yet
// (design: Out 6). A slot holds one packet until the first path has taken it, or until its
// deadline; its generation tells a late report of an old packet from one of the packet that has the
// slot now.
#ifndef WARP_CONTROL_IN_FLIGHT_H_
#define WARP_CONTROL_IN_FLIGHT_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "control/protocol/time.h"

namespace warp::control {

class InFlight {
 public:
  struct Ticket {
    uint16_t slot = 0;
    uint32_t generation = 0;
  };

  // `limit`: slots, at most 65535. Slots are made as they are needed.
  explicit InFlight(size_t limit) : limit_(limit) {}

  size_t free() const { return limit_ - busy_; }
  size_t busy() const { return busy_; }

  // nullopt where every slot is busy. Deadlines are expected in ascending order, give or take:
  // Expire looks at the oldest ticket first.
  std::optional<Ticket> Take(protocol::Instant deadline);

  // The deadline of the packet that holds the ticket; nullopt where it no longer does.
  std::optional<protocol::Instant> Deadline(Ticket ticket) const;

  // Gives the slot back. False where the ticket no longer held it.
  bool Release(Ticket ticket);

  // The deadline of the oldest packet in flight; kNever where there is none.
  protocol::Instant NextDeadline();

  // Gives back every slot whose deadline has passed; returns how many there were.
  size_t Expire(protocol::Instant now);

 private:
  struct Slot {
    uint32_t generation = 0;
    bool busy = false;
    protocol::Instant deadline;
  };
  bool Holds(Ticket ticket) const;
  void ForgetReleased();

  const size_t limit_;
  size_t busy_ = 0;
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_slots_;
  std::deque<Ticket>
      oldest_first_;  // tickets that were released stay until Expire or Take passes them
};

}  // namespace warp::control

#endif  // WARP_CONTROL_IN_FLIGHT_H_
