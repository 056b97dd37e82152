#include "map-server/session/handler.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

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
      registry_(options.registry, store, drops_),
      relay_(options.registry.lifetime, store, drops_) {
  registry_.SetChanged([this](const KeyId& node) { relay_.Recheck(node); });
}

void Handler::HandleDatagram(Instant now, const Arrival& arrival, wire::MutableBytes datagram) {
  // A map makes no initiations, so an answer to one belongs to no session.
  Drop drop = Drop::kUnknownSession;
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (!type.has_value()) {
    drop = datagram.size() < 4 ? Drop::kTruncated : Drop::kUnknownType;
  } else if (*type == wire::MessageType::kSealed) {
    drop = OnSealed(now, arrival, datagram);
  } else if (*type == wire::MessageType::kInitiation) {
    drop = responder_.Admit(now, arrival, datagram, clients_, outbox_);
  }
  if (drop != Drop::kNone) drops_.Add(drop);
  Finish(now);
}

std::optional<Relay::Target> Handler::HandleRelayed(Instant now, uint16_t udp_port,
                                                    const Arrival& arrival,
                                                    wire::MutableBytes datagram) {
  const std::optional<wire::MessageType> type = wire::ClassifyDatagram(datagram);
  if (!type.has_value()) {
    drops_.Add(datagram.size() < 4 ? Drop::kTruncated : Drop::kUnknownType);
    return std::nullopt;
  }
  if (*type == wire::MessageType::kSealed && datagram.size() == protocol::kMapBindDatagram) {
    // What is not sealed by a client is sealed by one node for the other, and goes on as it came.
    std::array<uint8_t, protocol::kMapBindDatagram> bind;
    std::copy(datagram.begin(), datagram.end(), bind.begin());
    const auto opened = clients_.Open(now, arrival, bind, ClientTable::Heard::kElsewhere);
    if (const auto* message = std::get_if<ClientTable::Opened>(&opened)) {
      const Drop drop = OnOpened(now, arrival, *message, udp_port);
      if (drop != Drop::kNone) drops_.Add(drop);
      Finish(now);
      return std::nullopt;
    }
  }
  return relay_.Forward(now, udp_port, arrival, datagram.size());
}

void Handler::AnswerInitiations(Instant now, size_t most) {
  for (; most > 0 && responder_.waiting() > 0; --most) {
    const Drop drop = responder_.AnswerNext(now, clients_, outbox_);
    if (drop != Drop::kNone) drops_.Add(drop);
  }
}

Drop Handler::OnSealed(Instant now, const Arrival& arrival, wire::MutableBytes datagram) {
  const auto opened = clients_.Open(now, arrival, datagram);
  if (const auto* drop = std::get_if<Drop>(&opened)) return *drop;
  return OnOpened(now, arrival, std::get<ClientTable::Opened>(opened));
}

Drop Handler::OnOpened(Instant now, const Arrival& arrival, const ClientTable::Opened& opened,
                       uint16_t udp_port) {
  ++opened_;
  opened_key_ = clients_.KeyOf(opened.client);
  if (!clients_.TakeMessage(now, opened.client)) {
    ++refused_messages_;
    return Drop::kRateLimited;
  }
  if (purging() && !clients_.Admits(clients_.KeyOf(opened.client))) return Drop::kUnknownPeer;
  if (wire::ClassifyPlaintext(opened.plaintext) != wire::Kind::kControl) return Drop::kUnknownKind;
  if (!protocol::IsMapMessage(opened.plaintext))
    return udp_port == 0 ? OnSessionMessage(arrival, opened) : Drop::kUnknownKind;

  const auto decoded = protocol::DecodeMapMessage(opened.plaintext);
  if (const auto* drop = std::get_if<Drop>(&decoded)) return *drop;
  const wire::PublicKey& key = clients_.KeyOf(opened.client);
  const Origin origin{key, KeyId::Of(key), arrival.from, arrival.port};
  const auto& message = std::get<protocol::MapMessage>(decoded);
  const auto* const bind = std::get_if<protocol::MapBind>(&message);
  if ((bind != nullptr) != (udp_port != 0)) return Drop::kUnknownKind;
  if (bind != nullptr) {
    relay_.Handle(now, origin, udp_port, *bind);
  } else if (const auto* const relay = std::get_if<protocol::MapRelay>(&message)) {
    relay_.Handle(now, origin, *relay);
  } else {
    registry_.Handle(now, origin, message);
  }
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
  // At once.
  if (store_.has_completions() || responder_.waiting() > 0 || purging()) return Instant{};
  return std::min({clients_.NextTimeout(), registry_.NextTimeout(), relay_.NextTimeout()});
}

void Handler::HandleTimeout(Instant now) {
  AnswerInitiations(now, 1);
  clients_.HandleTimeout(now, kClientsPerTurn);
  registry_.HandleTimeout(now);
  relay_.HandleTimeout(now);
  Purge();
  Finish(now);
}

// --- The operator. ---

void Handler::SetAdmission(ClientTable::Admission admission) {
  purge_ = admission == nullptr ? RollPlace{RollPlace::Part::kEnd, 0} : RollPlace{};
  clients_.SetAdmission(std::move(admission));
  relay_.EndUnless([this](const wire::PublicKey& key) { return clients_.Admits(key); });
}

void Handler::Purge() {
  if (!purging()) return;
  std::vector<wire::PublicKey> strangers;
  purge_ = Walk(purge_, kPurgedPerTurn, [&](const wire::PublicKey& key) {
    if (!clients_.Admits(key)) strangers.push_back(key);
  });
  for (const wire::PublicKey& key : strangers) End(key);
}

void Handler::End(const wire::PublicKey& key) {
  if (const Id client = clients_.Find(key); client != kNoId) clients_.Forget(client);
  registry_.Forget(KeyId::Of(key));
  relay_.Forget(KeyId::Of(key));
  ++forgotten_;
}

std::optional<Handler::Forgotten> Handler::Forget(Instant now, const wire::PublicKey& key) {
  const std::optional<NodeView> view = ViewOf(key);
  if (!view.has_value()) return std::nullopt;
  Forgotten forgotten{.registrations = view->registrations.size()};
  if (view->client.has_value()) {
    forgotten.sessions = view->client->sessions.size();
    clients_.Send(now, key, view->client->route, EncodeControlMessage(protocol::Close{}), outbox_);
  }
  End(key);
  Finish(now);
  return forgotten;
}

void Handler::Finish(Instant now) {
  store_.Complete(now);
  while (true) {
    std::optional<Outgoing> out = registry_.NextOutgoing();
    if (!out.has_value()) out = relay_.NextOutgoing();
    if (!out.has_value()) return;
    const wire::Route route{out->local_address, out->at};
    if (!clients_.Send(now, out->to, route, EncodeMapMessage(out->message), outbox_))
      drops_.Add(Drop::kNoSession);
  }
}

void Handler::Shutdown(Instant now) {
  clients_.SayToAll(now, kMaxFarewells, EncodeControlMessage(protocol::Close{}), outbox_);
}

Handler::Counts Handler::counts() const {
  using State = ClientTable::State;
  return {.registrations = store_.registrations(),
          .sessions = clients_.size(),
          .lookups = registry_.lookups(),
          .pushes = registry_.pushes(),
          .newcomers = clients_.newcomers(),
          .unconfirmed = clients_.sessions(State::kUnconfirmed),
          .confirmed = clients_.sessions(State::kCurrent),
          .retired = clients_.sessions(State::kRetired),
          .expired = clients_.expired(),
          .forgotten = forgotten_,
          .answers = registry_.answers(),
          .refused = registry_.refused(),
          .refused_sessions = clients_.refused(),
          .refused_messages = refused_messages_,
          .refused_keys = drops_.Get(Drop::kUnknownPeer),
          .lifetime = registry_.lifetime(),
          .relay = relay_.counts()};
}

uint64_t Handler::drops(Drop drop) const {
  return drops_.Get(drop) + (drop == Drop::kTxFull ? outbox_.dropped() : 0);
}

}  // namespace warp::map
