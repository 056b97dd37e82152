#include "control/tunnel/in_flight.h"

#include <cassert>
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

InFlight::Ticket InFlight::Take(const Origin& origin, Payload payload) {
  assert(busy_ < limit_);
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
  Link(index);
  return {.slot = index, .generation = slot.generation};
}

// From the newest on: only what was withdrawn is older than what is in flight.
void InFlight::Link(uint16_t index) {
  Slot& slot = slots_[index];
  slot.older = newest_;
  slot.newer = kNone;
  while (slot.older != kNone && slots_[slot.older].origin.deadline > slot.origin.deadline) {
    slot.newer = slot.older;
    slot.older = slots_[slot.older].older;
  }
  (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = index;
  (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = index;
}

void InFlight::Unlink(uint16_t index) {
  const Slot& slot = slots_[index];
  (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
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
  Unlink(index);
  Slot& slot = slots_[index];
  if (!slot.reported) --unreported_;
  slot.busy = false;
  ++slot.generation;
  --busy_;
  free_slots_.push_back(index);
}

InFlight::Released InFlight::Release(Ticket ticket, wire::Drop lost) {
  if (!Holds(ticket)) return {};
  Free(static_cast<uint16_t>(ticket.slot));
  const Payload payload = slots_[ticket.slot].payload;
  if (payload == kWhole) return {.held = true, .done = true, .lost = lost};
  Parts& parts = payloads_[payload];
  if (parts.lost == wire::Drop::kNone) parts.lost = lost;
  if (--parts.left > 0) return {.held = true};
  parts.bytes = {};
  free_payloads_.push_back(payload);
  return {.held = true, .done = true, .lost = parts.lost};
}

std::optional<std::vector<uint8_t>> InFlight::Withdraw(Ticket ticket) {
  const Payload payload = slots_[ticket.slot].payload;
  if (payload == kWhole) {
    Free(static_cast<uint16_t>(ticket.slot));
    return std::nullopt;
  }
  for (uint16_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].busy && slots_[index].payload == payload) Free(index);
  }
  free_payloads_.push_back(payload);
  return std::exchange(payloads_[payload].bytes, {});
}

wire::Instant InFlight::NextDeadline() const {
  return oldest_ == kNone ? wire::kNever : slots_[oldest_].origin.deadline;
}

std::optional<InFlight::Ticket> InFlight::Expired(wire::Instant now) const {
  if (NextDeadline() > now) return std::nullopt;
  return Ticket{.slot = oldest_, .generation = slots_[oldest_].generation};
}

}  // namespace warp::control
