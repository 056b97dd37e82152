#include "control/protocol/session/association.h"

#include <algorithm>
#include <utility>

#include "control/protocol/control_message.h"

namespace warp::protocol {
namespace {

// New routes may come one by one: their copies are sent together.
constexpr Duration kHurryInterval = std::chrono::milliseconds(20);

// A response that took longer was waiting for something else than the way.
constexpr Duration kMaxRoundTrip = std::chrono::seconds(2);

}  // namespace

AssociationOptions PeerAssociation(const Timers& timers, const wire::PublicKey& remote,
                                   wire::PresharedKey psk, size_t window) {
  return {.remote = remote,
          .psk = std::move(psk),
          .role = Role::kPeer,
          .window = window,
          .initiates = true,
          .silence = timers.session_silence,
          .rekey_after = timers.rekey_after,
          .rekey_after_responder = timers.rekey_after_responder,
          .session_lifetime = timers.session_lifetime};
}

AssociationOptions MapAssociation(const wire::PublicKey& remote, Duration rekey_after,
                                  bool initiates) {
  return {.remote = remote,
          .role = Role::kMap,
          .window = wire::kMapWindow,
          .initiates = initiates,
          .silence = Duration::zero(),
          .rekey_after = rekey_after,
          .rekey_after_responder = rekey_after + rekey_after / 4,
          .session_lifetime = rekey_after + rekey_after / 2};
}

Association::Association(Local& local, AssociationOptions options)
    : local_(local),
      options_(std::move(options)),
      sessions_(local, options_.remote, options_.session_lifetime),
      backoff_(local.timers().handshake_retry),
      cookies_(local.timers().cookie_lifetime),
      initiations_(kInitiationBurst, kInitiationsPerSecond),
      responses_(kResponseBurst, kResponsesPerSecond) {}

Association::~Association() { StopInitiating(); }

// --- Initiator --------------------------------------------------------------------------------------------------------

void Association::Connect(Instant now) {
  if (!options_.initiates) return;
  wanted_ = true;
  connect_ = !initiating();
  not_before_ = now;
}

void Association::Hurry(Instant now) {
  if (auto* initiating = std::get_if<Initiating>(&state_)) {
    initiating->next_send =
        std::min(initiating->next_send, std::max(now, initiating->last_send + kHurryInterval));
  }
}

void Association::Begin(Instant now, Reason reason) {
  const std::optional<uint32_t> index = local_.sessions().Reserve(this);
  if (!index) {
    not_before_ =
        now + local_.Jitter(local_.timers().handshake_retry_max);  // the table is full: later
    return;
  }
  connect_ = false;
  backoff_ = local_.timers().handshake_retry;
  state_ = Initiating{.handshake = InitiatorHandshake(local_, params(), *index),
                      .reason = reason,
                      .started = now,
                      .next_send = now,
                      .last_send = now};
}

// The index goes with the handshake, unless a session has it now.
void Association::StopInitiating() {
  if (const auto* initiating = std::get_if<Initiating>(&state_)) {
    if (FindSession(initiating->handshake.index()) == nullptr) {
      local_.sessions().Release(initiating->handshake.index());
    }
    state_ = Idle{};
  }
}

std::optional<wire::Drop> Association::HandleResponse(Instant now, const Arrival& arrival,
                                                      wire::Bytes datagram) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  if (!index) return wire::Drop::kHandshakeFailed;
  if (FindSession(*index) != nullptr) return wire::Drop::kHandshakeRepeated;
  auto* initiating = std::get_if<Initiating>(&state_);
  if (initiating == nullptr || initiating->handshake.index() != *index)
    return wire::Drop::kUnknownSession;
  if (!responses_.Take(now)) return wire::Drop::kHandshakeBudget;

  std::shared_ptr<wire::Session> session = initiating->handshake.ReadResponse(params(), datagram);
  if (session == nullptr) return wire::Drop::kHandshakeFailed;
  // The answer to our confirm takes as long as the response did.
  const Duration round_trip = std::min(now - initiating->started, kMaxRoundTrip);
  sessions_.Add({.session = std::move(session),
                 .made = now,
                 .route = arrival.route(),
                 .next_confirm = now,
                 .give_up = now + round_trip + local_.timers().handshake_retry_max});
  StopInitiating();
  return std::nullopt;
}

std::optional<wire::Drop> Association::HandleCookieReply(Instant now, const Arrival& arrival,
                                                         wire::Bytes datagram) {
  const std::optional<uint32_t> index = wire::DecodeHandshakeReceiver(datagram);
  auto* initiating = std::get_if<Initiating>(&state_);
  if (!index || initiating == nullptr || initiating->handshake.index() != *index)
    return wire::Drop::kUnknownSession;
  if (!initiating->handshake.ReadCookieReply(now, arrival.route(), datagram, cookies_)) {
    return wire::Drop::kHandshakeFailed;
  }
  if (initiating->refresh == kNever) {
    // Wait a moment for the other paths' cookies, and after the first time do not let cookies drive us.
    const Timers& timers = local_.timers();
    initiating->refresh = now + timers.handshake_cookie_wait;
    if (initiating->refreshed) {
      initiating->refresh =
          std::max(initiating->refresh, initiating->started + timers.handshake_retry);
    }
  }
  return std::nullopt;
}

void Association::Initiate(Instant now, RoutesFunction routes, Outbox& outbox) {
  auto* initiating = std::get_if<Initiating>(&state_);
  if (initiating == nullptr) return;
  const Timers& timers = local_.timers();
  const bool cookie = initiating->refresh <= now;
  if (cookie || initiating->started + timers.handshake_attempt <= now) {
    initiating->handshake.Refresh(local_, params());
    initiating->started = now;
    initiating->next_send = now;
    initiating->refreshed = initiating->refreshed || cookie;
    initiating->refresh = kNever;
  }
  if (initiating->next_send > now) return;
  for (const Route& route : routes()) {
    std::vector<uint8_t> copy = initiating->handshake.Copy(now, route, cookies_);
    if (!copy.empty()) outbox.Push(route, std::move(copy));
  }
  initiating->last_send = now;
  initiating->next_send = now + local_.Jitter(backoff_);
  backoff_ = std::min(backoff_ * 2, timers.handshake_retry_max);
}

// Each copy is sealed for itself, so that the responder opens all of them and answers each where it came from: the fastest
// path may be one-way, and the responder knows no other way to us yet.
void Association::SendConfirms(Instant now, RoutesFunction routes, Outbox& outbox) {
  const std::vector<uint8_t> confirm = EncodeControlMessage(Confirm{});
  for (SessionSet::Entry& entry : sessions_.entries()) {
    if (entry.next_confirm > now) continue;
    entry.next_confirm = now + local_.timers().confirm_interval;
    std::vector<Route> ways = routes();
    if (entry.route && std::find(ways.begin(), ways.end(), *entry.route) == ways.end()) {
      ways.push_back(*entry.route);
    }
    for (const Route& route : ways) {
      if (auto sealed = entry.session->Seal(local_.engine(), confirm)) {
        outbox.Push(route, std::move(*sealed));
      }
    }
  }
}

// --- Responder --------------------------------------------------------------------------------------------------------

std::variant<Association::Response, wire::Drop> Association::HandleInitiation(
    Instant now, ReceivedInitiation& initiation) {
  const bool stale = initiation.timestamp <= max_timestamp_;
  if (stale) {
    if (!initiation.has_cookie) return wire::Drop::kHandshakeStale;
    // Fresh, or a recording of one that was accepted by its cookie before?
    if (std::find(accepted_by_cookie_.begin(), accepted_by_cookie_.end(), initiation.hash) !=
        accepted_by_cookie_.end()) {
      return wire::Drop::kHandshakeRepeated;
    }
  }
  if (!initiations_.Take(now)) return wire::Drop::kHandshakeBudget;
  const std::optional<uint32_t> index = local_.sessions().Reserve(this);
  if (!index) return wire::Drop::kHandshakeBudget;
  std::optional<AnsweredInitiation> answer = AnswerInitiation(local_, params(), initiation, *index);
  if (!answer) {
    local_.sessions().Release(*index);
    return wire::Drop::kHandshakeFailed;
  }
  if (stale) {
    accepted_by_cookie_.push_back(initiation.hash);
    if (accepted_by_cookie_.size() > kMaxCookieAccepted)
      accepted_by_cookie_.erase(accepted_by_cookie_.begin());
  }
  const auto* initiating = std::get_if<Initiating>(&state_);
  sessions_.Add({.session = std::move(answer->session),
                 .made = now,
                 .timestamp = initiation.timestamp,
                 .crossed = initiating != nullptr ? initiating->handshake.index() : 0});
  return Response{*index, std::move(answer->response)};
}

void Association::HandleConfirm(const Arrival& arrival, const wire::Session* session,
                                Outbox& outbox) {
  const SessionSet::Entry* entry = sessions_.Find(session);
  if (entry == nullptr || entry->session->initiator()) return;
  if (auto sealed = entry->session->Seal(local_.engine(), EncodeControlMessage(Confirm{}))) {
    outbox.Push(arrival.route(), std::move(*sealed));
  }
}

// --- Both -------------------------------------------------------------------------------------------------------------

bool Association::NoteAuthentic(Instant now, const wire::Session* session) {
  const SessionSet::Entry* entry = sessions_.Find(session);
  if (entry == nullptr) return false;
  last_authentic_ = now;
  if (entry->confirmed) {
    // It was not silent after all.
    const auto* initiating = std::get_if<Initiating>(&state_);
    if (initiating != nullptr && initiating->reason == Reason::kSilence &&
        session == send_session().get()) {
      StopInitiating();
    }
    return false;
  }
  if (!entry->session->initiator()) max_timestamp_ = std::max(max_timestamp_, entry->timestamp);
  // The remote end has made what we were asking for. (Its own handshake, if it had one under way, ends the same way.)
  StopInitiating();
  connect_ = false;
  sessions_.Confirm(session);
  return true;
}

void Association::HandleClose(Instant now, const wire::Session* session) {
  const SessionSet::Entry* closed = sessions_.Find(session);
  if (closed == nullptr) return;
  const uint64_t last = closed->order;
  sessions_.Remove([last](const SessionSet::Entry& entry) { return entry.order <= last; });
  // It is going away: there is no hurry to greet it again.
  not_before_ = now + local_.Jitter(local_.timers().handshake_retry_max);
}

void Association::Close(std::span<const Route> routes, Outbox& outbox) {
  for (const SessionSet::Entry& entry : sessions_.entries()) {
    if (!entry.confirmed) continue;
    const auto sealed =
        entry.session->Seal(local_.engine(), EncodeControlMessage(protocol::Close{}));
    if (!sealed) continue;
    for (const Route& route : routes) outbox.Push(route, *sealed);
  }
  wanted_ = false;
  connect_ = false;
  StopInitiating();
  sessions_.Remove([](const SessionSet::Entry&) { return true; });
}

bool Association::Send(std::span<const Route> routes, wire::Bytes plaintext, Outbox& outbox) {
  if (send_session() == nullptr) return false;
  if (routes.empty()) return true;
  const auto sealed = send_session()->Seal(local_.engine(), plaintext);
  if (!sealed) return false;
  for (const Route& route : routes) outbox.Push(route, *sealed);
  return true;
}

// --- Time -------------------------------------------------------------------------------------------------------------

std::pair<Instant, Association::Reason> Association::NextBeginning() const {
  if (connect_) return {not_before_, Reason::kConnect};
  if (!wanted_ || initiating()) return {kNever, Reason::kConnect};

  // A session of ours that is being confirmed gets some time for it.
  Instant waiting = Instant::min();
  for (const SessionSet::Entry& entry : sessions_.entries()) {
    if (!entry.confirmed) waiting = std::max(waiting, entry.give_up);
  }
  const Instant earliest = std::max(not_before_, waiting);
  const SessionSet::Entry* current = sessions_.sending();
  if (current == nullptr) return {earliest, Reason::kConnect};

  const bool used_up = current->session->sent() >= kRekeyPackets;
  const Duration age =
      current->session->initiator() ? options_.rekey_after : options_.rekey_after_responder;
  const Instant rekey = std::max(earliest, used_up ? Instant::min() : current->made + age);
  if (options_.silence == Duration::zero()) return {rekey, Reason::kRekey};
  const Instant silent = std::max(earliest, last_authentic_ + options_.silence);
  return silent < rekey ? std::pair(silent, Reason::kSilence) : std::pair(rekey, Reason::kRekey);
}

Instant Association::NextTimeout() const {
  Instant next = std::min(NextBeginning().first, sessions_.NextExpiry());
  for (const SessionSet::Entry& entry : sessions_.entries())
    next = std::min(next, entry.next_confirm);
  if (const auto* initiating = std::get_if<Initiating>(&state_)) {
    next = std::min({next, initiating->next_send, initiating->refresh,
                     initiating->started + local_.timers().handshake_attempt});
  }
  return next;
}

void Association::HandleTimeout(Instant now, RoutesFunction routes, Outbox& outbox) {
  sessions_.Expire(now);
  SendConfirms(now, routes, outbox);
  if (const auto [when, reason] = NextBeginning(); when <= now) Begin(now, reason);
  Initiate(now, routes, outbox);
}

// --- What it is now -----------------------------------------------------------------------------------------------------

std::shared_ptr<wire::Session> Association::FindSession(uint32_t local_index) const {
  const SessionSet::Entry* entry = sessions_.FindIndex(local_index);
  return entry != nullptr ? entry->session : nullptr;
}

std::vector<std::shared_ptr<wire::Session>> Association::receive_sessions() const {
  std::vector<std::shared_ptr<wire::Session>> sessions;
  for (const SessionSet::Entry& entry : sessions_.entries()) sessions.push_back(entry.session);
  return sessions;
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
