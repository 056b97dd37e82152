#include "control/in_flight.h"

namespace warp::control {

InFlight::Payload InFlight::Begin(uint8_t packets) {
  if (free_payloads_.empty()) {
    free_payloads_.push_back(static_cast<Payload>(payloads_.size()));
    payloads_.emplace_back();
  }
  const Payload payload = free_payloads_.back();
  free_payloads_.pop_back();
  payloads_[payload] = {.left = packets};
  return payload;
}

std::optional<InFlight::Ticket> InFlight::Take(protocol::Instant deadline, Payload payload) {
  if (busy_ == limit_) return std::nullopt;
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint16_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint16_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  slot.busy = true;
  slot.reported = false;
  slot.payload = payload;
  slot.deadline = deadline;
  ++busy_;
  ++unreported_;
  ForgetReleased();
  // Behind one that nobody reports about, the others' tickets would pile up until its deadline.
  if (oldest_first_.size() >= 2 * limit_) {
    std::erase_if(oldest_first_, [this](Ticket old) { return !Holds(old); });
  }
  const Ticket ticket{.slot = index, .generation = slot.generation};
  oldest_first_.push_back(ticket);
  return ticket;
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

void InFlight::NoteReport(Ticket ticket) {
  if (!Holds(ticket) || slots_[ticket.slot].reported) return;
  slots_[ticket.slot].reported = true;
  --unreported_;
}

void InFlight::NoteAgain(Ticket ticket) {
  if (!Holds(ticket) || !slots_[ticket.slot].reported) return;
  slots_[ticket.slot].reported = false;
  ++unreported_;
}

InFlight::Released InFlight::Release(Ticket ticket, wire::Drop lost) {
  if (!Holds(ticket)) return {};
  NoteReport(ticket);
  Slot& slot = slots_[ticket.slot];
  slot.busy = false;
  ++slot.generation;
  --busy_;
  free_slots_.push_back(ticket.slot);
  if (slot.payload == kWhole) return {.held = true, .done = true, .lost = lost};
  Parts& parts = payloads_[slot.payload];
  if (parts.lost == wire::Drop::kCount) parts.lost = lost;
  if (--parts.left > 0) return {.held = true};
  free_payloads_.push_back(slot.payload);
  return {.held = true, .done = true, .lost = parts.lost};
}

// The queue never outgrows the slots by much: what was released in order leaves at its front.
void InFlight::ForgetReleased() {
  while (!oldest_first_.empty() && !Holds(oldest_first_.front())) oldest_first_.pop_front();
}

protocol::Instant InFlight::NextDeadline() {
  ForgetReleased();
  return oldest_first_.empty() ? protocol::kNever : slots_[oldest_first_.front().slot].deadline;
}

std::optional<InFlight::Ticket> InFlight::Expired(protocol::Instant now) {
  if (NextDeadline() > now) return std::nullopt;
  return oldest_first_.front();
}

}  // namespace warp::control
