#include "map-server/session/handler.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>
#include <variant>

#include "control/protocol/control_message.h"
#include "control/protocol/session/association_messages.h"
#include "dataplane/wire/message.h"

namespace warp::map {

using wire::Arrival;
using wire::Drop;

namespace {

protocol::IdentityOptions IdentityOf(Handler::Options& options) {
  protocol::IdentityOptions identity;
  identity.secret_key = std::move(options.secret_key);
  // A map has many sessions of a few messages a second each, and ChaCha20 keys take 2 KiB less than expanded AES keys.
  identity.ciphers = {wire::Cipher::kChaCha20Poly1305};
  identity.timers = options.timers;
  identity.seed = options.seed;
  return identity;
}

// The table hands out half of its slots, and a client has two sessions around a rekey.
size_t SlotsFor(size_t clients) { return std::bit_ceil(std::max<size_t>(clients, 16)) * 4; }

}  // namespace

Handler::Handler(Options options, Store& store)
    : store_(store),
      identity_(IdentityOf(options)),
      table_(SlotsFor(options.max_clients + ClientTable::Newcomers(options.max_clients))),
      responder_(identity_, table_, protocol::Role::kMap, options.handshakes),
      clients_(identity_, table_, options.max_clients, options.rekey_after),
      registry_(options.registry, store, drops_) {}

void Handler::HandleDatagram(Instant now, const Arrival& arrival, wire::MutableBytes datagram) {
  // A map makes no initiations, so an answer to one belongs to no session.
  Drop drop = Drop::kUnknownSession;
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (!type.has_value()) {
    drop = datagram.size() < 4 ? Drop::kTruncated : Drop::kUnknownType;
  } else if (*type == wire::MessageType::kSealed) {
    drop = OnSealed(now, arrival, datagram);
  } else if (*type == wire::MessageType::kInitiation) {
    drop = OnInitiation(now, arrival, datagram);
  }
  if (drop != Drop::kNone) drops_.Add(drop);
  Finish(now);
}

Drop Handler::OnInitiation(Instant now, const Arrival& arrival, wire::Bytes datagram) {
  Client* client = nullptr;
  const auto find_or_make = [&](const wire::PublicKey& key) -> protocol::Association* {
    client = clients_.Find(key);
    if (client == nullptr) client = clients_.Make(key, NetworkOf(arrival.from.address));
    return client;
  };
  const Drop drop = responder_.HandleInitiation(now, arrival, datagram, find_or_make, outbox_);
  if (client != nullptr) clients_.Settle(client);
  return drop;
}

Drop Handler::OnSealed(Instant now, const Arrival& arrival, wire::MutableBytes datagram) {
  const std::optional<wire::DataHeader> header = wire::ReadDataHeader(datagram);
  if (!header.has_value()) return Drop::kTruncated;
  auto* client = static_cast<Client*>(table_.Find(header->receiver_index));
  if (client == nullptr) return Drop::kUnknownSession;
  assert(clients_.Find(client->remote()) == client);
  const std::shared_ptr<wire::Session> session = client->FindSession(header->receiver_index);
  if (session == nullptr) return Drop::kUnknownSession;

  const auto opened = session->Open(now, identity_.engine(), datagram);
  if (const auto* drop = std::get_if<Drop>(&opened)) return *drop;
  const auto& [counter, plaintext] = std::get<wire::Session::Opened>(opened);

  client->NoteAuthentic(now, session.get(), counter);
  assert(client->send_session() != nullptr);
  client->route = arrival.route();
  clients_.Touch(client);
  const Drop drop = OnOpened(now, *client, {arrival, session.get(), counter, plaintext});
  clients_.Settle(client);
  return drop;
}

Drop Handler::OnOpened(Instant now, Client& client, const protocol::OpenedMessage& opened) {
  if (!client.messages.Take(now)) return Drop::kRateLimited;
  if (wire::ClassifyPlaintext(opened.plaintext) != wire::Kind::kControl) return Drop::kUnknownKind;
  // A map does not answer probes: those are for peers.
  if (!protocol::IsMapMessage(opened.plaintext))
    return protocol::HandleAssociationMessage(now, opened, client, outbox_);

  const auto decoded = protocol::DecodeMapMessage(opened.plaintext);
  if (const auto* drop = std::get_if<Drop>(&decoded)) return *drop;
  const Origin origin{client.remote(), client.id, opened.arrival.from, opened.arrival.port};
  registry_.Handle(now, origin, std::get<protocol::MapMessage>(decoded));
  return Drop::kNone;
}

Instant Handler::NextTimeout() const {
  if (store_.has_completions()) return Instant{};  // at once
  return std::min(clients_.NextTimeout(), registry_.NextTimeout());
}

void Handler::HandleTimeout(Instant now) {
  clients_.HandleTimeout(now, kClientsPerTurn, outbox_);
  registry_.HandleTimeout(now);
  Finish(now);
}

void Handler::Finish(Instant now) {
  store_.Complete(now);
  while (const std::optional<Outgoing> out = registry_.NextOutgoing()) {
    Client* client = clients_.Find(out->to);
    const wire::Route route{out->local_address, out->at};
    if (client == nullptr || !client->Send(now, route, EncodeMapMessage(out->message), outbox_)) {
      drops_.Add(Drop::kNoSession);
    }
  }
}

void Handler::Shutdown(Instant now) {
  size_t said = 0;
  const auto& clients = clients_.clients();
  for (auto it = clients.rbegin(); it != clients.rend() && said < kMaxFarewells; ++it, ++said) {
    const protocol::Way way = (*it)->route;
    if ((*it)->send_session() != nullptr) (*it)->Close(now, {&way, 1}, outbox_);
  }
}

Handler::Counts Handler::counts() const {
  return {store_.registrations(), clients_.size(), registry_.lookups(), registry_.pushes()};
}

uint64_t Handler::drops(Drop drop) const {
  return drops_.Get(drop) + (drop == Drop::kTxFull ? outbox_.dropped() : 0);
}

}  // namespace warp::map
