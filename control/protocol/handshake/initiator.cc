#include "control/protocol/handshake/initiator.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

namespace warp::protocol {
namespace {

// New routes may come one by one. Waiting this long sends their copies together.
constexpr Duration kHurryInterval = std::chrono::milliseconds(20);

// So long the remote end has to answer the newest keys before it is tried by those that served last.
constexpr Duration kOtherKeys = std::chrono::seconds(1);

// A response that took longer waited for something else than the network.
constexpr Duration kMaxRoundTrip = std::chrono::seconds(10);

}  // namespace

Initiator::Initiator(Identity& identity, SessionTable& table, Association* owner,
                     const AssociationKeys& keys, const HandshakeParams& params)
    : identity_(identity),
      table_(table),
      owner_(owner),
      keys_(keys),
      params_(params),
      backoff_(identity.timers().handshake_retry),
      cookies_(identity.timers().cookie_lifetime),
      responses_(kResponseBurst, kResponsesPerSecond),
      retries_(kRetryBurst, kRetriesPerSecond) {}

bool Initiator::Begin(Instant now, Reason reason) {
  assert(!active());
  turns_ = 0;
  if (!TryNext(now, {})) return false;
  ++number_;
  reason_ = reason;
  last_cookie_ = {};
  backoff_ = identity_.timers().handshake_retry;
  return true;
}

bool Initiator::TryNext(Instant now, const wire::Token& token) {
  const std::vector<HandshakeKeys> pairs = keys_.Pairs();
  if (pairs.empty() || !Try(now, token, pairs[turns_ % pairs.size()])) return false;
  if (++turns_ == 1 && pairs.size() > 1) timers_.Set(Timer::kAttempt, now + kOtherKeys);
  return true;
}

bool Initiator::Try(Instant now, const wire::Token& token, const HandshakeKeys& keys) {
  const auto* const own = identity_.own().Find(keys.own_number);
  if (own == nullptr) return false;
  const std::optional<uint32_t> index = table_.Reserve(owner_);
  if (!index) return false;
  if (attempts_.size() >= kMaxAttempts) {
    table_.Release(attempts_.front().handshake.index());
    attempts_.pop_front();
  }
  HandshakeParams params = params_;
  params.own = &own->key.pair;
  params.remote = keys.remote;
  attempts_.push_back({.handshake = InitiatorHandshake(identity_, params, *index, token),
                       .keys = keys,
                       .made = now});
  ++made_;
  token_ = token;
  timers_.Set(Timer::kRetry, now);
  timers_.Set(Timer::kAttempt, now + identity_.timers().handshake_attempt);
  return true;
}

void Initiator::Stop() {
  for (const Attempt& attempt : attempts_) {
    assert(table_.Find(attempt.handshake.index()) == owner_);
    table_.Release(attempt.handshake.index());
  }
  attempts_.clear();
  asked_.clear();
  timers_.StopAll();
}

void Initiator::SetTerms(size_t window, Duration lifetime) {
  params_.window = window;
  params_.lifetime = lifetime;
}

void Initiator::Retune(Instant now) {
  if (!active()) return;
  const Timers& timers = identity_.timers();
  backoff_ = std::clamp(backoff_, timers.handshake_retry, timers.handshake_retry_max);
  timers_.Hasten(Timer::kRetry, std::max(now, last_send_ + identity_.Jitter(backoff_)));
}

void Initiator::KeysChanged(Instant now) {
  turns_ = 0;
  if (active()) timers_.Set(Timer::kAttempt, now);
}

void Initiator::DropEnded() {
  std::erase_if(attempts_, [this](const Attempt& attempt) {
    const bool ended = !keys_.Serve(attempt.keys);
    if (ended) table_.Release(attempt.handshake.index());
    return ended;
  });
  if (attempts_.empty()) Stop();
}

void Initiator::Hurry(Instant now) {
  if (active()) timers_.Hasten(Timer::kRetry, std::max(now, last_send_ + kHurryInterval));
}

// --- What arrives. ---

std::variant<Initiator::Finished, wire::Drop> Initiator::HandleResponse(Instant now, uint32_t index,
                                                                        wire::Bytes datagram) {
  const Attempt* attempt = UnderWay(index);
  if (attempt == nullptr) return wire::Drop::kUnknownSession;
  if (!attempt->handshake.IsFromResponder(datagram)) return wire::Drop::kHandshakeFailed;
  if (!responses_.Take(now)) return wire::Drop::kHandshakeBudget;
  HandshakeParams params = params_;
  params.psks = &keys_.psks();
  auto [session, psk_number] = attempt->handshake.ReadResponse(now, params, datagram);
  if (session == nullptr) return wire::Drop::kHandshakeFailed;
  HandshakeKeys keys = attempt->keys;
  keys.psk_number = psk_number;
  const Duration round_trip = std::min(now - attempt->made, kMaxRoundTrip);
  // The index stays reserved: it is the session's from here on.
  assert(session->local_index() == index && table_.Find(index) == owner_);
  std::erase_if(attempts_, [index](const Attempt& a) { return a.handshake.index() == index; });
  Stop();
  return Finished{std::move(session), round_trip, keys};
}

wire::Drop Initiator::HandleCookieReply(Instant now, const Arrival& arrival, uint32_t index,
                                        wire::Bytes datagram) {
  const Attempt* attempt = UnderWay(index);
  if (attempt == nullptr) return wire::Drop::kUnknownSession;
  // Only routes that were asked have something to say. Others must not fill the jar.
  if (!asked_.contains(arrival.route())) return wire::Drop::kBadCookie;
  if (!attempt->handshake.ReadCookieReply(now, arrival.route(), datagram, cookies_)) {
    return wire::Drop::kHandshakeFailed;
  }
  // The other routes' cookies come within a moment. After the first time the wait is longer: whoever sends cookies must
  // not decide how often we try.
  const Timers& timers = identity_.timers();
  const Instant when =
      std::max(now + timers.handshake_cookie_wait, last_cookie_ + timers.handshake_retry);
  if (when < timers_.At(Timer::kRetry)) {
    timers_.Set(Timer::kRetry, when);
    last_cookie_ = when;
  }
  return wire::Drop::kNone;
}

wire::Drop Initiator::HandleRetry(Instant now, uint32_t index, wire::Bytes datagram) {
  Attempt* attempt = UnderWay(index);
  if (attempt == nullptr) return wire::Drop::kUnknownSession;
  if (attempt->retried) return wire::Drop::kHandshakeRepeated;
  const std::optional<wire::Token> token = attempt->handshake.ReadRetry(datagram);
  if (!token) return wire::Drop::kHandshakeFailed;
  // The retries to attempts that overtook each other bring the same token. Where there is no budget or no index,
  // the next copy of the retry is another chance.
  if (*token != token_) {
    if (!retries_.Take(now)) return wire::Drop::kHandshakeBudget;
    // A copy, because Try moves the attempts.
    const HandshakeKeys keys = attempt->keys;
    if (!Try(now, *token, keys)) return wire::Drop::kHandshakeBudget;
    // Try may have moved or dropped the attempt.
    attempt = UnderWay(index);
  }
  if (attempt != nullptr) attempt->retried = true;
  return wire::Drop::kNone;
}

// --- Time. ---

void Initiator::HandleTimeout(Instant now, WaysFunction ways, Outbox& outbox) {
  while (const std::optional<Timer> due = timers_.TakeDue(now)) {
    switch (*due) {
      case Timer::kAttempt:
        if (!TryNext(now, token_))
          timers_.Set(Timer::kAttempt, now + identity_.timers().handshake_attempt);
        break;
      case Timer::kRetry:
        SendCopies(now, ways, outbox);
        break;
      case Timer::kCount:
        break;
    }
  }
}

void Initiator::SendCopies(Instant now, WaysFunction ways, Outbox& outbox) {
  const InitiatorHandshake& newest = attempts_.back().handshake;
  for (const Way& way : ways()) {
    std::vector<uint8_t> copy = newest.Copy(now, way.route, cookies_);
    if (copy.empty()) continue;
    outbox.Push(way, std::move(copy));
    if (asked_.size() < kMaxCookies) asked_.insert(way.route);
  }
  last_send_ = now;
  timers_.Set(Timer::kRetry, now + identity_.Jitter(backoff_));
  backoff_ = std::min(backoff_ * 2, identity_.timers().handshake_retry_max);
}

Initiator::Attempt* Initiator::UnderWay(uint32_t index) {
  const auto it = std::find_if(attempts_.begin(), attempts_.end(), [index](const Attempt& attempt) {
    return attempt.handshake.index() == index;
  });
  return it != attempts_.end() ? &*it : nullptr;
}

}  // namespace warp::protocol
