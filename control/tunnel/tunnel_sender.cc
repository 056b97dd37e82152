#include "control/tunnel/tunnel_sender.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/wire/constants.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/fragment.h"
#include "dataplane/wire/message.h"

namespace warp::control {

using wire::Drop;
using wire::Instant;

TunnelSender::TunnelSender(const Options& options, const PeerRoute& route,
                           lcore::Dataplane& dataplane, Submitter& submitter,
                           std::function<void(size_t)> done)
    : options_(options),
      route_(route),
      dataplane_(dataplane),
      submitter_(submitter),
      in_flight_(options.tunnel_index, options.max_in_flight),
      window_(options.max_in_flight),
      done_(std::move(done)) {}

// --- Out of the application. ---

void TunnelSender::Send(Instant now, wire::Bytes payload) {
  Offer(now, payload);
  TellDone();
}

void TunnelSender::Offer(Instant now, wire::Bytes payload) {
  if (payload.size() > wire::kMaxPayloadSize) return DropPayload(Drop::kTooLarge);
  const Origin origin = {.deadline = now + options_.deadline, .number = accepted_};
  // A later payload must not overtake an earlier one here, so payloads that wait go first.
  if (!something_waits() && MayGo(now) && TrySend(now, origin, payload)) {
    ++accepted_;
    return;
  }
  if (waiting_.size() >= options_.max_waiting ||
      waiting_bytes_ + payload.size() > options_.max_waiting_bytes) {
    return DropPayload(Drop::kGateFull);
  }
  ++accepted_;
  Wait(origin, {payload.begin(), payload.end()});
}

void TunnelSender::Wait(const Origin& origin, std::vector<uint8_t> payload) {
  waiting_bytes_ += payload.size();
  waiting_.emplace(origin.number,
                   Waiting{.payload = std::move(payload), .deadline = origin.deadline});
}

bool TunnelSender::TrySend(Instant now, const Origin& origin, wire::Bytes payload) {
  if (!route_.ready()) return false;
  const size_t max_plaintext = std::min(route_.max_plaintext, dataplane_.max_plaintext());
  if (!wire::FitsUnfragmented(payload.size(), max_plaintext)) {
    return TrySendFragments(now, origin, payload, max_plaintext);
  }
  if (short_of_slots_ = room() == 0; short_of_slots_) return false;
  lcore::Plaintext packet = dataplane_.AllocatePlaintext();
  if (!packet) {
    window_.OnShortage(now);
    return false;
  }
  const wire::MutableBytes room = packet.Append(wire::kInnerHeaderSize + payload.size());
  wire::WritePayloadHeader({.tunnel_id = options_.tunnel_id}, room.data());
  std::copy(payload.begin(), payload.end(), room.begin() + wire::kInnerHeaderSize);
  SubmitPacket(now, origin, InFlight::kWhole, std::move(packet));
  return true;
}

bool TunnelSender::TrySendFragments(Instant now, const Origin& origin, wire::Bytes payload,
                                    size_t max_plaintext) {
  std::optional<wire::FragmentPlan> plan =
      wire::PlanFragments(payload.size(), std::min(route_.max_fragment, max_plaintext));
  // The narrowest path would need too many.
  if (!plan.has_value()) plan = wire::PlanFragments(payload.size(), max_plaintext);
  if (!plan.has_value()) {
    DropPayload(Drop::kTooLarge);
    return true;  // no number of fragments makes it fit these paths
  }
  if (short_of_slots_ = room() < plan->count; short_of_slots_) return false;
  std::vector<lcore::Plaintext> packets(plan->count);
  for (uint8_t index = 0; index < plan->count; ++index) {
    packets[index] = dataplane_.AllocatePlaintext();
    if (!packets[index]) {
      window_.OnShortage(now);
      return false;
    }
    const wire::Bytes part = payload.subspan(plan->OffsetOf(index), plan->SizeOf(index));
    const wire::MutableBytes room = packets[index].Append(wire::kFragmentHeaderSize + part.size());
    wire::WriteFragmentHeader(plan->HeaderOf(index, options_.tunnel_id), room.data());
    std::copy(part.begin(), part.end(), room.begin() + wire::kFragmentHeaderSize);
  }
  const std::optional<uint64_t> first = route_.session->ReserveCounters(plan->count);
  if (!first.has_value()) {
    window_.OnShortage(now);
    return false;
  }
  const InFlight::Payload whole = in_flight_.Begin(plan->count, payload);
  for (uint8_t index = 0; index < plan->count; ++index) {
    lcore::SendRequest& request = SubmitPacket(now, origin, whole, std::move(packets[index]));
    request.counter_reserved = true;
    request.session_index = route_.session->local_index();
    request.counter = *first + index;
  }
  return true;
}

lcore::SendRequest& TunnelSender::SubmitPacket(Instant now, const Origin& origin,
                                               InFlight::Payload whole, lcore::Plaintext packet) {
  const wire::SlotTicket ticket = in_flight_.Take(origin, whole);
  window_.OnSubmitted(now);
  submitter_.shares().NoteSubmitted(now, options_.tunnel_index);
  lcore::SendRequest& request = submitter_.Add(Home(), std::move(packet));
  request.peer = route_.peer;
  request.completion = true;
  request.ticket = ticket;
  request.time_left = origin.deadline - now;
  return request;
}

// The next one after a silent worker; where all are silent, none is better than another.
wire::WorkerId TunnelSender::Home() const {
  const size_t count = route_.homes.size();
  for (size_t i = 0; i < count; ++i) {
    const wire::WorkerId home = route_.homes[(options_.tunnel_index + i) % count];
    if (!submitter_.silent(home)) return home;
  }
  return route_.homes[options_.tunnel_index % count];
}

// --- Reports. ---

void TunnelSender::HandleCompletion(Instant now, lcore::Completion completion) {
  NoteReport(now, std::move(completion));
  TellDone();
}

void TunnelSender::NoteReport(Instant now, lcore::Completion completion) {
  const wire::SlotTicket ticket = completion.ticket;
  const std::optional<Origin> origin = in_flight_.Find(ticket);
  if (!origin.has_value()) return;  // another path took the packet
  in_flight_.NoteReport(ticket);
  if (completion.taken) {
    window_.OnTaken(now);
    Settle(ticket, Drop::kNone);
  } else if (completion.sealed && completion.reason == Drop::kTooLarge) {
    Settle(ticket, Drop::kTooLarge);  // no path lets its bytes through, and they are sealed
  } else if (completion.sealed || completion.plaintext) {
    NoteRefusal(now, completion);
    if (origin->deadline <= now) {
      Settle(ticket, Drop::kDeadline);
    } else if (completion.sealed) {
      Keep({.sealed = std::move(completion.sealed), .ticket = ticket, .number = origin->number});
    } else {
      TakeBack(*origin, ticket, std::move(completion.plaintext));
    }
  } else if (completion.reports <= 1) {
    // A later attempt would not help, and no other lcore reports about this packet.
    Settle(ticket, completion.reason == Drop::kNone ? Drop::kDeadline : completion.reason);
  }
}

// A packet that was refused because its path is gone says nothing about the pace of the ports. It is tried again a
// little later, and the send window keeps its width. Every other refusal means that a port, a ring or a session's
// counters had less room than was asked for.
void TunnelSender::NoteRefusal(Instant now, const lcore::Completion& completion) {
  if (completion.reason == Drop::kNoPath) {
    window_.OnShortage(now);
  } else {
    window_.OnRefused();
  }
}

// Reports come in any order, and a packet may be refused again. So the packet is inserted by its age.
void TunnelSender::Keep(Refused item) {
  in_flight_.NoteKept(item.ticket);
  const auto later =
      std::upper_bound(refused_.begin(), refused_.end(), item.number,
                       [](uint64_t number, const Refused& other) { return number < other.number; });
  refused_.insert(later, std::move(item));
}

// The packet was never sealed, so it becomes the application's payload again. The payload is copied out of the packet
// buffer, because a pool whose buffers wait has none left for packets that move.
void TunnelSender::TakeBack(const Origin& origin, wire::SlotTicket ticket,
                            lcore::Plaintext packet) {
  std::optional<std::vector<uint8_t>> payload = in_flight_.Withdraw(ticket);
  if (payload.has_value()) {
    DiscardSettled();
  } else {
    const wire::Bytes bytes = packet.bytes().subspan(wire::kInnerHeaderSize);
    payload.emplace(bytes.begin(), bytes.end());
  }
  short_of_slots_ = false;
  Wait(origin, *std::move(payload));
}

// Discards the sealed packets whose payload has been settled or withdrawn meanwhile.
void TunnelSender::DiscardSettled() {
  std::erase_if(refused_,
                [this](const Refused& item) { return !in_flight_.Find(item.ticket).has_value(); });
}

// Frees the slot. Where that finishes a payload, counts it as sent or by the drop that ended it.
bool TunnelSender::Settle(wire::SlotTicket ticket, wire::Drop lost) {
  const InFlight::Released released = in_flight_.Release(ticket, lost);
  if (released.held) short_of_slots_ = false;
  if (!released.done) return released.held;
  if (released.lost == Drop::kNone) {
    ++sent_;
  } else {
    drops_.Add(released.lost);
  }
  if (!released.was_overdue) ++untold_;
  return true;
}

void TunnelSender::DropPayload(wire::Drop reason) {
  drops_.Add(reason);
  ++untold_;
}

void TunnelSender::TellDone() {
  if (untold_ > 0 && done_ != nullptr) done_(untold_);
  untold_ = 0;
}

// --- The passing of time. ---

void TunnelSender::Pump(Instant now) {
  Expire(now);
  while (something_waits() && MayGo(now) && route_.ready()) {
    if (oldest_is_unsealed() && TrySendOldestWaiting(now)) continue;
    // The oldest payload may need slots that sealed packets behind it hold, so those go on meanwhile.
    if (refused_.empty() || !MayGo(now)) break;
    RetryOldest(now);
  }
  TellDone();
}

void TunnelSender::Expire(Instant now) {
  bool expired = false;
  while (const std::optional<wire::SlotTicket> ticket = in_flight_.Expired(now)) {
    if (in_flight_.Keeps(*ticket)) {
      expired = Settle(*ticket, Drop::kDeadline);
    } else {
      // A worker has it, and alone knows whether it was sent. The application need not wait for that.
      if (in_flight_.MakeOverdue(*ticket)) ++untold_;
      short_of_slots_ = false;
    }
  }
  if (expired) DiscardSettled();
  while (!waiting_.empty() && waiting_.begin()->second.deadline <= now) {
    DropPayload(Drop::kDeadline);
    waiting_bytes_ -= waiting_.begin()->second.payload.size();
    waiting_.erase(waiting_.begin());
  }
}

bool TunnelSender::TrySendOldestWaiting(Instant now) {
  const auto& [number, oldest] = *waiting_.begin();
  if (!TrySend(now, {.deadline = oldest.deadline, .number = number}, oldest.payload)) return false;
  waiting_bytes_ -= oldest.payload.size();
  waiting_.erase(waiting_.begin());
  return true;
}

void TunnelSender::RetryOldest(Instant now) {
  Refused item = std::move(refused_.front());
  refused_.pop_front();
  const wire::Duration time_left = in_flight_.Find(item.ticket)->deadline - now;
  in_flight_.NoteAgain(item.ticket);
  window_.OnSubmitted(now);
  submitter_.Flush();  // older payloads, which this packet must not overtake
  dataplane_.SubmitSealed(
      Home(), std::move(item.sealed),
      {.peer = route_.peer, .completion = true, .ticket = item.ticket, .time_left = time_left});
}

Instant TunnelSender::NextTimeout() const {
  Instant next = in_flight_.NextDeadline();
  if (!waiting_.empty()) next = std::min(next, waiting_.begin()->second.deadline);
  const bool may_go = in_flight_.unreported() < window_.size() && route_.ready() &&
                      (!refused_.empty() || (!waiting_.empty() && !short_of_slots_));
  return may_go ? std::min(next, window_.next_attempt()) : next;
}

}  // namespace warp::control
