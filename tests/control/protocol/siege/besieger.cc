#include "tests/control/protocol/siege/besieger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "control/protocol/control_message.h"
#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/message.h"
#include "tests/control/protocol/attacker.h"

namespace warp::protocol {
namespace {

using wire::MessageType;

constexpr size_t kTape = 300;
constexpr size_t kInitiations = 40;

bool Is(const std::vector<uint8_t>& datagram, MessageType type) {
  return datagram[0] == static_cast<uint8_t>(type);
}

IdentityOptions MakeIdentity() {
  return {.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return uint64_t{1}; }};
}

}  // namespace

Besieger::Besieger(Field& field, int number, Means means)
    : field_(field),
      number_(number),
      means_(means),
      link_(field.random()() % field.links().size()),
      victim_(field.Pick(2) == 0 ? field.links()[link_].a : field.links()[link_].b),
      identity_(MakeIdentity()),
      params_{.remote = field.net().key(victim_), .psk = &psk_} {
  Link& link = field_.links()[link_];
  if (means_ == Means::kRecording || means_ == Means::kEar) {
    link.ears.emplace_back([this](const Seen& seen) { Record(seen); });
  }
  if (means_ == Means::kEar && !link.whole) {
    link.held = true;
    link.takes = field_.Pick(3) * 0.5;
    link.holds = field_.Pick(3) * 0.3;
  }
  if (means_ == Means::kPeer) {
    EXPECT_TRUE(field_.net().node(victim_).AddPeer(
        field_.net().now(), {.name = "besieger" + std::to_string(number_),
                             .public_key = identity_.public_key(),
                             .endpoints = {ProvenAt(number_, 0), ProvenAt(number_, 1)}}));
  }
}

void Besieger::Record(const Seen& seen) {
  if (Is(seen.datagram, MessageType::kInitiation)) {
    initiation_ = seen;
    if (initiations_.size() < kInitiations) initiations_.push_back(seen);
  }
  ++heard_;
  if (tape_.size() < kTape) {
    newest_ = tape_.size();
    return tape_.push_back(seen);
  }
  // Who only has a recording hears nothing more; who has an ear forgets something old.
  if (means_ != Means::kEar) return;
  newest_ = heard_ % kTape;
  tape_[newest_] = seen;
}

void Besieger::Receive(const Seen& seen) {
  const Route route{0, seen.from};
  if (Is(seen.datagram, MessageType::kInitiation)) asked_ = seen;
  // Who sits on a link relays to the other end what comes to an address of its own.
  if (means_ == Means::kEar && Is(seen.datagram, MessageType::kSealed)) {
    const Link& link = field_.links()[link_];
    if (seen.from_node == link.a || seen.from_node == link.b) {
      Seen relayed = seen;
      relayed.from_node = Other(link, seen.from_node) == link.a ? link.b : link.a;
      relayed.to = field_.net().EndpointOf(Other(link, seen.from_node), link.port);
      if (tape_.size() < kTape) tape_.push_back(std::move(relayed));
    }
  }
  if (handshake_ == nullptr) return;
  handshake_->ReadCookieReply(field_.net().now(), route, seen.datagram, cookies_);
  if (const auto token = handshake_->ReadRetry(seen.datagram)) {
    token_ = *token;
    handshake_.reset();
  } else if (handshake_->IsFromResponder(seen.datagram)) {
    if (auto session = handshake_->ReadResponse(field_.net().now(), params_, seen.datagram).session)
      session_ = session;
    handshake_.reset();
  }
}

void Besieger::Act() {
  const int choice = field_.Pick(8);
  switch (means_) {
    case Means::kRecording:
    case Means::kEar:
      if (choice == 0 || tape_.empty()) return Forge();
      if (choice <= 2) return AnswerForged();
      return Replay();
    case Means::kKey:
      return choice < 4 ? Initiate() : Forge();
    default:
      if (choice == 0) return Forge();
      // Half of them never use the sessions that they ask for.
      if (choice == 1 || session_ == nullptr || number_ % 2 == 0) return Initiate();
      return Lie();
  }
}

wire::Endpoint Besieger::AnySource() {
  switch (field_.Pick(3)) {
    case 0:
      return StrangerAt(number_);
    case 1:
      return BystanderAt(field_.Pick(250));
    default: {
      const Link& link = field_.links()[link_];
      return field_.net().EndpointOf(field_.Pick(2) == 0 ? link.a : link.b, link.port);
    }
  }
}

std::vector<uint8_t> Besieger::Noise(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::generate(bytes.begin(), bytes.end(),
                [&] { return static_cast<uint8_t>(field_.random()()); });
  return bytes;
}

void Besieger::Forge() {
  const int node = field_.Pick(2) == 0 ? victim_ : field_.Pick(field_.nodes());
  std::vector<uint8_t> datagram = Noise(40 + field_.random()() % 300);
  if (field_.Pick(2) == 0) {
    // An initiation that costs its receiver a Diffie-Hellman.
    datagram = wire::EncodeInitiation(
        {.sender_index = static_cast<uint32_t>(field_.random()()), .noise = Noise(160)});
    wire::WriteMacs(wire::Mac1Key(field_.net().key(node)), nullptr, datagram);
  } else {
    std::fill(datagram.begin(), datagram.begin() + 4, uint8_t{0});
    datagram[0] = static_cast<uint8_t>(1 + field_.Pick(5));
  }
  field_.Attack(node, PortOf(node), AnySource(), std::move(datagram));
}

void Besieger::AnswerForged() {
  if (!initiation_) return Forge();
  const Link& link = field_.links()[link_];
  const int to = initiation_->from_node;
  const wire::PublicKey remote = field_.net().key(Other(link, to));
  std::vector<uint8_t> answer;
  switch (field_.Pick(3)) {
    case 0:
      answer = ForgedCookie(initiation_->datagram, remote);
      break;
    case 1:
      answer = ForgedRetry(initiation_->datagram, field_.random());
      break;
    default:
      answer = ForgedResponse(initiation_->datagram, field_.net().key(to), field_.random());
  }
  // Under any address of the peer, that of the whole link among them.
  const int other = Other(link, to);
  const wire::Endpoint from =
      field_.Pick(2) == 0 ? AnySource() : field_.net().EndpointOf(other, PortOf(other));
  field_.Attack(to, PortOf(to), from, std::move(answer));
}

void Besieger::Replay() {
  // Who has an ear often sends what it has just heard, and is there before the link.
  const bool race = means_ == Means::kEar && field_.Pick(2) == 0;
  // The others prefer initiations, because a receiver would lose most by those.
  const bool initiates = !race && !initiations_.empty() && field_.Pick(2) == 0;
  const Seen& seen = initiates ? initiations_[field_.random()() % initiations_.size()]
                               : tape_[race ? newest_ : field_.random()() % tape_.size()];
  const Link& link = field_.links()[link_];
  int to = Other(link, seen.from_node);
  std::vector<uint8_t> datagram = seen.datagram;
  wire::Endpoint from = field_.net().EndpointOf(seen.from_node, PortOf(seen.from_node));
  switch (field_.Pick(race ? 12 : 6)) {
    case 0:  // to somebody else
      to = field_.Pick(field_.nodes());
      break;
    case 1:  // under another index, which may be one of another session
    case 2: {
      const auto index = static_cast<uint32_t>(field_.random()());
      const bool maced =
          Is(datagram, MessageType::kInitiation) || Is(datagram, MessageType::kResponse);
      if (maced) {
        datagram = WithIndex(std::move(datagram), index, field_.net().key(to));
      } else {
        const Seen& other = tape_[field_.random()() % tape_.size()];
        std::copy_n(other.datagram.begin() + 4, 4, datagram.begin() + 4);
      }
      break;
    }
    case 3:  // damaged
      datagram[field_.random()() % datagram.size()] ^= static_cast<uint8_t>(1 << field_.Pick(8));
      break;
    default:
      break;
  }
  if (field_.Pick(2) == 0) {
    // What is authentic and may still be new to its receiver proves that the attacker's address leads to the peer.
    const bool may_prove =
        Is(datagram, MessageType::kSealed) || Is(datagram, MessageType::kResponse);
    from = may_prove ? ProvenAt(number_, field_.Pick(8)) : AnySource();
  }
  field_.Attack(to, PortOf(to), from, std::move(datagram));
}

void Besieger::Initiate() {
  const bool peer = means_ == Means::kPeer;
  if (peer && asked_ && field_.Pick(4) == 0) {
    // Answers the victim's own initiation by a token that leads nowhere.
    const auto message = wire::DecodeInitiation(asked_->datagram);
    wire::NoiseResponder responder(
        identity_.keys(), wire::HandshakePrologue(wire::Role::kPeer, message->sender_index));
    if (responder.ReadInitiation(message->noise).ok()) {
      wire::Token token;
      std::generate(token.begin(), token.end(),
                    [&] { return static_cast<uint8_t>(field_.random()()); });
      return field_.Attack(
          victim_, asked_->from_port, asked_->to,
          wire::EncodeRetry(message->sender_index, token, responder.retry_secret()));
    }
  }
  if (handshake_ == nullptr || field_.Pick(4) == 0) {
    handshake_ = std::make_unique<InitiatorHandshake>(
        identity_, params_, static_cast<uint32_t>(field_.random()()), token_);
  }
  const int port = PortOf(victim_);
  const wire::Endpoint to = field_.net().EndpointOf(victim_, port);
  field_.Attack(victim_, port, peer ? ProvenAt(number_, 0) : StrangerAt(number_),
                handshake_->Copy(field_.net().now(), {0, to}, cookies_));
}

std::vector<uint8_t> Besieger::Sealed() {
  std::vector<uint8_t> plaintext;
  Challenge challenge;
  std::generate(challenge.begin(), challenge.end(),
                [&] { return static_cast<uint8_t>(field_.random()()); });
  const auto port = static_cast<uint16_t>(field_.Pick(70));
  switch (field_.Pick(10)) {
    case 0:
      plaintext = EncodeControlMessage(Answer{port, challenge});
      break;
    case 1:
      plaintext = EncodeControlMessage(Confirm{});
      break;
    case 2:
      plaintext = field_.Pick(20) == 0 ? EncodeControlMessage(Close{}) : Noise(30);
      break;
    case 3: {
      Report report;
      for (int i = 0; i < 1 + field_.Pick(64); ++i) {
        report.receipts.push_back({port, static_cast<uint16_t>(field_.Pick(5)),
                                   static_cast<uint32_t>(field_.random()()),
                                   static_cast<uint32_t>(field_.random()())});
      }
      plaintext = EncodeControlMessage(report);
      break;
    }
    case 4: {
      plaintext.resize(wire::kInnerHeaderSize);
      wire::WritePayloadHeader({.tunnel_id = 1}, plaintext.data());
      for (const char c : {'l', 'i', 'e'}) plaintext.push_back(static_cast<uint8_t>(c));
      break;
    }
    default:
      plaintext = EncodeControlMessage(Probe{port, ++probes_, field_.Pick(2) == 0, challenge});
  }
  const auto sealed = session_->Seal(field_.net().now(), identity_.engine(), plaintext);
  return sealed ? *sealed : Noise(50);
}

void Besieger::Lie() {
  // Its own key allows it to name addresses of its own, and those of peers, but of peers alone, since the victim may
  // probe what it names.
  const wire::Endpoint from = field_.Pick(4) == 0
                                  ? field_.net().EndpointOf(field_.Pick(field_.nodes()), 0)
                                  : ProvenAt(number_, field_.Pick(250));
  field_.Attack(victim_, PortOf(victim_), from, Sealed());
}

}  // namespace warp::protocol
