#include "control/in_flight.h"

namespace warp::control {

std::optional<InFlight::Ticket> InFlight::Take(protocol::Instant deadline) {
  if (busy_ == limit_) return std::nullopt;
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint16_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint16_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  slot.busy = true;
  slot.deadline = deadline;
  ++busy_;
  ForgetReleased();
  const Ticket ticket{.slot = index, .generation = slot.generation};
  oldest_first_.push_back(ticket);
  return ticket;
}

// The queue never outgrows the slots by much: what was released in order leaves at its front.
void InFlight::ForgetReleased() {
  while (!oldest_first_.empty() && !Holds(oldest_first_.front())) oldest_first_.pop_front();
}

protocol::Instant InFlight::NextDeadline() {
  ForgetReleased();
  return oldest_first_.empty() ? protocol::kNever : slots_[oldest_first_.front().slot].deadline;
}

bool InFlight::Holds(Ticket ticket) const {
  if (ticket.slot >= slots_.size()) return false;
  const Slot& slot = slots_[ticket.slot];
  return slot.busy && slot.generation == ticket.generation;
}

std::optional<protocol::Instant> InFlight::Deadline(Ticket ticket) const {
  if (!Holds(ticket)) return std::nullopt;
  return slots_[ticket.slot].deadline;
}

bool InFlight::Release(Ticket ticket) {
  if (!Holds(ticket)) return false;
  Slot& slot = slots_[ticket.slot];
  slot.busy = false;
  ++slot.generation;
  --busy_;
  free_slots_.push_back(ticket.slot);
  return true;
}

size_t InFlight::Expire(protocol::Instant now) {
  size_t expired = 0;
  while (!oldest_first_.empty()) {
    const Ticket ticket = oldest_first_.front();
    const std::optional<protocol::Instant> deadline = Deadline(ticket);
    if (deadline.has_value() && *deadline > now) break;
    if (deadline.has_value() && Release(ticket)) ++expired;
    oldest_first_.pop_front();
  }
  return expired;
}

}  // namespace warp::control
