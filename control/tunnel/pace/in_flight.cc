#include "control/tunnel/pace/in_flight.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace warp::control {

InFlight::InFlight(uint16_t tunnel_index, size_t limit, uint32_t first_generation)
    : tunnel_index_(tunnel_index), limit_(limit), first_generation_(first_generation) {
  assert(limit > 0 && limit <= kNone);
}

InFlight::Payload InFlight::Begin(uint8_t packets, wire::Bytes bytes) {
  assert(packets > 0 && packets <= free());
  if (free_payloads_.empty()) {
    free_payloads_.push_back(static_cast<Payload>(payloads_.size()));
    payloads_.emplace_back();
  }
  const Payload payload = free_payloads_.back();
  free_payloads_.pop_back();
  payloads_[payload] = {.left = packets, .bytes = {bytes.begin(), bytes.end()}};
  return payload;
}

wire::SlotTicket InFlight::Take(const Origin& origin, Payload payload) {
  assert(free() > 0);
  assert(payload == kWhole || payload < payloads_.size());
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint16_t>(slots_.size()));
    slots_.emplace_back().generation = first_generation_;
  }
  const uint16_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  assert(!slot.busy);
  slot.busy = true;
  slot.reported = slot.kept = slot.overdue = false;
  slot.payload = payload;
  slot.origin = origin;
  ++busy_;
  ++unreported_;
  Link(index);
  return TicketOf(index);
}

wire::SlotTicket InFlight::TicketOf(uint16_t index) const {
  return wire::SlotTicket::Of(tunnel_index_, index, slots_[index].generation);
}

// Looks for the place from the newest payload on. Nearly every payload is the newest one; only a payload that was
// withdrawn is older than those in flight.
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

bool InFlight::Holds(wire::SlotTicket ticket) const {
  if (ticket.tunnel() != tunnel_index_ || ticket.index() >= slots_.size()) return false;
  const Slot& slot = slots_[ticket.index()];
  return slot.busy && slot.generation == ticket.generation;
}

std::optional<InFlight::Origin> InFlight::Find(wire::SlotTicket ticket) const {
  if (!Holds(ticket)) return std::nullopt;
  return slots_[ticket.index()].origin;
}

void InFlight::NoteReport(wire::SlotTicket ticket) {
  if (!Holds(ticket)) return;
  Slot& slot = slots_[ticket.index()];
  if (std::exchange(slot.reported, true)) return;
  --unreported_;
}

void InFlight::NoteKept(wire::SlotTicket ticket) {
  if (Holds(ticket)) slots_[ticket.index()].kept = true;
}

bool InFlight::Keeps(wire::SlotTicket ticket) const {
  return Holds(ticket) && slots_[ticket.index()].kept;
}

void InFlight::NoteAgain(wire::SlotTicket ticket) {
  if (!Holds(ticket)) return;
  Slot& slot = slots_[ticket.index()];
  assert(!slot.overdue);
  slot.kept = false;
  if (!std::exchange(slot.reported, false)) return;
  ++unreported_;
}

// The packet is none of those that limit what may be sent.
void InFlight::Leave(uint16_t index) {
  assert(busy_ > 0);
  Unlink(index);
  if (!slots_[index].reported) --unreported_;
  --busy_;
}

bool InFlight::MakeOverdue(wire::SlotTicket ticket) {
  assert(Holds(ticket));
  Slot& slot = slots_[ticket.index()];
  assert(!slot.overdue && !slot.kept);
  Leave(ticket.index());
  slot.overdue = slot.reported = true;
  ++overdue_;
  return slot.payload == kWhole || !std::exchange(payloads_[slot.payload].overdue, true);
}

void InFlight::Free(uint16_t index) {
  Slot& slot = slots_[index];
  assert(slot.busy);
  if (slot.overdue) {
    --overdue_;
  } else {
    Leave(index);
  }
  slot.busy = false;
  newest_generation_ = std::max(newest_generation_, ++slot.generation);
  free_slots_.push_back(index);
  assert(unreported_ <= busy_);
}

void InFlight::FreePayload(Payload payload) {
  payloads_[payload] = {};
  free_payloads_.push_back(payload);
}

InFlight::Released InFlight::Release(wire::SlotTicket ticket, wire::Drop lost) {
  if (!Holds(ticket)) return {};
  const uint16_t index = ticket.index();
  Free(index);
  const Payload payload = slots_[index].payload;
  if (payload == kWhole) {
    return {.held = true, .done = true, .was_overdue = slots_[index].overdue, .lost = lost};
  }
  Parts& parts = payloads_[payload];
  assert(parts.left > 0);
  if (parts.lost == wire::Drop::kNone) parts.lost = lost;
  if (--parts.left > 0) return {.held = true};
  const Released released = {
      .held = true, .done = true, .was_overdue = parts.overdue, .lost = parts.lost};
  FreePayload(payload);
  return released;
}

std::optional<std::vector<uint8_t>> InFlight::Withdraw(wire::SlotTicket ticket) {
  assert(Holds(ticket));
  const Payload payload = slots_[ticket.index()].payload;
  if (payload == kWhole) {
    Free(ticket.index());
    return std::nullopt;
  }
  for (uint16_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].busy && slots_[index].payload == payload) Free(index);
  }
  std::vector<uint8_t> bytes = std::move(payloads_[payload].bytes);
  FreePayload(payload);
  return bytes;
}

wire::Instant InFlight::NextDeadline() const {
  return oldest_ == kNone ? wire::kNever : slots_[oldest_].origin.deadline;
}

std::optional<wire::SlotTicket> InFlight::Expired(wire::Instant now) const {
  if (NextDeadline() > now) return std::nullopt;
  return TicketOf(oldest_);
}

}  // namespace warp::control
