#include "map-server/session/handler.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "control/protocol/control_message.h"
#include "dataplane/wire/message.h"

namespace warp::map {

using wire::Arrival;
using wire::Drop;

namespace {

protocol::IdentityOptions IdentityOf(Handler::Options& options) {
  protocol::IdentityOptions identity;
  identity.secret_key = std::move(options.secret_key);
  // A map has many sessions of a few messages a minute each. ChaCha20 takes its keys as they are, and expanded AES keys
  // would take 2 KiB.
  identity.ciphers = {wire::Cipher::kChaCha20Poly1305};
  identity.timers = options.timers;
  identity.seed = options.seed;
  return identity;
}

}  // namespace

Handler::Handler(Options options, Store& store)
    : store_(store),
      identity_(IdentityOf(options)),
      responder_(identity_, protocol::Role::kMap, options.handshakes),
      clients_(identity_, options.max_clients, options.rekey_after),
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
    drop = responder_.HandleInitiation(now, arrival, datagram, clients_, outbox_);
  }
  if (drop != Drop::kNone) drops_.Add(drop);
  Finish(now);
}

Drop Handler::OnSealed(Instant now, const Arrival& arrival, wire::MutableBytes datagram) {
  const auto opened = clients_.Open(now, arrival, datagram);
  if (const auto* drop = std::get_if<Drop>(&opened)) return *drop;
  return OnOpened(now, arrival, std::get<ClientTable::Opened>(opened));
}

Drop Handler::OnOpened(Instant now, const Arrival& arrival, const ClientTable::Opened& opened) {
  if (!clients_.TakeMessage(now, opened.client)) return Drop::kRateLimited;
  if (wire::ClassifyPlaintext(opened.plaintext) != wire::Kind::kControl) return Drop::kUnknownKind;
  if (!protocol::IsMapMessage(opened.plaintext)) return OnSessionMessage(arrival, opened);

  const auto decoded = protocol::DecodeMapMessage(opened.plaintext);
  if (const auto* drop = std::get_if<Drop>(&decoded)) return *drop;
  const wire::PublicKey& key = clients_.KeyOf(opened.client);
  const Origin origin{key, KeyId::Of(key), arrival.from, arrival.port};
  registry_.Handle(now, origin, std::get<protocol::MapMessage>(decoded));
  return Drop::kNone;
}

// A map does not answer probes: those are for peers.
Drop Handler::OnSessionMessage(const Arrival& arrival, const ClientTable::Opened& opened) {
  const auto decoded = protocol::DecodeControlMessage(opened.plaintext);
  if (const auto* drop = std::get_if<Drop>(&decoded)) return *drop;
  const auto& message = std::get<protocol::ControlMessage>(decoded);
  if (std::holds_alternative<protocol::Confirm>(message)) {
    clients_.Answer(opened.session, arrival, EncodeControlMessage(protocol::Confirm{}), outbox_);
    return Drop::kNone;
  }
  if (std::holds_alternative<protocol::Close>(message)) {
    clients_.Close(opened.session);
    return Drop::kNone;
  }
  return Drop::kUnknownKind;
}

Instant Handler::NextTimeout() const {
  if (store_.has_completions()) return Instant{};  // at once
  return std::min(clients_.NextTimeout(), registry_.NextTimeout());
}

void Handler::HandleTimeout(Instant now) {
  clients_.HandleTimeout(now, kClientsPerTurn);
  registry_.HandleTimeout(now);
  Finish(now);
}

void Handler::Finish(Instant now) {
  store_.Complete(now);
  while (const std::optional<Outgoing> out = registry_.NextOutgoing()) {
    const wire::Route route{out->local_address, out->at};
    if (!clients_.Send(now, out->to, route, EncodeMapMessage(out->message), outbox_))
      drops_.Add(Drop::kNoSession);
  }
}

void Handler::Shutdown(Instant now) {
  clients_.SayToAll(now, kMaxFarewells, EncodeControlMessage(protocol::Close{}), outbox_);
}

Handler::Counts Handler::counts() const {
  return {store_.registrations(), clients_.size(), registry_.lookups(), registry_.pushes()};
}

uint64_t Handler::drops(Drop drop) const {
  return drops_.Get(drop) + (drop == Drop::kTxFull ? outbox_.dropped() : 0);
}

}  // namespace warp::map
