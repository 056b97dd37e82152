#include "control/protocol/session/responder.h"

#include <cassert>
#include <utility>

namespace warp::protocol {
namespace {

// The sessions of associations.
class AssociationMaker : public SessionMaker {
 public:
  AssociationMaker(const SessionTable& table, Responder::FindFunction find)
      : table_(table), find_(find) {}

  std::variant<Association::Response, wire::Drop> HandleInitiation(Instant now, const Arrival&,
                                                                   ReceivedInitiation& initiation,
                                                                   wire::Token* token) override {
    Association* association = find_(initiation.remote);
    if (association == nullptr) return wire::Drop::kUnknownPeer;
    auto result = association->HandleInitiation(now, initiation);
    *token = association->token(initiation);
    return result;
  }
  bool AwaitsConfirm(uint32_t local_index) const override {
    const Association* association = table_.Find(local_index);
    return association != nullptr && association->AwaitsConfirm(local_index);
  }

 private:
  const SessionTable& table_;
  const Responder::FindFunction find_;
};

}  // namespace

Responder::Responder(Identity& identity, SessionTable* table, Role role,
                     const HandshakeBudget& budget)
    : identity_(identity),
      table_(table),
      role_(role),
      cookies_(identity.timers().cookie_lifetime),
      handshakes_(budget.burst, budget.per_second),
      replies_(budget.reply_burst, budget.replies_per_second) {
  if (!budget.of_source.has_value()) return;
  proven_.emplace(*budget.of_source);
  unproven_.emplace(*budget.of_source);
}

const KeySuccession<OwnKey>::Entry* Responder::FindOwn(wire::Bytes datagram) const {
  for (const auto& own : identity_.own().entries()) {
    if (wire::VerifyMac1(own.key.mac1_key, datagram)) return &own;
  }
  return nullptr;
}

wire::Drop Responder::HandleInitiation(Instant now, const Arrival& arrival, wire::Bytes datagram,
                                       FindFunction find, Outbox& outbox) {
  assert(table_ != nullptr);
  AssociationMaker maker(*table_, find);
  const auto checked = Check(now, arrival, datagram, maker, outbox);
  if (const auto* drop = std::get_if<wire::Drop>(&checked)) return *drop;
  return Answer(now, arrival, datagram, std::get<InitiationHash>(checked), maker, outbox);
}

wire::Drop Responder::Admit(Instant now, const Arrival& arrival, wire::Bytes datagram,
                            const SessionMaker& maker, Outbox& outbox) {
  const auto checked = Check(now, arrival, datagram, maker, outbox);
  if (const auto* drop = std::get_if<wire::Drop>(&checked)) return *drop;
  return waiting_.Push(arrival, std::get<InitiationHash>(checked), datagram)
             ? wire::Drop::kNone
             : wire::Drop::kHandshakeBudget;
}

wire::Drop Responder::AnswerNext(Instant now, SessionMaker& maker, Outbox& outbox) {
  const std::optional<InitiationQueue::Entry> next = waiting_.Pop();
  if (!next.has_value()) return wire::Drop::kNone;
  const wire::Drop drop = Answer(now, next->arrival, next->datagram, next->hash, maker, outbox);
  // Copies were counted when they came.
  for (const Arrival& copy : next->copies) {
    const std::vector<uint8_t>* const reply = FindReply(now, next->hash, maker);
    if (reply == nullptr) break;
    Reply(now, copy, *reply, outbox);
  }
  return drop;
}

std::variant<InitiationHash, wire::Drop> Responder::Check(Instant now, const Arrival& arrival,
                                                          wire::Bytes datagram,
                                                          const SessionMaker& maker,
                                                          Outbox& outbox) {
  const std::optional<wire::InitiationMessage> message = wire::DecodeInitiation(datagram);
  if (!message) return wire::Drop::kHandshakeFailed;
  const KeySuccession<OwnKey>::Entry* const own = FindOwn(datagram);
  if (own == nullptr) return wire::Drop::kBadMac;

  const InitiationHash hash = HashInitiation(*message);
  if (const std::vector<uint8_t>* reply = FindReply(now, hash, maker)) {
    Reply(now, arrival, *reply, outbox);
    return wire::Drop::kHandshakeRepeated;
  }
  // It is answered when the first is: the way that this one came may be the only one that leads back.
  if (waiting_.AddCopy(arrival, hash)) return wire::Drop::kHandshakeRepeated;
  const bool proven = NeedsCookie(now, arrival.from.address);
  if (proven && !cookies_.Verify(now, arrival, datagram)) {
    Reply(now, arrival, cookies_.Reply(now, arrival, datagram, own->key.cookie_seal_key), outbox);
    return wire::Drop::kBadCookie;
  }
  if (!TakeOfSource(now, arrival.from.address, proven)) return wire::Drop::kHandshakeBudget;
  if (!handshakes_.Take(now, arrival.from.address, crowded())) return wire::Drop::kHandshakeBudget;
  return hash;
}

wire::Drop Responder::Answer(Instant now, const Arrival& arrival, wire::Bytes datagram,
                             const InitiationHash& hash, SessionMaker& maker, Outbox& outbox) {
  const KeySuccession<OwnKey>::Entry* const own = FindOwn(datagram);
  if (own == nullptr) return wire::Drop::kBadMac;  // the key has ended while this waited
  std::optional<ReceivedInitiation> initiation = ReadInitiation(own->key.pair, role_, datagram);
  if (!initiation) return wire::Drop::kHandshakeFailed;
  initiation->own_number = own->number;

  const Duration lifetime = identity_.timers().confirm_lifetime;
  wire::Token token{};
  auto result = maker.HandleInitiation(now, arrival, *initiation, &token);
  if (const auto* drop = std::get_if<wire::Drop>(&result)) {
    if (*drop == wire::Drop::kHandshakeStale) {
      std::vector<uint8_t> retry = MakeRetry(*initiation, token);
      outbox.Answer(arrival, retry);  // the Diffie-Hellman has paid for it
      retries_.Remember(now, lifetime, hash, std::move(retry), 0);
    }
    return *drop;
  }
  auto& response = std::get<Association::Response>(result);
  outbox.Answer(arrival, response.datagram);
  responses_.Remember(now, lifetime, hash, std::move(response.datagram), response.local_index);
  return wire::Drop::kNone;
}

bool Responder::NeedsCookie(Instant now, const wire::IpAddress& from) const {
  return under_load(now) || crowded() || (unproven_.has_value() && !unproven_->Has(now, from));
}

bool Responder::TakeOfSource(Instant now, const wire::IpAddress& from, bool proven) {
  std::optional<SourceBudget>& budget = proven ? proven_ : unproven_;
  return !budget.has_value() || budget->Take(now, from);
}

// What an initiation was answered with. Of a response that is as long as its session waits for somebody who confirms
// it. After that the response helps nobody, and the initiation is treated like any other recording.
const std::vector<uint8_t>* Responder::FindReply(Instant now, const InitiationHash& hash,
                                                 const SessionMaker& maker) {
  if (const RememberedReplies::Entry* entry = responses_.Find(now, hash)) {
    if (maker.AwaitsConfirm(entry->local_index)) return &entry->reply;
    responses_.Forget(hash);
  }
  const RememberedReplies::Entry* entry = retries_.Find(now, hash);
  return entry != nullptr ? &entry->reply : nullptr;
}

void Responder::Reply(Instant now, const Arrival& arrival, std::vector<uint8_t> reply,
                      Outbox& outbox) {
  if (reply.empty() || !replies_.Take(now, arrival.from.address)) return;
  outbox.Answer(arrival, std::move(reply));
}

}  // namespace warp::protocol
