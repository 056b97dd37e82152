#include "control/protocol/session/responder.h"

#include <utility>

namespace warp::protocol {

Responder::Responder(Identity& identity, SessionTable& table, Role role,
                     const HandshakeBudget& budget)
    : identity_(identity),
      table_(table),
      role_(role),
      mac1_key_(wire::Mac1Key(identity.public_key())),
      cookies_(identity.public_key(), identity.timers().cookie_lifetime),
      handshakes_(budget.burst, budget.per_second),
      replies_(budget.reply_burst, budget.replies_per_second) {}

wire::Drop Responder::HandleInitiation(Instant now, const Arrival& arrival, wire::Bytes datagram,
                                       FindFunction find, Outbox& outbox) {
  if (!wire::DecodeInitiation(datagram)) return wire::Drop::kHandshakeFailed;
  if (!VerifyMac1(datagram)) return wire::Drop::kBadMac;

  Expire(now);
  const InitiationHash hash = HashInitiation(datagram);
  const auto known = remembered_.find(hash);
  const bool seen = known != remembered_.end();
  // A response whose session is gone would lead nowhere, so such an initiation is answered anew.
  if (seen && table_.Find(known->second.local_index) != nullptr) {
    if (replies_.Take(now)) outbox.Push(arrival.route(), known->second.response);
    return wire::Drop::kHandshakeRepeated;
  }
  const bool stale = seen && known->second.response.empty();

  const bool has_cookie = cookies_.Verify(now, arrival, datagram);
  if (!has_cookie && under_load(now)) {
    SendCookie(now, arrival, datagram, outbox);
    return wire::Drop::kBadCookie;
  }
  if (!has_cookie && stale) {
    SendCookie(now, arrival, datagram, outbox);
    return wire::Drop::kHandshakeStale;
  }
  if (!handshakes_.Take(now)) return wire::Drop::kHandshakeBudget;

  std::optional<ReceivedInitiation> initiation = ReadInitiation(identity_, role_, datagram);
  if (!initiation) return wire::Drop::kHandshakeFailed;
  initiation->has_cookie = has_cookie;
  Association* association = find(initiation->remote);
  if (association == nullptr) return wire::Drop::kUnknownPeer;

  auto result = association->HandleInitiation(now, *initiation);
  if (const auto* drop = std::get_if<wire::Drop>(&result)) {
    if (*drop == wire::Drop::kHandshakeStale) {
      SendCookie(now, arrival, datagram, outbox);
      Remember(now, hash, {});
    }
    return *drop;
  }
  auto& response = std::get<Association::Response>(result);
  outbox.Push(arrival.route(), response.datagram);
  Remember(now, hash, {std::move(response.datagram), response.local_index});
  return wire::Drop::kNone;
}

void Responder::SendCookie(Instant now, const Arrival& arrival, wire::Bytes datagram,
                           Outbox& outbox) {
  if (!replies_.Take(now)) return;
  if (auto reply = cookies_.Reply(now, arrival, datagram); !reply.empty()) {
    outbox.Push(arrival.route(), std::move(reply));
  }
}

void Responder::Remember(Instant now, const InitiationHash& hash, Remembered remembered) {
  if (expiries_.size() >= kMaxRememberedInitiations) {
    remembered_.erase(expiries_.front().hash);
    expiries_.pop_front();
  }
  remembered_[hash] = std::move(remembered);
  expiries_.push_back({now + identity_.timers().confirm_lifetime, hash});
}

void Responder::Expire(Instant now) {
  while (!expiries_.empty() && expiries_.front().when <= now) {
    const InitiationHash& hash = expiries_.front().hash;
    // An initiation that was stale at first and accepted later stands twice in the queue; its first expiry ends both.
    remembered_.erase(hash);
    expiries_.pop_front();
  }
}

}  // namespace warp::protocol
