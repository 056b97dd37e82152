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
#include "perf/map/crowd_node.h"
#include "perf/must.h"

namespace warp::perf {

using protocol::KeyId;
using protocol::MapState;

namespace {

constexpr size_t kGroup = 8;
constexpr size_t kStride = 7919;  // from one node that looks up to the next
constexpr Clock::duration kPatience = std::chrono::seconds(2);
constexpr Clock::duration kRest = std::chrono::milliseconds(500);
// Requests without an answer, beyond which a map does not keep up and is not asked more.
constexpr size_t kMostUnanswered = 4096;
constexpr size_t kMostGreeting = 512;

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

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

void NodeCrowd::Begin(size_t number) {
  NameGroup(number);
  nodes_[number].handshake = std::make_unique<Handshake>(wire::KeyPair(SecretOf(number)), map_,
                                                         static_cast<uint32_t>(number + 1));
}

void NodeCrowd::Greet(size_t number) {
  Node& node = nodes_[number];
  if (node.handshake == nullptr) Begin(number);
  node.state = State::kGreeting;
  Push(number, node.handshake->datagram);
}

void NodeCrowd::OnResponse(size_t number, wire::Bytes datagram) {
  Node& node = nodes_[number];
  const auto message = wire::DecodeResponse(datagram);
  if (!message || node.handshake == nullptr) return;
  const auto response = node.handshake->noise.ReadResponse(wire::PresharedKey(), message->noise);
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

std::vector<wire::PublicKey> NodeCrowd::FriendsOf(size_t number) const {
  const bool alone = number >= alone_.first && number < alone_.second;
  const size_t first = number / kGroup * kGroup;
  std::vector<wire::PublicKey> friends;
  for (size_t i = first; i < first + kGroup; ++i) {
    friends.push_back(alone ? wire::PublicKey::FromBytes(SecretOf(i).bytes()) : nodes_[i].key);
  }
  return friends;
}

void NodeCrowd::SendRegister(size_t number, bool with_list) {
  Node& node = nodes_[number];
  const std::vector<KeyId> ids = protocol::AllowList(FriendsOf(number));
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
  Flush();  // what other nodes say is none of its time
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
  if (const auto* relayed = std::get_if<protocol::MapRelayed>(&message)) {
    if (relayed->channels.empty()) return;
    channel_ = relayed->channels.front();
    Bind(number);
    return;
  }
  if (const auto* bound = std::get_if<protocol::MapBound>(&message)) {
    node.challenge = bound->challenge;
    open_ |= bound->state == protocol::BindState::kOpen;
    if (bound->state == protocol::BindState::kEcho) Bind(number);
    return;
  }
  const auto* registered = std::get_if<protocol::MapRegistered>(&message);
  if (registered == nullptr) return;
  node.challenge = registered->challenge;
  node.waiting = false;
  if (registered->state == MapState::kFull || registered->state == MapState::kTooManyPorts) {
    ++refused_;
    return;
  }
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

void NodeCrowd::Push(size_t number, std::vector<uint8_t> datagram, uint16_t udp_port) {
  const wire::Endpoint to{at_.address, udp_port != 0 ? udp_port : at_.port};
  outgoing_.push_back({AddressOf(number).address, to, std::move(datagram)});
  if (outgoing_.size() == map::kBatch) Flush();
}

void NodeCrowd::Flush() {
  std::vector<map::UdpSocket::Sent> batch;
  for (const Outgoing& out : outgoing_) batch.push_back({out.to, out.from, 0, out.datagram});
  if (!batch.empty()) socket_->Send(batch);
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
    if (whole == nullptr) {
      relayed_ += number == 1 ? 1 : 0;
      return;
    }
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

void NodeCrowd::Register(size_t nodes, size_t under_way) {
  std::deque<std::pair<Clock::time_point, size_t>> waiting;
  const Clock::time_point start = Clock::now();
  const size_t first = begun_;
  nodes = std::min(nodes, nodes_.size());
  while (registered_ < nodes) {
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
    // Beyond its rate the map would ask for cookies.
    const double allowed = Seconds(Clock::now() - start) * map::kMapHandshakesPerSecond;
    while (begun_ < nodes && waiting.size() < under_way &&
           static_cast<double>(begun_ - first) <= allowed) {
      waiting.emplace_back(Clock::now(), begun_);
      Greet(begun_++);
    }
    Receive();
  }
}

size_t NodeCrowd::Refresh(std::chrono::milliseconds time, size_t under_way) {
  const Clock::time_point end = Clock::now() + time;
  const size_t before = answered_;
  const size_t nodes = begun_;
  size_t asked = answered_;
  size_t next = 0;
  Clock::time_point heard = Clock::now();
  size_t seen = answered_;
  while (Clock::now() < end) {
    for (; asked < answered_ + under_way; ++asked) {
      SendRegister(next, false);
      next = (next + 1) % nodes;
    }
    Receive();
    if (answered_ != seen) {
      seen = answered_;
      heard = Clock::now();
    } else if (Clock::now() - heard > kPatience) {  // the rest was lost
      lost_ += asked - answered_;
      asked = answered_;
      heard = Clock::now();
    }
  }
  return answered_ - before;
}

void NodeCrowd::Prepare(size_t sessions, Friends friends) {
  if (friends == Friends::kNobody) alone_ = {begun_, begun_ + sessions};
  for (size_t i = begun_; i < std::min(begun_ + sessions, nodes_.size()); ++i) Begin(i);
}

void NodeCrowd::Settle() {
  for (const Clock::time_point end = Clock::now() + kRest; Clock::now() < end;) Receive();
}

NodeCrowd::Load NodeCrowd::Offer(std::chrono::milliseconds time, const Load& load) {
  const Clock::time_point start = Clock::now();
  const size_t answered = answered_;
  const size_t registered = registered_;
  const size_t looked = lookups_.size();
  const size_t nodes = begun_;
  size_t refreshes = 0;
  size_t given_up = 0;
  size_t asked = 0;
  size_t next = 0;
  size_t heard = 0;
  Clock::time_point heard_at = start;
  // A new node's registration is answered too.
  const auto refreshed = [&] { return (answered_ - answered) - (registered_ - registered); };
  const auto due = [&](double rate) {
    return static_cast<size_t>(rate * Seconds(Clock::now() - start));
  };
  while (Clock::now() < start + time) {
    if (refreshed() != heard) {
      heard = refreshed();
      heard_at = Clock::now();
    } else if (Clock::now() - heard_at > kPatience) {
      lost_ += refreshes - given_up - heard;
      given_up = refreshes - heard;
    }
    for (; refreshes < due(load.refreshes); ++refreshes) {
      if (refreshes - given_up - refreshed() > kMostUnanswered) break;
      SendRegister(next, false);
      next = (next + 1) % nodes;
    }
    for (; begun_ - nodes < due(load.sessions) && begun_ < nodes_.size(); ++begun_) {
      if (begun_ - registered_ > kMostGreeting) break;
      Greet(begun_);
    }
    if (looking_ != SIZE_MAX && Clock::now() - asked_ > kPatience) {
      lookups_.push_back(Clock::now() - asked_);
      looking_ = SIZE_MAX;
      ++lost_;
    }
    if (looking_ == SIZE_MAX && asked < due(load.lookups)) {
      // Nobody asks often enough to use up what one session may say.
      LookUp((++asked * kStride) % nodes);
    }
    Receive();
  }
  const double passed = Seconds(Clock::now() - start);
  return {.refreshes = static_cast<double>(refreshed()) / passed,
          .sessions = static_cast<double>(registered_ - registered) / passed,
          .lookups = static_cast<double>(lookups_.size() - looked) / passed};
}

}  // namespace warp::perf
