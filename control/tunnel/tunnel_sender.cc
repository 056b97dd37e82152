#include "control/tunnel/tunnel_sender.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "dataplane/wire/constants.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/fragment.h"
#include "dataplane/wire/message.h"

namespace warp::control {

using wire::Drop;
using wire::Instant;

namespace {

// Of a packet that comes back unsealed.
size_t HeaderSizeOf(wire::Bytes plaintext) {
  if (const auto header = wire::ReadSequencedHeader(plaintext))
    return wire::HeaderSizeOf(wire::Kind::kSequenced, header->flow);
  const auto header = wire::ReadPayloadHeader(plaintext);
  return wire::HeaderSizeOf(wire::Kind::kPayload, header ? header->flow : wire::Flow());
}

}  // namespace

TunnelSender::TunnelSender(const Options& options, const PeerRoute& route,
                           lcore::Dataplane& dataplane, Submitter& submitter,
                           std::function<void(size_t)> done)
    : options_(options),
      route_(route),
      dataplane_(dataplane),
      submitter_(submitter),
      deadline_(options.deadline),
      maker_(options.tunnel_id, dataplane),
      sent_payloads_(options.room),
      parity_(options.tunnel_id, options.flows),
      in_flight_(options.tunnel_index, options.max_in_flight, options.first_generation),
      window_(options.max_in_flight),
      done_(std::move(done)) {}

// --- Out of the application. ---

void TunnelSender::Send(Instant now, wire::Bytes payload, const wire::Flow& flow, Turn turn) {
  Offer(now, payload, flow, turn);
  TellDone();
}

// Nothing of the time before the policy changed is under way when places end, and what came since was waited for by
// nobody, and has released at the peer what was: so what comes from then on overtakes nothing that had to be in order.
void TunnelSender::Offer(Instant now, wire::Bytes payload, const wire::Flow& flow, Turn turn) {
  if (payload.size() > wire::kMaxPayloadSize) return DropPayload(Drop::kTooLarge);
  if (now >= end_places_) {
    gives_places_ = false;
    end_places_ = wire::kNever;
  }
  Origin origin = {
      .deadline = now + deadline_, .number = accepted_, .paths = allowed_paths_, .flow = flow};
  origin.ahead = turn == Turn::kAhead && MayGoAhead();
  if (gives_places_ && !origin.ahead) origin.place = next_place_;
  if (bond_ != nullptr) return OfferToBond(now, payload, origin);
  // A later payload must not overtake an earlier one here, so payloads that wait go first.
  if (!something_waits() && MayGo(now) && TrySend(now, origin, payload))
    return NoteAccepted(origin);
  if (waiting_.size() >= options_.max_waiting ||
      waiting_bytes_ + payload.size() > options_.max_waiting_bytes) {
    return DropPayload(Drop::kGateFull);
  }
  NoteAccepted(origin);
  Wait(origin, {payload.begin(), payload.end()});
}

void TunnelSender::NoteAccepted(const Origin& origin) {
  ++accepted_;
  if (origin.place.has_value()) ++next_place_;
}

void TunnelSender::Wait(const Origin& origin, std::vector<uint8_t> payload) {
  waiting_bytes_ += payload.size();
  waiting_.emplace(origin.number, Waiting{.payload = std::move(payload), .origin = origin});
}

bool TunnelSender::TrySend(Instant now, const Origin& origin, wire::Bytes payload) {
  if (!route_.ready()) return false;
  if (origin.paths == 0) {  // no path that there is may carry the tunnel's payloads
    window_.OnShortage(now);
    return false;
  }
  return Submit(now, origin, payload, nullptr);
}

// Makes the packets of the payload and hands them over, with counters of their own where they are several, or where the
// bond has to know them. False: something is wanting whose return nobody announces, or a slot.
bool TunnelSender::Submit(Instant now, const Origin& origin, wire::Bytes payload,
                          const bonding::Grant* grant) {
  const PacketMaker::Room room_on = RoomOn(origin.paths);
  const PacketMaker::Sequence sequence = SequenceOf(now, origin);
  const wire::Flow flow = Carried(origin.flow);
  const size_t count = maker_.Measure(payload.size(), room_on, sequence, flow).packets;
  const bool ended = flow.answer && origin.number < answers_from_;
  const bool known = flow == wire::Flow() || (PeerKnowsFlows() && !ended);
  const bool again = grant != nullptr && grant->again;  // then it takes no slot
  if (count == 0 || !known) {
    // No number of fragments makes it fit these paths, or the peer has started anew since it was taken, perhaps as
    // another version. Of one that is sent again, the application was told before.
    const Drop reason = known ? Drop::kTooLarge : Drop::kUnknownFlow;
    if (!again) DropPayload(reason);
    return true;
  }
  if (short_of_slots_ = !again && room() < count; short_of_slots_) return false;
  std::vector<lcore::Plaintext>& packets = maker_.Make(payload, room_on, sequence, flow);
  if (packets.empty()) {
    window_.OnShortage(now);
    return false;
  }
  const bool reserves = count > 1 || (grant != nullptr && !bond_->plain());
  std::optional<uint64_t> first;
  if (reserves) {
    first = route_.session->ReserveCounters(static_cast<uint32_t>(count));
    if (!first.has_value()) {
      window_.OnShortage(now);
      return false;
    }
  }
  if (grant != nullptr) {
    sizes_.clear();
    for (const lcore::Plaintext& packet : packets)
      sizes_.push_back(static_cast<uint32_t>(packet.bytes().size() + FrameAround(origin.paths)));
    bond_->NoteSent(now, *grant, first, sizes_);
  }
  if (again) {
    SubmitAgain(now, origin, packets, first);
    return true;
  }
  const InFlight::Payload whole =
      count == 1 ? InFlight::kWhole : in_flight_.Begin(static_cast<uint8_t>(count), payload);
  for (size_t index = 0; index < count; ++index) {
    lcore::SendRequest& request = SubmitPacket(now, origin, whole, std::move(packets[index]));
    if (!reserves) continue;
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
  lcore::SendRequest& request = submitter_.Add(Home(origin.paths), std::move(packet));
  request.peer = route_.peer;
  request.paths = origin.paths;
  request.completion = true;
  request.ticket = ticket;
  request.dscp = origin.flow.dscp;
  request.time_left = origin.deadline - now;
  return request;
}

// The worker of the only path; or of one after another, the next one after a silent worker. Where all are silent, none
// is better than another.
wire::WorkerId TunnelSender::Home(wire::PathMask paths) const {
  if (std::has_single_bit(paths)) {
    for (const RoutePath& path : route_.paths) {
      if (wire::MaskOf(path.slot) == paths && !submitter_.silent(path.worker)) return path.worker;
    }
  }
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
      TakeBack(now, *origin, ticket, std::move(completion.plaintext));
    }
  } else if (completion.reports <= 1) {
    // A later attempt would not help, and no other lcore reports about this packet.
    Settle(ticket, completion.reason == Drop::kNone ? Drop::kDeadline : completion.reason);
  }
}

// A packet that was refused because its path is gone, or has become too narrow, says nothing about the pace of the
// ports. It is tried again a little later, and the send window keeps its width. Every other refusal means that a port,
// a ring or a session's counters had less room than was asked for.
void TunnelSender::NoteRefusal(Instant now, const lcore::Completion& completion) {
  if (completion.reason == Drop::kNoPath || completion.reason == Drop::kTooLarge) {
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
void TunnelSender::TakeBack(Instant now, const Origin& origin, wire::SlotTicket ticket,
                            lcore::Plaintext packet) {
  std::optional<std::vector<uint8_t>> payload = in_flight_.Withdraw(ticket);
  if (payload.has_value()) {
    DiscardSettled();
  } else {
    const wire::Bytes bytes = packet.bytes().subspan(HeaderSizeOf(packet.bytes()));
    payload.emplace(bytes.begin(), bytes.end());
  }
  short_of_slots_ = false;
  const bonding::Grant grant = GrantOf(now, origin, payload->size());
  Wait(origin, *std::move(payload));
  if (bond_ == nullptr) return;
  bond_->bond().NoteUnsent(now, grant);
  bond_->Arm();
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
  if (now >= parity_.due()) EndBlock(now);
  while (something_waits() && MayGo(now) && route_.ready()) {
    if (oldest_is_unsealed() && TrySendOldestWaiting(now)) continue;
    // The oldest payload may need slots that sealed packets behind it hold, so those go on meanwhile.
    if (refused_.empty() || !MayGo(now)) break;
    RetryOldest(now);
  }
  TellDone();
}

void TunnelSender::Expire(Instant now) {
  sent_payloads_.Expire(now);
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
  while (!waiting_.empty() && waiting_.begin()->second.origin.deadline <= now) {
    DropPayload(Drop::kDeadline);
    waiting_bytes_ -= waiting_.begin()->second.payload.size();
    waiting_.erase(waiting_.begin());
  }
}

bool TunnelSender::TrySendOldestWaiting(Instant now) {
  Waiting& oldest = waiting_.begin()->second;
  oldest.origin.paths = allowed_paths_;
  if (!TrySend(now, oldest.origin, oldest.payload)) return false;
  waiting_bytes_ -= oldest.payload.size();
  waiting_.erase(waiting_.begin());
  return true;
}

void TunnelSender::RetryOldest(Instant now) {
  Refused item = std::move(refused_.front());
  refused_.pop_front();
  const Origin origin = *in_flight_.Find(item.ticket);
  in_flight_.NoteAgain(item.ticket);
  window_.OnSubmitted(now);
  submitter_.Flush();  // older payloads, which this packet must not overtake
  dataplane_.SubmitSealed(Home(origin.paths), std::move(item.sealed),
                          {.peer = route_.peer,
                           .completion = true,
                           .ticket = item.ticket,
                           .paths = PresentPaths(origin.paths),
                           .dscp = origin.flow.dscp,
                           .time_left = origin.deadline - now});
}

Instant TunnelSender::NextTimeout() const {
  Instant next = std::min(in_flight_.NextDeadline(), parity_.due());
  if (!waiting_.empty()) next = std::min(next, waiting_.begin()->second.origin.deadline);
  const bool may_go =
      in_flight_.unreported() < window_.size() && route_.ready() &&
      (!refused_.empty() || (bond_ == nullptr && !waiting_.empty() && !short_of_slots_));
  return may_go ? std::min(next, window_.next_attempt()) : next;
}

}  // namespace warp::control
