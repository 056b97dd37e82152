#include "control/protocol/session/initiator.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

namespace warp::protocol {
namespace {

// New routes may come one by one. Waiting this long sends their copies together.
constexpr Duration kHurryInterval = std::chrono::milliseconds(20);

// A response that took longer waited for something else than the network.
constexpr Duration kMaxRoundTrip = std::chrono::seconds(2);

}  // namespace

Initiator::Initiator(Identity& identity, SessionTable& table, Association* owner,
                     const HandshakeParams& params)
    : identity_(identity),
      table_(table),
      owner_(owner),
      params_(params),
      backoff_(identity.timers().handshake_retry),
      cookies_(identity.timers().cookie_lifetime),
      responses_(kResponseBurst, kResponsesPerSecond) {}

bool Initiator::Begin(Instant now, Reason reason) {
  assert(!active());
  const std::optional<uint32_t> index = table_.Reserve(owner_);
  if (!index) return false;
  backoff_ = identity_.timers().handshake_retry;
  state_ = Initiating{.handshake = InitiatorHandshake(identity_, params_, *index),
                      .reason = reason,
                      .started = now,
                      .last_send = now};
  timers_.Set(Timer::kRetry, now);
  timers_.Set(Timer::kAttempt, now + identity_.timers().handshake_attempt);
  return true;
}

void Initiator::Stop() {
  if (!active()) return;
  assert(table_.Find(index()) == owner_);
  table_.Release(index());
  timers_.StopAll();
  state_ = Idle{};
}

void Initiator::Hurry(Instant now) {
  if (const auto* initiating = std::get_if<Initiating>(&state_)) {
    timers_.Hasten(Timer::kRetry, std::max(now, initiating->last_send + kHurryInterval));
  }
}

// --- What arrives. ---

std::variant<Initiator::Finished, wire::Drop> Initiator::HandleResponse(Instant now, uint32_t index,
                                                                        wire::Bytes datagram) {
  Initiating* initiating = UnderWay(index);
  if (initiating == nullptr) return wire::Drop::kUnknownSession;
  if (!responses_.Take(now)) return wire::Drop::kHandshakeBudget;
  std::shared_ptr<wire::Session> session = initiating->handshake.ReadResponse(params_, datagram);
  if (session == nullptr) return wire::Drop::kHandshakeFailed;
  // The index stays reserved: it is the session's from here on.
  assert(session->local_index() == index && table_.Find(index) == owner_);
  const Duration round_trip = std::min(now - initiating->started, kMaxRoundTrip);
  timers_.StopAll();
  state_ = Idle{};
  return Finished{std::move(session), round_trip};
}

wire::Drop Initiator::HandleCookieReply(Instant now, const Arrival& arrival, uint32_t index,
                                        wire::Bytes datagram) {
  Initiating* initiating = UnderWay(index);
  if (initiating == nullptr) return wire::Drop::kUnknownSession;
  if (!initiating->handshake.ReadCookieReply(now, arrival.route(), datagram, cookies_)) {
    return wire::Drop::kHandshakeFailed;
  }
  if (timers_.Runs(Timer::kCookie)) return wire::Drop::kNone;
  // The other routes' cookies come within a moment. After the first time the wait is longer: whoever sends cookies must
  // not decide how often we try.
  const Timers& timers = identity_.timers();
  timers_.Set(Timer::kCookie, now + timers.handshake_cookie_wait);
  if (initiating->refreshed) {
    timers_.PutOff(Timer::kCookie, initiating->started + timers.handshake_retry);
  }
  return wire::Drop::kNone;
}

// --- Time. ---

void Initiator::HandleTimeout(Instant now, RoutesFunction routes, Outbox& outbox) {
  while (const std::optional<Timer> due = timers_.TakeDue(now)) {
    auto& initiating = std::get<Initiating>(state_);  // timers run only then
    switch (*due) {
      case Timer::kCookie:
        initiating.refreshed = true;
        Refresh(now, initiating);
        break;
      case Timer::kAttempt:
        Refresh(now, initiating);
        break;
      case Timer::kRetry:
        SendCopies(now, initiating, routes, outbox);
        break;
      case Timer::kCount:
        break;
    }
  }
}

void Initiator::Refresh(Instant now, Initiating& initiating) {
  initiating.handshake.Refresh(identity_, params_);
  initiating.started = now;
  timers_.Stop(Timer::kCookie);
  timers_.Set(Timer::kAttempt, now + identity_.timers().handshake_attempt);
  timers_.Set(Timer::kRetry, now);
}

void Initiator::SendCopies(Instant now, Initiating& initiating, RoutesFunction routes,
                           Outbox& outbox) {
  for (const Route& route : routes()) {
    std::vector<uint8_t> copy = initiating.handshake.Copy(now, route, cookies_);
    if (!copy.empty()) outbox.Push(route, std::move(copy));
  }
  initiating.last_send = now;
  timers_.Set(Timer::kRetry, now + identity_.Jitter(backoff_));
  backoff_ = std::min(backoff_ * 2, identity_.timers().handshake_retry_max);
}

// --- What it is now. ---

bool Initiator::because_of_silence() const {
  const auto* initiating = std::get_if<Initiating>(&state_);
  return initiating != nullptr && initiating->reason == Reason::kSilence;
}

uint32_t Initiator::index() const {
  const auto* initiating = std::get_if<Initiating>(&state_);
  return initiating != nullptr ? initiating->handshake.index() : 0;
}

Initiator::Initiating* Initiator::UnderWay(uint32_t index) {
  auto* initiating = std::get_if<Initiating>(&state_);
  return initiating != nullptr && initiating->handshake.index() == index ? initiating : nullptr;
}

}  // namespace warp::protocol
