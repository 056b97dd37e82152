#include "map-server/session/client_table.h"

#include <sodium.h>

#include <cassert>
#include <chrono>
#include <utility>

namespace warp::map {

using protocol::Association;
using protocol::Outbox;
using wire::Drop;

namespace {

// A session's number fills the lower bits of what its index enciphers, and random bits the others.
constexpr int kNumberBits = 24;
constexpr Id kMostSessions = Id{1} << kNumberBits;

uint64_t Microseconds(Instant time) {
  return static_cast<uint64_t>(time.time_since_epoch() / std::chrono::microseconds(1));
}

}  // namespace

ClientTable::ClientTable(protocol::Identity& identity, size_t most, Duration rekey_after)
    : identity_(identity),
      most_(most),
      lifetime_(rekey_after + rekey_after / 2),
      by_key_(clients_),
      newcomers_(clients_),
      proven_(clients_) {
  randombytes_buf(token_secret_.data(), token_secret_.size());
  by_key_.Reserve(std::min(most + Newcomers(most), kReserveAtMost));
}

// --- Initiations. ---

std::variant<Association::Response, Drop> ClientTable::HandleInitiation(
    Instant now, const wire::Arrival& arrival, protocol::ReceivedInitiation& initiation,
    wire::Token* token) {
  if (!Admits(initiation.remote)) return Drop::kUnknownPeer;
  Id client = by_key_.Find(initiation.remote);
  bool fresh = false;
  if (client != kNoId) {
    *token = TokenOf(clients_[client]);
    fresh = sodium_memcmp(initiation.token.data(), token->data(), token->size()) == 0;
    if (!fresh) return Drop::kHandshakeStale;
    // Recordings are never charged: they must not use up what the node needs.
    if (!clients_[client].initiations.Take(now, kInitiations)) return Drop::kHandshakeBudget;
    // A recording may have made it a newcomer of a network that is not its own.
    if (!clients_[client].proven) {
      newcomers_.Remove(client);
      newcomers_.Add(client, NetworkOf(arrival.from.address));
    }
  } else {
    client = Make(initiation.remote, NetworkOf(arrival.from.address));
  }
  const Id session = MakeSession(now, client);
  if (session == kNoId) {
    ++refused_;
    RemoveIfIdle(client);
    return Drop::kMapFull;
  }
  const uint32_t index = sessions_[session].keys.local_index();
  std::optional<protocol::AnsweredKeys> answer = protocol::AnswerWithKeys(
      identity_, protocol::Role::kMap, wire::PresharedKey(), initiation, index);
  if (!answer) {
    EndSession(session);
    RemoveIfIdle(client);
    return Drop::kHandshakeFailed;
  }
  assert(answer->cipher == wire::Cipher::kChaCha20Poly1305);
  sessions_[session].keys.Start(index, initiation.remote_index, answer->seal_key, answer->open_key);
  if (fresh) clients_[client].token_number = ++tokens_;
  Limit(client, State::kUnconfirmed, protocol::kMaxUnconfirmedSessions);
  return Association::Response{index, std::move(answer->response)};
}

bool ClientTable::AwaitsConfirm(uint32_t local_index) const {
  const Id session = FindSession(local_index);
  return session != kNoId && sessions_[session].state() == State::kUnconfirmed;
}

wire::Token ClientTable::TokenOf(const Client& client) const {
  std::array<uint8_t, wire::kKeySize + sizeof(uint64_t)> input;
  std::copy(client.key.bytes().begin(), client.key.bytes().end(), input.begin());
  for (size_t i = 0; i < sizeof(uint64_t); ++i)
    input[wire::kKeySize + i] = static_cast<uint8_t>(client.token_number >> (8 * i));
  wire::Token token;
  crypto_generichash(token.data(), token.size(), input.data(), input.size(), token_secret_.data(),
                     token_secret_.size());
  return token;
}

// --- Messages. ---

std::variant<ClientTable::Opened, Drop> ClientTable::Open(Instant now, const wire::Arrival& arrival,
                                                          wire::MutableBytes datagram,
                                                          Heard heard) {
  const std::optional<wire::DataHeader> header = wire::ReadDataHeader(datagram);
  if (!header.has_value()) return Drop::kTruncated;
  const Id id = FindSession(header->receiver_index);
  if (id == kNoId) return Drop::kUnknownSession;
  MapSession& session = sessions_[id];
  if (Expiry(session) <= now) return Drop::kSessionExpired;
  const auto opened = session.keys.Open(datagram);
  if (const auto* drop = std::get_if<Drop>(&opened)) return *drop;

  const Id client = session.client;
  WidenIfBusy(now, session);
  if (session.state() == State::kUnconfirmed) Confirm(now, id);
  if (heard == Heard::kHere) clients_[client].route = arrival.route();
  Touch(client);
  return Opened{client, id, std::get<wire::Session::Opened>(opened).plaintext};
}

void ClientTable::WidenIfBusy(Instant now, MapSession& session) {
  if (session.keys.wide() || wide_ >= std::max(most_ / kWideShare, kWideAtLeast)) return;
  if (clients_[session.client].messages.Used(now, kMessages) < kWideningMessages) return;
  session.keys.Widen();
  ++wide_;
}

bool ClientTable::TakeMessage(Instant now, Id client) {
  if (!clients_[client].messages.Take(now, kMessages)) return false;
  return network_messages_.Take(now, proven_.NetworkOf(client));
}

void ClientTable::Answer(Id session, const wire::Arrival& arrival, wire::Bytes plaintext,
                         Outbox& outbox) {
  if (auto sealed = sessions_[session].keys.Seal(plaintext))
    outbox.Answer(arrival, std::move(*sealed));
}

bool ClientTable::Send(Instant now, const wire::PublicKey& to, const wire::Route& route,
                       wire::Bytes plaintext, Outbox& outbox) {
  const Id client = by_key_.Find(to);
  const Id current = client == kNoId ? kNoId : Current(client);
  if (current == kNoId || Expiry(sessions_[current]) <= now) return false;
  auto sealed = sessions_[current].keys.Seal(plaintext);
  if (!sealed) return false;
  outbox.Push(route, std::move(*sealed));
  return true;
}

void ClientTable::SayToAll(Instant now, size_t most, wire::Bytes plaintext, Outbox& outbox) {
  size_t said = 0;
  for (Id id = proven_.last(); id != kNoId && said < most; id = proven_.Before(id), ++said) {
    Send(now, clients_[id].key, clients_[id].route, plaintext, outbox);
  }
}

void ClientTable::Close(Id session) {
  const Id client = sessions_[session].client;
  while (session != kNoId) {
    const Id older = sessions_[session].older;
    EndSession(session);
    session = older;
  }
  RemoveIfIdle(client);
}

// --- Sessions. ---

Id ClientTable::FindSession(uint32_t local_index) const {
  const Id id = index_cipher_.Decipher(local_index) % kMostSessions;
  if (local_index == 0 || id >= sessions_.end()) return kNoId;
  return sessions_[id].keys.local_index() == local_index ? id : kNoId;
}

Id ClientTable::MakeSession(Instant now, Id client) {
  if (sessions_.size() >= std::min<size_t>(Sessions(most_), kMostSessions)) {
    const Id oldest = SessionVictim(client);
    if (oldest == kNoId) return kNoId;
    const Id owner = sessions_[oldest].client;
    EndSession(oldest);
    if (owner != client) RemoveIfIdle(owner);
  }
  const Id id = sessions_.Make();
  uint32_t index = 0;
  while (index == 0) index = index_cipher_.Encipher(id | randombytes_random() << kNumberBits);
  MapSession& session = sessions_[id];
  session.keys.Start(index, 0, {}, {});
  session.client = client;
  session.older = std::exchange(clients_[client].newest, id);
  session.since_us = Microseconds(now);
  QueueOf(State::kUnconfirmed).PushBack(sessions_, id);
  ++in_state_[static_cast<size_t>(State::kUnconfirmed)];
  return id;
}

// Newcomers are strangers: they wait, however many there are, and take nothing from those who are in.
Id ClientTable::SessionVictim(Id client) const {
  const Id retired = QueueOf(State::kRetired).first();
  if (retired != kNoId || !clients_[client].proven) return retired;
  return QueueOf(State::kUnconfirmed).first();
}

// The newest of those that were confirmed is used for sending. Usually it is the one that was confirmed last.
void ClientTable::Confirm(Instant now, Id session) {
  const Id client = sessions_[session].client;
  const Id before = Current(client);
  SetState(session, State::kCurrent,
           Instant(std::chrono::microseconds(sessions_[session].since_us)));
  if (before != kNoId) Retire(now, Current(client) == session ? before : session);
  Limit(client, State::kRetired, kMaxRetiredSessions);
}

void ClientTable::Retire(Instant now, Id id) {
  const Instant end = Expiry(sessions_[id]);
  SetState(id, State::kRetired, std::min<Instant>(now, end - kRetiredLifetime));
}

void ClientTable::SetState(Id id, State state, Instant since) {
  MapSession& session = sessions_[id];
  QueueOf(session.state()).Remove(sessions_, id);
  --in_state_[session.state_number];
  ++in_state_[static_cast<size_t>(state)];
  session.state_number = static_cast<uint8_t>(state);
  session.since_us = Microseconds(since);
  QueueOf(state).PushBack(sessions_, id);
}

void ClientTable::EndSession(Id id) {
  Client& client = clients_[sessions_[id].client];
  Id* link = &client.newest;
  while (*link != id) link = &sessions_[*link].older;
  *link = sessions_[id].older;
  QueueOf(sessions_[id].state()).Remove(sessions_, id);
  --in_state_[sessions_[id].state_number];
  if (sessions_[id].keys.wide()) --wide_;
  sessions_.Free(id);  // which wipes the keys
}

void ClientTable::Limit(Id client, State state, int most) {
  for (Id id = clients_[client].newest; id != kNoId;) {
    const Id older = sessions_[id].older;
    if (sessions_[id].state() == state && --most < 0) EndSession(id);
    id = older;
  }
}

Id ClientTable::Current(Id client) const {
  Id id = clients_[client].newest;
  while (id != kNoId && sessions_[id].state() != State::kCurrent) id = sessions_[id].older;
  return id;
}

Instant ClientTable::Expiry(const MapSession& session) const {
  const Instant since{std::chrono::microseconds(session.since_us)};
  switch (session.state()) {
    case State::kUnconfirmed:
      return since + std::min(lifetime_, identity_.timers().confirm_lifetime);
    case State::kCurrent:
      return since + lifetime_;
    case State::kRetired:
      break;
  }
  return since + kRetiredLifetime;
}

// --- Clients. ---

Id ClientTable::Make(const wire::PublicKey& key, Network network) {
  const Id made = clients_.Make();
  clients_[made].key = key;
  clients_[made].token_number = ++tokens_;
  by_key_.Add(made);
  newcomers_.Add(made, network);
  if (newcomers_.size() > Newcomers(most_)) Remove(newcomers_.Victim(network));
  return made;
}

void ClientTable::Touch(Id client) {
  if (clients_[client].proven) return proven_.MoveToEnd(client);
  const Network network = newcomers_.NetworkOf(client);
  newcomers_.Remove(client);
  clients_[client].proven = true;
  proven_.Add(client, network);
  if (proven_.size() > most_) Remove(proven_.Victim(network));
}

void ClientTable::Remove(Id client) {
  while (clients_[client].newest != kNoId) EndSession(clients_[client].newest);
  (clients_[client].proven ? proven_ : newcomers_).Remove(client);
  by_key_.Remove(client);
  clients_.Free(client);
}

void ClientTable::RemoveIfIdle(Id client) {
  if (clients_[client].newest == kNoId) Remove(client);
}

ClientView ClientTable::View(Id client) const {
  ClientView view{.route = clients_[client].route, .proven = clients_[client].proven};
  for (Id id = clients_[client].newest; id != kNoId; id = sessions_[id].older) {
    const MapSession& session = sessions_[id];
    view.sessions.push_back({.state = session.state(),
                             .since = Instant(std::chrono::microseconds(session.since_us)),
                             .expires = Expiry(session)});
  }
  return view;
}

// --- Time. ---

Instant ClientTable::NextTimeout() const {
  Instant next = wire::kNever;
  for (const Queue& queue : queues_) {
    if (!queue.empty()) next = std::min(next, Expiry(sessions_[queue.first()]));
  }
  return next;
}

void ClientTable::HandleTimeout(Instant now, int most) {
  for (Queue& queue : queues_) {
    while (most > 0 && !queue.empty() && Expiry(sessions_[queue.first()]) <= now) {
      const Id client = sessions_[queue.first()].client;
      EndSession(queue.first());
      RemoveIfIdle(client);
      ++expired_;
      --most;
    }
  }
}

}  // namespace warp::map
