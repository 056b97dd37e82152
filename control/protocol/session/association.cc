#include "control/protocol/session/association.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "control/protocol/control_message.h"

namespace warp::protocol {

Association::Association(Identity& identity, SessionTable& table, AssociationOptions options)
    : identity_(identity),
      table_(table),
      keys_(identity, options.remote, std::move(options.psk), options.own),
      options_(std::move(options)),
      terms_(options_.terms),
      sessions_(identity, table),
      initiator_(identity, table, this, keys_,
                 {.role = options_.role,
                  .window = terms_.window,
                  .lifetime = terms_.session_lifetime,
                  .spread = options_.spread}),
      lanes_(keys_) {}

Association::Lane::Lane() { randombytes_buf(token.data(), token.size()); }

// --- Initiator. ---

void Association::Connect(Instant now) {
  if (!options_.initiates) return;
  wanted_ = true;
  connect_ = !initiator_.connecting();
  not_before_ = now;
  Reschedule();
}

void Association::Begin(Instant now, Initiator::Reason reason) {
  if (reason == Initiator::Reason::kSearch) next_search_ = now + kSearchAgain;
  if (initiator_.Begin(now, reason)) {
    connect_ = false;
  } else {  // the table is full: later
    not_before_ = now + identity_.Jitter(identity_.timers().handshake_retry_max);
  }
  Reschedule();
}

wire::Drop Association::HandleResponse(Instant now, const Arrival& arrival, wire::Bytes datagram) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  if (!index) return wire::Drop::kHandshakeFailed;
  if (FindSession(*index) != nullptr) return wire::Drop::kHandshakeRepeated;
  auto result = initiator_.HandleResponse(now, *index, datagram);
  if (const auto* drop = std::get_if<wire::Drop>(&result)) return *drop;
  auto& [session, round_trip, keys, handshake] = std::get<Initiator::Finished>(result);
  last_response_ = now;
  // Twice as long for each session of ours that waits already: the response may have come over a link that carries no
  // confirm, and new sessions must not displace one that a slower link still confirms.
  int64_t patience = 1;
  for (const SessionSet::Entry& entry : sessions_.entries()) {
    if (!entry.confirmed && entry.session->initiator()) patience *= 2;
  }
  assert(session->initiator() && !initiating() && table_.Find(*index) == this);
  sessions_.Add({.session = std::move(session),
                 .made = now,
                 .keys = keys,
                 .window = terms_.window,
                 .handshake = handshake,
                 .answered = arrival,
                 .next_confirm = now,
                 // The answer to our confirm takes as long as the response did.
                 .answer_due = now + round_trip,
                 .patience = patience});
  Reschedule();
  return wire::Drop::kNone;
}

wire::Drop Association::HandleCookieReply(Instant now, const Arrival& arrival,
                                          wire::Bytes datagram) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  return index ? initiator_.HandleCookieReply(now, arrival, *index, datagram)
               : wire::Drop::kUnknownSession;
}

wire::Drop Association::HandleRetry(Instant now, wire::Bytes datagram) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  return index ? initiator_.HandleRetry(now, *index, datagram) : wire::Drop::kHandshakeFailed;
}

// Each copy is sealed separately, so that the responder opens all of them and answers each where it came from: the
// fastest path may be one-way, and the responder knows no other route to us yet.
void Association::SendConfirms(Instant now, WaysFunction ways, Outbox& outbox) {
  const std::vector<uint8_t> confirm = EncodeControlMessage(Confirm{});
  for (SessionSet::Entry& entry : sessions_.entries()) {
    if (entry.next_confirm > now) continue;
    entry.next_confirm = now + identity_.timers().confirm_interval;
    const std::vector<Way> all = ways();
    for (const Way& way : all) {
      if (auto sealed = entry.session->Seal(now, identity_.engine(), confirm)) {
        outbox.Push(way, std::move(*sealed));
      }
    }
    const std::optional<Arrival>& answered = entry.answered;
    const bool sent = answered && std::any_of(all.begin(), all.end(), [&](const Way& way) {
                        return way.route == answered->route();
                      });
    if (!answered || sent) continue;
    if (auto sealed = entry.session->Seal(now, identity_.engine(), confirm)) {
      outbox.Answer(*answered, std::move(*sealed));
    }
  }
}

// --- Responder. ---

std::variant<Association::Response, wire::Drop> Association::HandleInitiation(
    Instant now, ReceivedInitiation& initiation) {
  if (now >= timers_.At(Timer::kKeys)) EndKeys(now);
  std::optional<HandshakeKeys> keys = keys_.Find(initiation.own_number, initiation.remote);
  if (!keys.has_value()) return wire::Drop::kUnknownPeer;
  Lane& lane = lanes_.Of(*keys);
  wire::Token& token = lane.token;
  const bool fresh = sodium_memcmp(initiation.token.data(), token.data(), token.size()) == 0;
  if (!fresh && !sessions_.entries().empty()) return wire::Drop::kHandshakeStale;
  // Recordings are never charged: they must not use up what the remote end needs.
  if (fresh && !lane.initiations.Take(now)) return wire::Drop::kHandshakeBudget;
  const std::optional<uint32_t> index = table_.Reserve(this);
  if (!index) return wire::Drop::kHandshakeBudget;
  const auto& psk = keys_.PskOf(lane.given++);
  keys->psk_number = psk.number;
  const HandshakeParams params{.remote = initiation.remote,
                               .psk = &psk.key,
                               .role = options_.role,
                               .window = terms_.window,
                               .lifetime = terms_.session_lifetime};
  std::optional<AnsweredInitiation> answer =
      AnswerInitiation(now, identity_, params, initiation, *index);
  if (!answer) {
    table_.Release(*index);
    return wire::Drop::kHandshakeFailed;
  }
  assert(!answer->session->initiator() && answer->session->local_index() == *index);
  if (fresh) randombytes_buf(token.data(), token.size());
  sessions_.Add({.session = std::move(answer->session),
                 .made = now,
                 .keys = *keys,
                 .window = terms_.window,
                 .crossed = initiator_.number()});
  Reschedule();
  return Response{*index, std::move(answer->response)};
}

void Association::HandleConfirm(Instant now, const Arrival& arrival, const wire::Session* session,
                                Outbox& outbox) {
  const SessionSet::Entry* entry = sessions_.Find(session);
  if (entry == nullptr || entry->session->initiator()) return;
  if (auto sealed =
          entry->session->Seal(now, identity_.engine(), EncodeControlMessage(Confirm{}))) {
    outbox.Answer(arrival, std::move(*sealed));
  }
}

// --- Both. ---

bool Association::NoteAuthentic(Instant now, const wire::Session* session, uint64_t counter) {
  SessionSet::Entry* entry = sessions_.Find(session);
  if (entry == nullptr) return false;
  if (entry->confirmed && counter < entry->next_counter) return false;
  entry->next_counter = counter + 1;
  last_authentic_ = now;
  silent_at_ = kNever;
  if (entry->confirmed) {
    timers_.Stop(Timer::kSilence);
    if (initiator_.because_of_silence() && session == send_session().get()) {
      initiator_.Stop();  // it was not silent after all
      Reschedule();
    }
    return false;
  }
  // The remote end has made what we were asking for. A handshake that it had under way ends in the same way. Not so by
  // an old key of its: whoever has stolen that must not end what asks for the newest.
  if (entry->keys.remote_number == keys_.remotes().newest().number) {
    initiator_.Stop();
    connect_ = false;
  }
  NoteServed(now, HandshakeKeys(entry->keys));
  sessions_.Confirm(session);
  Reschedule();
  return true;
}

void Association::NoteAsked(Instant now, Duration patience) {
  if (terms_.silence == Duration::zero() || silent_at_ != kNever) return;
  asked_at_ = now;
  silent_at_ = now + std::max(terms_.silence, patience);
  ScheduleBeginning();
}

void Association::HandleClose(Instant now, const wire::Session* session) {
  const SessionSet::Entry* closed = sessions_.Find(session);
  if (closed == nullptr) return;
  const uint64_t last = closed->order;
  sessions_.Remove([last](const SessionSet::Entry& entry) { return entry.order <= last; });
  // It is going away, so there is no hurry to greet it again. Somebody who has stolen an old key may say so again and
  // again, and puts nothing off by that.
  if (now >= not_before_) {
    const Duration rest = identity_.timers().handshake_retry_max;
    not_before_ = now + (options_.spread == Duration::zero() ? identity_.Jitter(rest)
                                                             : rest / 2 + identity_.Upto(rest));
  }
  Reschedule();
}

void Association::Close(Instant now, std::span<const Way> ways, Outbox& outbox) {
  for (const SessionSet::Entry& entry : sessions_.entries()) {
    if (!entry.confirmed) continue;
    const auto sealed =
        entry.session->Seal(now, identity_.engine(), EncodeControlMessage(protocol::Close{}));
    if (!sealed) continue;
    for (const Way& way : ways) outbox.Push(way, *sealed);
  }
  wanted_ = false;
  connect_ = false;
  initiator_.Stop();
  sessions_.Remove([](const SessionSet::Entry&) { return true; });
  Reschedule();
}

bool Association::Send(Instant now, std::span<const Way> ways, wire::Bytes plaintext,
                       Outbox& outbox) {
  if (send_session() == nullptr) return false;
  if (ways.empty()) return true;
  const auto sealed = send_session()->Seal(now, identity_.engine(), plaintext);
  if (!sealed) return false;
  for (const Way& way : ways) outbox.Push(way, *sealed);
  return true;
}

void Association::Answer(Instant now, const Arrival& arrival, wire::Bytes plaintext,
                         Outbox& outbox) {
  if (send_session() == nullptr) return;
  if (auto sealed = send_session()->Seal(now, identity_.engine(), plaintext)) {
    outbox.Answer(arrival, std::move(*sealed));
  }
}

// --- Time. ---

void Association::Reschedule() {
  // What sends is one of those that receive, and confirmed.
  assert(send_session() == nullptr ||
         (sessions_.sending() != nullptr && sessions_.sending()->confirmed));
  timers_.Set(Timer::kKeys, keys_.NextEnd());
  timers_.Set(Timer::kExpiry, sessions_.NextExpiry());
  timers_.Set(Timer::kConfirm, sessions_.NextConfirm());
  ScheduleBeginning();
}

void Association::ScheduleBeginning() {
  timers_.Stop(Timer::kConnect);
  timers_.Stop(Timer::kRekey);
  timers_.Stop(Timer::kSilence);
  timers_.Stop(Timer::kSearch);
  if (connect_) return timers_.Set(Timer::kConnect, not_before_);
  if (!wanted_ || initiator_.connecting()) return;

  // A session of ours that waits for its confirmation gets some time for it.
  Instant earliest = not_before_;
  for (const SessionSet::Entry& entry : sessions_.entries()) {
    if (entry.confirmed) continue;
    const Duration patience = entry.patience * identity_.timers().handshake_retry_max;
    earliest = std::max(earliest, entry.answer_due + patience);
  }
  const SessionSet::Entry* current = sessions_.sending();
  if (keys_.several() && !initiating()) timers_.Set(Timer::kSearch, next_search_);
  if (current == nullptr) return timers_.Set(Timer::kConnect, earliest);

  const bool overdue = current->session->sent() >= kRekeyPackets || !IsByTerms(*current);
  const Duration age =
      current->session->initiator() ? terms_.rekey_after : terms_.rekey_after_responder;
  timers_.Set(Timer::kRekey, overdue ? earliest : std::max(earliest, current->made + age));
  if (silent_at_ != kNever) timers_.Set(Timer::kSilence, std::max(earliest, silent_at_));
}

void Association::HandleTimeout(Instant now, WaysFunction ways, Outbox& outbox) {
  ScheduleBeginning();  // nobody tells that a session was used up
  while (const std::optional<Timer> due = timers_.TakeDue(now)) {
    switch (*due) {
      case Timer::kKeys:
        EndKeys(now);
        break;
      case Timer::kExpiry:
        sessions_.Expire(now);
        Reschedule();
        break;
      case Timer::kConfirm:
        SendConfirms(now, ways, outbox);
        Reschedule();
        break;
      case Timer::kConnect:
        Begin(now, Initiator::Reason::kConnect);
        break;
      case Timer::kRekey:
        Begin(now, Initiator::Reason::kRekey);
        break;
      case Timer::kSilence:
        Begin(now, Initiator::Reason::kSilence);
        break;
      case Timer::kSearch:
        Begin(now, Initiator::Reason::kSearch);
        break;
      case Timer::kCount:
        break;
    }
  }
  const bool began = initiating();
  initiator_.HandleTimeout(now, ways, outbox);
  if (began && !initiating()) Reschedule();  // a search has ended
}

// --- What it is now. ---

std::shared_ptr<wire::Session> Association::FindSession(uint32_t local_index) const {
  const SessionSet::Entry* entry = sessions_.FindIndex(local_index);
  return entry != nullptr ? entry->session : nullptr;
}

std::vector<std::shared_ptr<wire::Session>> Association::receive_sessions() const {
  std::vector<std::shared_ptr<wire::Session>> sessions;
  for (const SessionSet::Entry& entry : sessions_.entries()) sessions.push_back(entry.session);
  return sessions;
}

bool Association::AwaitsConfirm(uint32_t local_index) const {
  const SessionSet::Entry* entry = sessions_.FindIndex(local_index);
  return entry != nullptr && !entry->confirmed && !entry->session->initiator();
}

uint64_t Association::SessionOrder(const wire::Session* session) const {
  const SessionSet::Entry* entry = sessions_.Find(session);
  return entry != nullptr ? entry->order : 0;
}

Instant Association::established() const {
  const SessionSet::Entry* entry = sessions_.sending();
  return entry != nullptr ? entry->made : Instant{};
}

}  // namespace warp::protocol
