#include "map-server/session/handler.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <variant>

#include "control/protocol/control_message.h"
#include "dataplane/wire/message.h"

namespace warp::map {

using wire::Arrival;
using wire::Drop;

namespace {

protocol::LocalOptions MakeLocal(Handler::Options& options) {
  protocol::LocalOptions local;
  local.secret_key = std::move(options.secret_key);
  // A map's sessions carry a few messages a second, and there are many: ChaCha20 keys take 2 KiB less than expanded AES.
  local.ciphers = {wire::Cipher::kChaCha20Poly1305};
  local.timers = options.timers;
  local.seed = options.seed;
  // The table hands out half of its slots; a client has two sessions around a rekey.
  local.max_slots = std::bit_ceil(std::max<size_t>(options.max_clients, 16)) * 4;
  return local;
}

}  // namespace

Handler::Handler(Options options, Store& store)
    : store_(store),
      local_(MakeLocal(options)),
      responder_(local_, protocol::Role::kMap, options.handshakes),
      clients_(local_, options.max_clients, options.rekey_after),
      registry_(options.registry, store, drops_) {}

void Handler::HandleDatagram(Instant now, const Arrival& arrival, wire::MutableBytes datagram) {
  std::optional<Drop> drop;
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (!type.has_value()) {
    drop = datagram.size() < 4 ? Drop::kTruncated : Drop::kUnknownType;
  } else if (*type == wire::MessageType::kSealed) {
    drop = OnSealed(now, arrival, datagram);
  } else if (*type == wire::MessageType::kInitiation) {
    drop = OnInitiation(now, arrival, datagram);
  } else {
    drop = Drop::kUnknownSession;  // answers to initiations, of which a map makes none
  }
  if (drop.has_value()) drops_.Add(*drop);
  SealOutgoing();
}

std::optional<Drop> Handler::OnInitiation(Instant now, const Arrival& arrival,
                                          wire::Bytes datagram) {
  Client* client = nullptr;
  const auto find_or_make = [&](const wire::PublicKey& key) -> protocol::Association* {
    client = clients_.Find(key);
    if (client == nullptr) client = clients_.Make(key);
    return client;
  };
  const std::optional<Drop> drop =
      responder_.HandleInitiation(now, arrival, datagram, find_or_make, outbox_);
  if (client != nullptr) clients_.Settle(client);
  return drop;
}

std::optional<Drop> Handler::OnSealed(Instant now, const Arrival& arrival,
                                      wire::MutableBytes datagram) {
  const std::optional<wire::DataHeader> header = wire::ReadDataHeader(datagram);
  if (!header.has_value()) return Drop::kTruncated;
  auto* client = static_cast<Client*>(local_.sessions().Find(header->receiver_index));
  if (client == nullptr) return Drop::kUnknownSession;
  const std::shared_ptr<wire::Session> session = client->FindSession(header->receiver_index);
  if (session == nullptr) return Drop::kUnknownSession;

  const auto opened = session->Open(local_.engine(), datagram);
  if (const auto* drop = std::get_if<Drop>(&opened)) return *drop;
  const auto& [counter, plaintext] = std::get<wire::Session::Opened>(opened);

  client->NoteAuthentic(now, session.get());
  client->route = arrival.route();
  clients_.Touch(client);
  const std::optional<Drop> drop =
      OnOpened(now, arrival, client, session.get(), counter, plaintext);
  clients_.Settle(client);
  return drop;
}

std::optional<Drop> Handler::OnOpened(Instant now, const Arrival& arrival, Client* client,
                                      const wire::Session* session, uint64_t counter,
                                      wire::Bytes plaintext) {
  if (!client->messages.Take(now)) return Drop::kRateLimited;
  if (wire::ClassifyPlaintext(plaintext) != wire::Kind::kControl) return Drop::kUnknownKind;

  if (protocol::IsMapMessage(plaintext)) {
    const auto decoded = protocol::DecodeMapMessage(plaintext);
    if (const auto* drop = std::get_if<Drop>(&decoded)) return *drop;
    const Origin origin{client->remote(), client->id, client->OrderOf(session, counter),
                        arrival.from, arrival.port};
    registry_.Handle(now, origin, std::get<protocol::MapMessage>(decoded));
    return std::nullopt;
  }
  const auto decoded = protocol::DecodeControlMessage(plaintext);
  if (const auto* drop = std::get_if<Drop>(&decoded)) return *drop;
  const auto& message = std::get<protocol::ControlMessage>(decoded);
  if (std::holds_alternative<protocol::Confirm>(message)) {
    client->HandleConfirm(arrival, session, outbox_);
  } else if (std::holds_alternative<protocol::Close>(message)) {
    client->HandleClose(now, session);
  } else {
    return Drop::kUnknownKind;  // probes and answers are for peers
  }
  return std::nullopt;
}

Instant Handler::NextTimeout() const {
  return std::min(clients_.NextTimeout(), registry_.NextTimeout());
}

void Handler::HandleTimeout(Instant now) {
  clients_.HandleTimeout(now, kClientsPerTurn, outbox_);
  registry_.HandleTimeout(now);
  SealOutgoing();
}

void Handler::SealOutgoing() {
  while (const std::optional<Outgoing> out = registry_.NextOutgoing()) {
    Client* client = clients_.Find(out->to);
    const wire::Route route{out->via, out->at};
    if (client == nullptr || !client->Send(route, EncodeMapMessage(out->message), outbox_)) {
      drops_.Add(Drop::kNoSession);
    }
  }
}

void Handler::Shutdown() {
  size_t said = 0;
  const auto& clients = clients_.clients();
  for (auto it = clients.rbegin(); it != clients.rend() && said < kMaxFarewells; ++it, ++said) {
    if ((*it)->send_session() != nullptr) (*it)->Close({&(*it)->route, 1}, outbox_);
  }
}

Handler::Counts Handler::counts() const {
  return {store_.registrations(), clients_.size(), registry_.lookups(), registry_.pushes()};
}

uint64_t Handler::drops(Drop drop) const {
  return drops_.Get(drop) + (drop == Drop::kTxFull ? outbox_.dropped() : 0);
}

}  // namespace warp::map
