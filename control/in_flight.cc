#include "control/in_flight.h"

#include <iterator>
#include <utility>

namespace warp::control {

InFlight::Payload InFlight::Begin(uint8_t packets, wire::Bytes bytes) {
  if (free_payloads_.empty()) {
    free_payloads_.push_back(static_cast<Payload>(payloads_.size()));
    payloads_.emplace_back();
  }
  const Payload payload = free_payloads_.back();
  free_payloads_.pop_back();
  payloads_[payload] = {.left = packets, .bytes = {bytes.begin(), bytes.end()}};
  return payload;
}

std::optional<InFlight::Ticket> InFlight::Take(const Origin& origin, Payload payload) {
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
  slot.origin = origin;
  ++busy_;
  ++unreported_;
  ForgetReleased();
  // Behind one that nobody reports about, the others' tickets would pile up until its deadline.
  if (oldest_first_.size() >= 2 * limit_) {
    std::erase_if(oldest_first_, [this](const Due& old) { return !Holds(old.ticket); });
  }
  const Ticket ticket{.slot = index, .generation = slot.generation};
  // From the end: only what was withdrawn is older than what is in flight.
  auto later = oldest_first_.end();
  while (later != oldest_first_.begin() && std::prev(later)->deadline > origin.deadline) --later;
  oldest_first_.insert(later, {.ticket = ticket, .deadline = origin.deadline});
  return ticket;
}

bool InFlight::Holds(Ticket ticket) const {
  if (ticket.slot >= slots_.size()) return false;
  const Slot& slot = slots_[ticket.slot];
  return slot.busy && slot.generation == ticket.generation;
}

std::optional<InFlight::Origin> InFlight::Find(Ticket ticket) const {
  if (!Holds(ticket)) return std::nullopt;
  return slots_[ticket.slot].origin;
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

void InFlight::Free(uint16_t index) {
  Slot& slot = slots_[index];
  if (!slot.reported) --unreported_;
  slot.busy = false;
  ++slot.generation;
  --busy_;
  free_slots_.push_back(index);
}

InFlight::Released InFlight::Release(Ticket ticket, wire::Drop lost) {
  if (!Holds(ticket)) return {};
  Free(ticket.slot);
  const Payload payload = slots_[ticket.slot].payload;
  if (payload == kWhole) return {.held = true, .done = true, .lost = lost};
  Parts& parts = payloads_[payload];
  if (parts.lost == wire::Drop::kCount) parts.lost = lost;
  if (--parts.left > 0) return {.held = true};
  parts.bytes = {};
  free_payloads_.push_back(payload);
  return {.held = true, .done = true, .lost = parts.lost};
}

std::optional<std::vector<uint8_t>> InFlight::Withdraw(Ticket ticket) {
  const Payload payload = slots_[ticket.slot].payload;
  if (payload == kWhole) {
    Free(ticket.slot);
    return std::nullopt;
  }
  for (uint16_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].busy && slots_[index].payload == payload) Free(index);
  }
  free_payloads_.push_back(payload);
  return std::exchange(payloads_[payload].bytes, {});
}

// The queue never outgrows the slots by much: what was released in order leaves at its front.
void InFlight::ForgetReleased() {
  while (!oldest_first_.empty() && !Holds(oldest_first_.front().ticket)) oldest_first_.pop_front();
}

protocol::Instant InFlight::NextDeadline() {
  ForgetReleased();
  return oldest_first_.empty() ? protocol::kNever : oldest_first_.front().deadline;
}

std::optional<InFlight::Ticket> InFlight::Expired(protocol::Instant now) {
  if (NextDeadline() > now) return std::nullopt;
  return oldest_first_.front().ticket;
}

}  // namespace warp::control
