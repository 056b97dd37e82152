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

// Where repetitions are spread, a cookie makes the wait grow anew from so many times the shortest.
constexpr int kAfterCookie = 16;

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
      lanes_(keys) {}

bool Initiator::Begin(Instant now, Reason reason) {
  assert(!connecting());
  Stop();
  reason_ = reason;
  turns_ = 0;
  lanes_.ForEach([](Lane& lane) { lane.token = {}; });
  if (!TryNext(now)) return false;
  ++number_;
  searches_ += reason == Reason::kSearch;
  last_cookie_ = {};
  backoff_ = identity_.timers().handshake_retry;
  return true;
}

bool Initiator::TryNext(Instant now) {
  std::vector<HandshakeKeys> pairs = keys_.Pairs();
  const bool searches = reason_ == Reason::kSearch;
  if (searches) pairs = Sought(std::move(pairs));
  if (searches && turns_ >= pairs.size()) {
    Rest();
    return true;
  }
  if (pairs.empty() || !Try(now, pairs[turns_ % pairs.size()])) return false;
  ++turns_;
  if (searches || (turns_ == 1 && pairs.size() > 1)) timers_.Set(Timer::kAttempt, now + kOtherKeys);
  return true;
}

std::vector<HandshakeKeys> Initiator::Sought(std::vector<HandshakeKeys> pairs) const {
  std::erase_if(pairs, [this, newest = pairs.empty() ? HandshakeKeys()
                                                     : pairs.front()](const HandshakeKeys& pair) {
    return pair.SamePair(keys_.served()) && !pair.SamePair(newest);
  });
  if (pairs.size() <= 2) return pairs;
  return {pairs[0], pairs[1 + searches_ % (pairs.size() - 1)]};
}

bool Initiator::Try(Instant now, const HandshakeKeys& keys) {
  const auto* const own = identity_.own().Find(keys.own_number);
  if (own == nullptr) return false;
  const std::optional<uint32_t> index = table_.Reserve(owner_);
  if (!index) return false;
  const auto is_same = [&keys](const Attempt& attempt) { return attempt.keys.SamePair(keys); };
  if (static_cast<size_t>(std::count_if(attempts_.begin(), attempts_.end(), is_same)) >=
      kMaxAttempts) {
    const uint32_t oldest =
        std::find_if(attempts_.begin(), attempts_.end(), is_same)->handshake.index();
    Drop([oldest](const Attempt& attempt) { return attempt.handshake.index() == oldest; });
  }
  HandshakeParams params = params_;
  params.own = &own->key.pair;
  params.remote = keys.remote;
  attempts_.push_back(
      {.handshake = InitiatorHandshake(identity_, params, *index, lanes_.Of(keys).token),
       .keys = keys,
       .made = now});
  ++made_;
  resting_ = false;
  timers_.Set(Timer::kRetry, now);
  if (!spread()) timers_.Set(Timer::kAttempt, now + identity_.timers().handshake_attempt);
  return true;
}

void Initiator::Stop() {
  Drop([](const Attempt&) { return true; });
  asked_.clear();
  Rest();
}

void Initiator::Drop(absl::FunctionRef<bool(const Attempt&)> which) {
  std::erase_if(attempts_, [&](const Attempt& attempt) {
    if (!which(attempt)) return false;
    assert(table_.Find(attempt.handshake.index()) == owner_);
    table_.Release(attempt.handshake.index());
    return true;
  });
}

void Initiator::Rest() {
  resting_ = !attempts_.empty();
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
  Drop([this](const Attempt& attempt) { return !keys_.Serve(attempt.keys); });
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
  if (!lanes_.Of(attempt->keys).responses.Take(now)) return wire::Drop::kHandshakeBudget;
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
  Drop([&keys](const Attempt& other) {
    return other.keys.own_number <= keys.own_number &&
           other.keys.remote_number <= keys.remote_number;
  });
  Rest();
  return Finished{std::move(session), round_trip, keys, number_};
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
    backoff_ = std::min(backoff_, timers.handshake_retry * kAfterCookie);
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
  Lane& lane = lanes_.Of(attempt->keys);
  if (*token != lane.token) {
    if (!lane.retries.Take(now)) return wire::Drop::kHandshakeBudget;
    // A copy, because Try moves the attempts.
    const HandshakeKeys keys = attempt->keys;
    const Instant next_turn = timers_.At(Timer::kAttempt);
    const wire::Token before = std::exchange(lane.token, *token);
    if (!Try(now, keys)) {
      lane.token = before;
      return wire::Drop::kHandshakeBudget;
    }
    // The newest pair gets its time. Another one does not get that of those which have their turn after it.
    const std::vector<HandshakeKeys> pairs = keys_.Pairs();
    if (pairs.size() > 1 && !keys.SamePair(pairs.front()) && next_turn != kNever)
      timers_.Set(Timer::kAttempt, next_turn);
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
        if (!TryNext(now)) timers_.Set(Timer::kAttempt, now + identity_.timers().handshake_attempt);
        break;
      case Timer::kRetry:
        if (spread() && reason_ != Reason::kSearch &&
            now - attempts_.back().made >= identity_.timers().handshake_attempt) {
          TryNext(now);
        }
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
  timers_.Set(Timer::kRetry, now + NextWait());
}

Duration Initiator::NextWait() {
  const Timers& timers = identity_.timers();
  const bool first = backoff_ <= timers.handshake_retry;
  const Duration wait = spread() && !first ? identity_.Upto(backoff_) : identity_.Jitter(backoff_);
  backoff_ = std::min(backoff_ * 2, spread() ? params_.spread : timers.handshake_retry_max);
  return wait;
}

Initiator::Attempt* Initiator::UnderWay(uint32_t index) {
  const auto it = std::find_if(attempts_.begin(), attempts_.end(), [index](const Attempt& attempt) {
    return attempt.handshake.index() == index;
  });
  return it != attempts_.end() ? &*it : nullptr;
}

}  // namespace warp::protocol
