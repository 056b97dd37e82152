// The part of a node that talks to maps. It has MapClients, and does the work of Node between them and the network. It
// does no I/O, so the stories in virtual time share it with the test of the real program.
#ifndef WARP_TESTS_MAP_SERVER_MAP_NODE_H_
#define WARP_TESTS_MAP_SERVER_MAP_NODE_H_

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "control/protocol/control_message.h"
#include "control/protocol/map/map_client.h"
#include "control/protocol/session/association_messages.h"
#include "dataplane/wire/message.h"

namespace warp::map {

using protocol::PortState;
using wire::Arrival;
using wire::Endpoint;
using wire::Instant;

inline Endpoint At(absl::string_view text) { return *Endpoint::Parse(text); }
inline wire::IpAddress Ip(absl::string_view text) { return *wire::IpAddress::Parse(text); }

class MapNode {
 public:
  explicit MapNode(uint64_t seed) : MapNode(seed, wire::SecretKey::Generate(), 0) {}
  // A life of the node with this key, that begins when its wall clock says `wall`.
  MapNode(uint64_t seed, wire::SecretKey secret, uint64_t wall)
      : identity_(Options(seed, std::move(secret), wall)) {}

  const wire::PublicKey& key() const { return identity_.public_key(); }

  size_t AddMap(const protocol::MapClientOptions& options) {
    maps_.push_back(std::make_unique<protocol::MapClient>(identity_, table_, options));
    return maps_.size() - 1;
  }
  void SetPort(Instant now, uint16_t port, PortState state) {
    ports_[port] = std::move(state);
    for (auto& map : maps_) map->SetPorts(now, ports_);
  }
  void SetPeers(Instant now, const std::vector<wire::PublicKey>& peers) {
    for (auto& map : maps_) map->SetPeers(now, peers);
  }
  void LookUpAgain(Instant now, const wire::PublicKey& peer) {
    for (auto& map : maps_) map->LookUpAgain(now, peer);
  }
  void Shutdown(Instant now) {
    for (auto& map : maps_) map->Shutdown(now, outbox_);
  }

  // Returns the reason for which the datagram was dropped, or kNone.
  wire::Drop Receive(Instant now, const Arrival& arrival, std::vector<uint8_t> datagram) {
    const wire::Drop drop = Dispatch(now, arrival, datagram);
    if (drop != wire::Drop::kNone) ++drops_[drop];
    return drop;
  }
  Instant NextTimeout() const {
    Instant next = wire::kNever;
    for (const auto& map : maps_) next = std::min(next, map->NextTimeout());
    return next;
  }
  void HandleTimeout(Instant now) {
    for (auto& map : maps_) map->HandleTimeout(now, outbox_);
    Collect();
  }
  std::optional<protocol::Transmit> NextTransmit() { return outbox_.Pop(); }

  protocol::MapClient& map(size_t index = 0) { return *maps_.at(index); }
  protocol::MapStatus status(size_t index = 0) const { return maps_.at(index)->Status(); }
  bool registered(size_t index = 0) const { return status(index).state == "registered"; }
  // Returns the endpoints that a map has last given for a peer.
  std::vector<Endpoint> found(const wire::PublicKey& peer) const {
    const auto it = found_.find(peer);
    return it == found_.end() ? std::vector<Endpoint>() : it->second;
  }
  uint64_t times_found(const wire::PublicKey& peer) const {
    const auto it = times_found_.find(peer);
    return it == times_found_.end() ? 0 : it->second;
  }
  uint64_t drops(wire::Drop drop) const {
    const auto it = drops_.find(drop);
    return it == drops_.end() ? 0 : it->second;
  }

 private:
  static protocol::IdentityOptions Options(uint64_t seed, wire::SecretKey secret, uint64_t wall) {
    protocol::IdentityOptions options;
    options.secret_key = std::move(secret);
    options.wall_clock = [wall]() mutable { return ++wall; };
    options.seed = seed;
    return options;
  }

  wire::Drop Dispatch(Instant now, const Arrival& arrival, std::vector<uint8_t>& datagram) {
    const auto type = wire::ClassifyDatagram(datagram);
    if (!type.has_value()) return wire::Drop::kUnknownType;
    if (*type == wire::MessageType::kInitiation) return wire::Drop::kUnknownPeer;
    if (*type != wire::MessageType::kSealed) {
      const auto index = wire::DecodeHandshakeReceiver(datagram);
      auto* association = index.has_value() ? table_.Find(*index) : nullptr;
      if (association == nullptr) return wire::Drop::kUnknownSession;
      if (*type == wire::MessageType::kResponse)
        return association->HandleResponse(now, arrival, datagram);
      if (*type == wire::MessageType::kRetry) return association->HandleRetry(now, datagram);
      return association->HandleCookieReply(now, arrival, datagram);
    }
    const auto header = wire::ReadDataHeader(datagram);
    if (!header.has_value()) return wire::Drop::kTruncated;
    auto* association = table_.Find(header->receiver_index);
    const auto session =
        association != nullptr ? association->FindSession(header->receiver_index) : nullptr;
    if (session == nullptr) return wire::Drop::kUnknownSession;
    const auto opened = session->Open(now, identity_.engine(), datagram);
    if (const auto* drop = std::get_if<wire::Drop>(&opened)) return *drop;
    const auto& [counter, plaintext] = std::get<wire::Session::Opened>(opened);
    association->NoteAuthentic(now, session.get(), counter);
    const protocol::OpenedMessage message{arrival, session.get(), counter, plaintext};
    if (!protocol::IsMapMessage(plaintext))
      return protocol::HandleAssociationMessage(now, message, *association, outbox_);
    for (auto& map : maps_) {
      if (&map->association() != association) continue;
      const wire::Drop drop = map->HandleControl(now, message, outbox_);
      Collect();
      return drop;
    }
    return wire::Drop::kUnknownSession;
  }
  void Collect() {
    for (auto& map : maps_) {
      for (auto& found : map->TakeFound()) {
        ++times_found_[found.peer];
        found_[found.peer] = std::move(found.endpoints);
      }
    }
  }

  protocol::Identity identity_;
  protocol::SessionTable table_;
  std::map<uint16_t, PortState> ports_;
  std::vector<std::unique_ptr<protocol::MapClient>> maps_;
  protocol::Outbox outbox_;
  std::map<wire::PublicKey, std::vector<Endpoint>> found_;
  std::map<wire::PublicKey, uint64_t> times_found_;
  std::map<wire::Drop, uint64_t> drops_;
};

}  // namespace warp::map

#endif  // WARP_TESTS_MAP_SERVER_MAP_NODE_H_
