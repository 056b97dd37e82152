#include "perf/map/node_crowd.h"

#include <poll.h>
#include <sodium.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <variant>

#include "dataplane/wire/crypto/key_derivation.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/noise.h"
#include "dataplane/wire/message.h"
#include "map-server/constants.h"
#include "perf/must.h"

namespace warp::perf {

using protocol::KeyId;
using protocol::MapState;

namespace {

constexpr size_t kGroup = 8;
constexpr Clock::duration kPatience = std::chrono::seconds(2);

}  // namespace

struct NodeCrowd::Node {
  wire::CompactSession session;
  wire::PublicKey key;
  protocol::MapChallenge challenge{};
  uint64_t number = 0;
  std::unique_ptr<wire::NoiseInitiator> handshake;
  State state = State::kNew;
  bool waiting = false;  // for the answer to a register
};

NodeCrowd::NodeCrowd(const wire::PublicKey& map, const wire::Endpoint& at, size_t nodes)
    : map_(map),
      at_(at),
      socket_(Must(map::UdpSocket::Open({wire::IpAddress::V4({0, 0, 0, 0}), 0}))),
      nodes_((nodes + kGroup - 1) / kGroup * kGroup) {
  randombytes_buf(seed_.data(), seed_.size());
}

NodeCrowd::~NodeCrowd() = default;

// Neighbours by number are in networks of their own.
wire::Endpoint NodeCrowd::AddressOf(size_t node) const {
  return {wire::IpAddress::V4({127, static_cast<uint8_t>(1 + node % 64),
                               static_cast<uint8_t>(node / 64), static_cast<uint8_t>(node >> 14)}),
          socket_->local().port};
}

size_t NodeCrowd::NodeAt(const wire::IpAddress& address) const {
  const auto bytes = address.v4_bytes();
  return size_t{bytes[3]} << 14 | size_t{bytes[2]} * 64 | (bytes[1] - 1u);
}

wire::SecretKey NodeCrowd::SecretOf(size_t node) const {
  std::array<uint8_t, 32> bytes;
  crypto_generichash(bytes.data(), bytes.size(), reinterpret_cast<const uint8_t*>(&node),
                     sizeof(node), seed_.data(), seed_.size());
  return wire::SecretKey(bytes);
}

void NodeCrowd::NameGroup(size_t node) {
  const size_t first = node / kGroup * kGroup;
  if (!nodes_[first].key.is_zero()) return;
  for (size_t i = first; i < first + kGroup; ++i) nodes_[i].key = SecretOf(i).Public();
}

void NodeCrowd::Greet(size_t number) {
  NameGroup(number);
  Node& node = nodes_[number];
  const auto index = static_cast<uint32_t>(number + 1);
  node.handshake = std::make_unique<wire::NoiseInitiator>(
      wire::KeyPair(SecretOf(number)), map_, wire::HandshakePrologue(wire::Role::kMap, index));
  const auto initiation = node.handshake->WriteInitiation(
      wire::EncodeInitiationPayload({.ciphers = {wire::Cipher::kChaCha20Poly1305}}));
  std::vector<uint8_t> datagram =
      wire::EncodeInitiation({.sender_index = index, .noise = *initiation});
  wire::WriteMacs(wire::Mac1Key(map_), nullptr, datagram);
  node.state = State::kGreeting;
  Push(number, std::move(datagram));
}

void NodeCrowd::OnResponse(size_t number, wire::Bytes datagram) {
  Node& node = nodes_[number];
  const auto message = wire::DecodeResponse(datagram);
  if (!message || node.handshake == nullptr) return;
  const auto response = node.handshake->ReadResponse(wire::PresharedKey(), message->noise);
  if (!response.ok()) return;
  const auto payload = wire::DecodeResponsePayload(response->payload);
  if (!payload) return;
  constexpr auto kCipher = wire::Cipher::kChaCha20Poly1305;
  node.session.Start(static_cast<uint32_t>(number + 1), payload->sender_index,
                     wire::DeriveBulkKey(response->keys.initiator_to_responder, kCipher,
                                         wire::KeyDirection::kInitiatorToResponder),
                     wire::DeriveBulkKey(response->keys.responder_to_initiator, kCipher,
                                         wire::KeyDirection::kResponderToInitiator));
  node.handshake.reset();
  node.state = State::kEchoing;
  SendRegister(number, false);
}

void NodeCrowd::SendRegister(size_t number, bool with_list) {
  Node& node = nodes_[number];
  const size_t first = number / kGroup * kGroup;
  std::vector<wire::PublicKey> friends;
  for (size_t i = first; i < first + kGroup; ++i) friends.push_back(nodes_[i].key);
  const std::vector<KeyId> ids = protocol::AllowList(friends);
  protocol::MapRegister message;
  message.order = {1, ++node.number};
  message.echo = node.challenge;
  message.candidates = {{wire::IpAddress::V4({198, 51, 100, 1}), 13116}};
  message.allow = protocol::DigestOf(ids);
  if (with_list) {
    message.allow_total = kGroup;
    message.ids = ids;
  }
  node.waiting = true;
  Say(number, message);
}

void NodeCrowd::LookUp(size_t number) {
  looking_ = number;
  asked_ = Clock::now();
  Say(number, protocol::MapLookup{1, 0, nodes_[number ^ 1].key});
  Flush();
}

void NodeCrowd::OnMessage(size_t number, const protocol::MapMessage& message) {
  Node& node = nodes_[number];
  if (std::holds_alternative<protocol::MapEndpoints>(message)) {
    if (std::exchange(looking_, SIZE_MAX) == number) lookups_.push_back(Clock::now() - asked_);
    return;
  }
  if (const auto* push = std::get_if<protocol::MapPush>(&message)) {
    Say(number, protocol::MapPushAck{push->id});
    return;
  }
  const auto* registered = std::get_if<protocol::MapRegistered>(&message);
  if (registered == nullptr) return;
  node.challenge = registered->challenge;
  node.waiting = false;
  if (registered->state != MapState::kPublished) {
    SendRegister(number, true);
    return;
  }
  ++answered_;
  if (std::exchange(node.state, State::kRegistered) != State::kRegistered) ++registered_;
}

void NodeCrowd::Say(size_t number, const protocol::MapMessage& message) {
  if (auto sealed = nodes_[number].session.Seal(EncodeMapMessage(message)))
    Push(number, std::move(*sealed));
}

void NodeCrowd::Push(size_t number, std::vector<uint8_t> datagram) {
  outgoing_.emplace_back(AddressOf(number), std::move(datagram));
  if (outgoing_.size() == map::kBatch) Flush();
}

void NodeCrowd::Flush() {
  std::vector<map::UdpSocket::Sent> batch;
  for (const auto& [from, datagram] : outgoing_) batch.push_back({at_, from.address, 0, datagram});
  socket_->Send(batch);
  outgoing_.clear();
}

void NodeCrowd::Receive() {
  const auto take = [this](const map::UdpSocket::Received& received) {
    const size_t number = NodeAt(received.to);
    const auto type = wire::ClassifyDatagram(received.datagram);
    if (number >= nodes_.size() || !type) return;
    if (*type == wire::MessageType::kResponse) return OnResponse(number, received.datagram);
    if (*type != wire::MessageType::kSealed) return;
    const auto opened = nodes_[number].session.Open(received.datagram);
    const auto* whole = std::get_if<wire::Session::Opened>(&opened);
    if (whole == nullptr) return;
    const auto message = protocol::DecodeMapMessage(whole->plaintext);
    if (const auto* map_message = std::get_if<protocol::MapMessage>(&message))
      OnMessage(number, *map_message);
  };
  Flush();
  if (socket_->Receive(take) == 0) {
    pollfd readable{.fd = socket_->fd(), .events = POLLIN, .revents = 0};
    poll(&readable, 1, 1);
  }
  Flush();
}

void NodeCrowd::Register(size_t under_way) {
  std::deque<std::pair<Clock::time_point, size_t>> waiting;
  size_t next = 0;
  while (registered_ < nodes_.size()) {
    while (!waiting.empty() && nodes_[waiting.front().second].state == State::kRegistered)
      waiting.pop_front();
    if (!waiting.empty() && Clock::now() - waiting.front().first > kPatience) {
      const size_t number = waiting.front().second;
      waiting.pop_front();
      ++lost_;
      if (nodes_[number].state == State::kEchoing) {
        SendRegister(number, true);
      } else {
        Greet(number);
      }
      waiting.emplace_back(Clock::now(), number);
    }
    while (next < nodes_.size() && waiting.size() < under_way) {
      waiting.emplace_back(Clock::now(), next);
      Greet(next++);
    }
    Receive();
  }
}

size_t NodeCrowd::Refresh(std::chrono::milliseconds time, size_t under_way, size_t lookup_every) {
  const Clock::time_point end = Clock::now() + time;
  const size_t before = answered_;
  size_t asked = answered_;
  size_t next = 0;
  Clock::time_point heard = Clock::now();
  size_t seen = answered_;
  while (Clock::now() < end) {
    for (; asked < answered_ + under_way; ++asked) {
      SendRegister(next, false);
      if (lookup_every != 0 && asked % lookup_every == 0 && looking_ == SIZE_MAX)
        LookUp((next + nodes_.size() / 2) % nodes_.size());
      next = (next + 1) % nodes_.size();
    }
    Receive();
    if (answered_ != seen) {
      seen = answered_;
      heard = Clock::now();
    } else if (Clock::now() - heard > kPatience) {  // the rest was lost
      lost_ += asked - answered_;
      asked = answered_;
      looking_ = SIZE_MAX;
      heard = Clock::now();
    }
  }
  return answered_ - before;
}

}  // namespace warp::perf
