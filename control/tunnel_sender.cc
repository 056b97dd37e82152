#include "control/tunnel_sender.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/wire/constants.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/fragment.h"
#include "dataplane/wire/message.h"

namespace warp::control {

using protocol::Instant;
using wire::Drop;

TunnelSender::TunnelSender(const Options& options, const PeerRoute& route,
                           lcore::Dataplane& dataplane, Submitter& submitter)
    : options_(options),
      route_(route),
      dataplane_(dataplane),
      submitter_(submitter),
      in_flight_(options.max_in_flight) {}

void TunnelSender::Send(Instant now, wire::Bytes payload) {
  if (payload.size() > wire::kMaxPayloadSize) {
    drops_.Add(Drop::kTooLarge);
    return;
  }
  const Instant deadline = now + options_.deadline;
  // What waits goes first: a later payload never overtakes an earlier one here.
  if (waiting_.empty() && TrySend(deadline, payload)) {
    ++accepted_;
    return;
  }
  if (waiting_.size() >= options_.max_waiting ||
      waiting_bytes_ + payload.size() > options_.max_waiting_bytes) {
    drops_.Add(Drop::kGateFull);
    return;
  }
  ++accepted_;
  waiting_bytes_ += payload.size();
  waiting_.push_back({.payload = {payload.begin(), payload.end()}, .deadline = deadline});
}

bool TunnelSender::TrySend(Instant deadline, wire::Bytes payload) {
  if (!route_.ready()) return false;
  const size_t max_plaintext = std::min(route_.max_plaintext, dataplane_.max_plaintext());
  if (wire::FitsUnfragmented(payload.size(), max_plaintext)) {
    if (in_flight_.free() == 0) return false;
    lcore::Plaintext packet = dataplane_.AllocatePlaintext();
    if (!packet) return false;
    const wire::MutableBytes room = packet.Append(wire::kInnerHeaderSize + payload.size());
    wire::WritePayloadHeader({.tunnel_id = options_.tunnel_id}, room.data());
    std::copy(payload.begin(), payload.end(), room.begin() + wire::kInnerHeaderSize);
    return SubmitPacket(deadline, std::move(packet), {});
  }
  return TrySendFragments(deadline, payload, max_plaintext);
}

bool TunnelSender::TrySendFragments(Instant deadline, wire::Bytes payload, size_t max_plaintext) {
  const std::optional<wire::FragmentPlan> plan = wire::PlanFragments(payload.size(), max_plaintext);
  if (!plan.has_value()) {
    drops_.Add(Drop::kTooLarge);
    return true;  // these paths will never fit it: it is done with
  }
  if (in_flight_.free() < plan->count) return false;
  std::vector<lcore::Plaintext> packets(plan->count);
  for (uint8_t index = 0; index < plan->count; ++index) {
    packets[index] = dataplane_.AllocatePlaintext();
    if (!packets[index]) return false;
    const wire::Bytes part = payload.subspan(plan->OffsetOf(index), plan->SizeOf(index));
    const wire::MutableBytes room = packets[index].Append(wire::kFragmentHeaderSize + part.size());
    wire::WriteFragmentHeader(plan->HeaderOf(index, options_.tunnel_id), room.data());
    std::copy(part.begin(), part.end(), room.begin() + wire::kFragmentHeaderSize);
  }
  const std::optional<uint64_t> first = route_.session->ReserveCounters(plan->count);
  if (!first.has_value()) return false;
  for (uint8_t index = 0; index < plan->count; ++index) {
    lcore::SendRequest request;
    request.counter_reserved = true;
    request.session_index = route_.session->local_index();
    request.counter = *first + index;
    SubmitPacket(deadline, std::move(packets[index]), request);
  }
  return true;
}

bool TunnelSender::SubmitPacket(Instant deadline, lcore::Plaintext packet,
                                lcore::SendRequest request) {
  const std::optional<InFlight::Ticket> ticket = in_flight_.Take(deadline);
  if (!ticket.has_value()) return false;
  request.peer = route_.peer;
  request.completion = true;
  request.slot = (uint32_t{options_.tunnel_index} << 16) | ticket->slot;
  request.generation = ticket->generation;
  submitter_.Add(Home(), std::move(packet), request);
  return true;
}

void TunnelSender::HandleCompletion(Instant now, lcore::Completion completion) {
  const InFlight::Ticket ticket{.slot = static_cast<uint16_t>(completion.slot & 0xffff),
                                .generation = completion.generation};
  if (completion.taken) {
    if (in_flight_.Release(ticket)) ++sent_;
    return;
  }
  const std::optional<Instant> deadline = in_flight_.Deadline(ticket);
  if (!deadline.has_value()) return;  // expired meanwhile, and counted then
  if (completion.sealed) {
    if (*deadline > now) {
      if (refused_.empty()) next_retry_ = now + kRetryInterval;
      refused_.push_back({.sealed = std::move(completion.sealed), .ticket = ticket});
      return;
    }
    in_flight_.Release(ticket);
    drops_.Add(Drop::kDeadline);
    return;
  }
  // Never sealed: there is nothing to repeat. Other lcores' reports about it do not exist.
  if (completion.reports <= 1) {
    in_flight_.Release(ticket);
    drops_.Add(completion.reason == Drop::kCount ? Drop::kDeadline : completion.reason);
  }
}

void TunnelSender::Pump(Instant now) {
  if (const size_t expired = in_flight_.Expire(now); expired > 0) {
    drops_.Add(Drop::kDeadline, expired);
  }
  if (now >= next_retry_) RetryRefused(now);
  while (!waiting_.empty()) {
    Waiting& oldest = waiting_.front();
    if (oldest.deadline <= now) {
      drops_.Add(Drop::kDeadline);
    } else if (!TrySend(oldest.deadline, oldest.payload)) {
      break;
    }
    waiting_bytes_ -= oldest.payload.size();
    waiting_.pop_front();
  }
}

void TunnelSender::RetryRefused(Instant now) {
  next_retry_ = protocol::kNever;
  if (!route_.ready()) {
    std::erase_if(refused_, [this](const Refused& item) {
      return !in_flight_.Deadline(item.ticket).has_value();
    });
    if (!refused_.empty()) next_retry_ = now + kRetryInterval;
    return;
  }
  for (Refused& item : std::exchange(refused_, {})) {
    if (!in_flight_.Deadline(item.ticket).has_value()) continue;
    dataplane_.SubmitSealed(Home(), std::move(item.sealed),
                            {.peer = route_.peer,
                             .completion = true,
                             .slot = (uint32_t{options_.tunnel_index} << 16) | item.ticket.slot,
                             .generation = item.ticket.generation});
  }
}

Instant TunnelSender::NextTimeout() {
  Instant next = std::min(next_retry_, in_flight_.NextDeadline());
  if (!waiting_.empty()) next = std::min(next, waiting_.front().deadline);
  return next;
}

}  // namespace warp::control
