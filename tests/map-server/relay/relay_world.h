// Whole nodes behind NATs and a map with a relay, joined by a network in virtual time. Nothing sleeps.
//
//   node ── port 10.<node>.<port>.1 ── NAT 192.0.<node>.<port> ── network ── map 198.51.100.1: 13116, 20000, 20001, ...
#ifndef WARP_TESTS_MAP_SERVER_RELAY_RELAY_WORLD_H_
#define WARP_TESTS_MAP_SERVER_RELAY_RELAY_WORLD_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "control/protocol/map/map_client.h"
#include "control/protocol/node/node.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/session/session.h"
#include "map-server/session/handler.h"
#include "map-server/store/memory_store.h"

namespace warp::map {

using namespace std::chrono_literals;  // NOLINT: for 10s and 250ms
using wire::Endpoint;

class RelayWorld {
 public:
  static constexpr uint16_t kFirstPort = 20000;
  static constexpr uint16_t kPorts = 4;
  static wire::IpAddress MapAddress() { return wire::IpAddress::V4({198, 51, 100, 1}); }

  // How a NAT maps, and what it lets in: by the destination; the same for all, but from those alone that were written
  // to; the same for all, from everybody.
  enum class Nat { kSymmetric, kPort, kCone };

  explicit RelayWorld(bool on = true) {
    EXPECT_TRUE(wire::InitCrypto().ok());
    secret_ = wire::SecretKey::Generate();
    StartMap(on);
  }
  void StartMap(bool on = true) {
    handler_.reset();
    store_ = std::make_unique<MemoryStore>(MemoryStore::Limits());
    Handler::Options options;
    options.secret_key = secret_.Clone();
    options.max_clients = 1000;
    options.registry.lifetime = lifetime;
    handler_ = std::make_unique<Handler>(std::move(options), *store_);
    if (on) handler_->SetRelay(terms, kFirstPort, ports);
  }
  void KillMap() { handler_.reset(); }
  Handler& map() { return *handler_; }
  Relay::Counts relay() const { return handler_->counts().relay; }

  // --- Nodes ---
  int AddNode(int ports_of_it, Nat nat) {
    const int n = static_cast<int>(nodes_.size());
    Host& host = nodes_.emplace_back();
    host.key = wire::SecretKey::Generate();
    host.nat = nat;
    protocol::NodeOptions options;
    options.identity.secret_key = host.key.Clone();
    options.identity.wall_clock = [this, n] {
      return 1'700'000'000'000'000'000u + static_cast<uint64_t>(now.time_since_epoch().count() + n);
    };
    options.identity.seed = static_cast<uint64_t>(n) + 1;
    options.window = 1024;
    host.node = std::make_unique<protocol::Node>(std::move(options));
    for (int port = 0; port < ports_of_it; ++port) {
      host.node->SetPort(now, static_cast<wire::PortId>(port),
                         {.up = true, .addresses = {Inner(n, port)}});
    }
    auto client = std::make_unique<protocol::MapClient>(
        host.node->identity(), host.node->sessions(),
        protocol::MapClientOptions{.public_key = secret_.Public(),
                                   .endpoints = {{MapAddress(), 13116}}});
    host.map = client.get();
    host.node->AddMap(now, std::move(client));
    return n;
  }
  void AddPeer(int a, int b) {
    nodes_[Index(a)].ids[b] =
        *nodes_[Index(a)].node->AddPeer(now, {.public_key = nodes_[Index(b)].key.Public()});
  }
  void RemovePeer(int a, int b) { nodes_[Index(a)].node->RemovePeer(now, nodes_[Index(a)].ids[b]); }
  void MakeFriends(int a, int b) {
    AddPeer(a, b);
    AddPeer(b, a);
  }
  protocol::Node& node(int n) { return *nodes_[Index(n)].node; }
  wire::PublicKey key(int n) const { return nodes_[Index(n)].key.Public(); }
  // From now on, with new mappings.
  void SetNat(int n, Nat nat) {
    nodes_[Index(n)].nat = nat;
    Rebind(n);
  }
  void Rebind(int n) {
    std::erase_if(mappings_, [n](const auto& mapping) { return mapping.node == n; });
  }
  // Ends without a word.
  void Kill(int n) { nodes_[Index(n)].dead = true; }

  protocol::PeerStatus Peer(int a, int b) {
    return nodes_[Index(a)].node->Peers({&nodes_[Index(a)].ids[b], 1}).at(0);
  }
  size_t Carrying(int a, int b, bool relayed) {
    const protocol::PeerStatus peer = Peer(a, b);
    return static_cast<size_t>(std::count_if(
        peer.paths.begin(), peer.paths.end(),
        [&](const protocol::PathStatus& path) { return path.carries && path.relayed == relayed; }));
  }
  bool OverRelay(int a, int b) { return Carrying(a, b, true) > 0 && Carrying(b, a, true) > 0; }
  bool Direct(int a, int b) {
    return Carrying(a, b, false) > 0 && Carrying(b, a, false) > 0 && Carrying(a, b, true) == 0 &&
           Carrying(b, a, true) == 0;
  }

  // Sends a payload over every path that carries.
  void Send(int a, int b, const std::string& text) {
    Host& host = nodes_[Index(a)];
    const protocol::ForwardingState state = host.node->GetForwarding({&host.ids[b], 1});
    const protocol::ForwardingPeer& peer = state.peers.at(0);
    if (peer.send == nullptr) return;
    std::vector<uint8_t> plaintext(wire::kInnerHeaderSize);
    wire::WritePayloadHeader({.tunnel_id = 1}, plaintext.data());
    plaintext.insert(plaintext.end(), text.begin(), text.end());
    const auto sealed = peer.send->Seal(now, host.node->identity().engine(), plaintext);
    for (const protocol::PathStatus& path : peer.paths) {
      if (path.carries) Carry(a, {.port = path.port, .to = path.remote, .datagram = *sealed});
    }
    host.node->NoteSent(now, host.ids[b]);
  }
  // What no honest node would say: it leaves in the node's session with the map, to that UDP port of the map's.
  void Say(int n, uint16_t udp_port, const protocol::MapMessage& message) {
    Host& host = nodes_[Index(n)];
    protocol::Outbox said;
    const wire::Route route{0, {MapAddress(), udp_port}};
    host.map->association().Send(now, route, protocol::EncodeMapMessage(message), said);
    while (auto transmit = said.Pop()) Carry(n, *std::move(transmit));
  }
  // What the map says to nodes is shown to it.
  std::function<void(int n, const protocol::MapMessage&)> heard = nullptr;
  std::vector<std::string> TakeReceived(int n) {
    return std::exchange(nodes_[Index(n)].received, {});
  }

  // --- The network ---
  struct Datagram {
    bool to_map = false;
    int node = 0;  // that it comes from, or goes to
    Endpoint from;
    Endpoint to;
    std::vector<uint8_t> bytes;
    bool forwarded = false;  // the relay has sent it on
  };
  bool blocked = false;  // nothing passes between nodes
  // True: it is lost. Everything is shown to it.
  std::function<bool(const Datagram&)> lost = nullptr;
  void Inject(const Endpoint& from, const Endpoint& to, std::vector<uint8_t> bytes) {
    events_.emplace(now, Datagram{true, -1, from, to, std::move(bytes)});
  }
  // Where the network sees the node's port when it writes there.
  Endpoint Outside(int n, int port, const Endpoint& to) { return MappingOf(n, port, to).outside; }

  // --- Time ---
  wire::Instant now{1000s};
  void Run(wire::Duration time) {
    const wire::Instant end = now + time;
    RunUntil([] { return false; }, time, /*must=*/false);
    now = end;
  }
  // Returns how long it took. The test fails where it takes longer than `most`.
  wire::Duration RunUntil(const std::function<bool()>& done, wire::Duration most,
                          bool must = true) {
    const wire::Instant begun = now, end = now + most;
    int steps = 0;
    while (!done()) {
      SendAll();
      wire::Instant next = events_.empty() ? wire::kNever : events_.begin()->first;
      if (handler_ != nullptr) next = std::min(next, handler_->NextTimeout());
      for (const Host& host : nodes_) {
        if (!host.dead) next = std::min(next, host.node->NextTimeout());
      }
      if (next > end) break;
      if (next > now) steps = 0;
      if (++steps > 100'000) {
        ADD_FAILURE() << "time stands still";
        break;
      }
      now = std::max(now, next);
      Deliver();
      if (handler_ != nullptr && handler_->NextTimeout() <= now) handler_->HandleTimeout(now);
      for (Host& host : nodes_) {
        if (!host.dead && host.node->NextTimeout() <= now) host.node->HandleTimeout(now);
      }
    }
    if (must) {
      EXPECT_TRUE(done()) << "not within " << most / 1ms << " ms";
    }
    return now - begun;
  }

  // Of maps that are started from now on.
  RelayTerms terms;
  wire::Duration lifetime = protocol::kMapLifetime;
  uint16_t ports = kPorts;

 private:
  static constexpr LocalAddressId kMain = 3;
  static constexpr LocalAddressId kRelay = 100;
  static constexpr wire::Duration kDelay = 10ms;

  struct Host {
    wire::SecretKey key;
    std::unique_ptr<protocol::Node> node;
    protocol::MapClient* map = nullptr;  // the node's
    Nat nat = Nat::kSymmetric;
    bool dead = false;
    std::map<int, wire::PeerId> ids;
    std::vector<std::string> received;
  };
  struct Mapping {
    int node = 0;
    int port = 0;
    std::optional<Endpoint> to;  // of a symmetric one
    Endpoint outside;
    std::set<Endpoint> asked;
  };

  static size_t Index(int n) { return static_cast<size_t>(n); }
  static wire::IpAddress Inner(int n, int port) {
    return wire::IpAddress::V4({10, static_cast<uint8_t>(n), static_cast<uint8_t>(port), 1});
  }
  Mapping& MappingOf(int n, int port, const Endpoint& to) {
    const bool symmetric = nodes_[Index(n)].nat == Nat::kSymmetric;
    for (Mapping& mapping : mappings_) {
      if (mapping.node == n && mapping.port == port && (!symmetric || mapping.to == to))
        return mapping;
    }
    const Endpoint outside{
        wire::IpAddress::V4({192, 0, static_cast<uint8_t>(n), static_cast<uint8_t>(port)}),
        static_cast<uint16_t>(30000 + ++turns_)};
    return mappings_.emplace_back(
        Mapping{n, port, symmetric ? std::optional(to) : std::nullopt, outside, {}});
  }

  void SendAll() {
    for (size_t n = 0; n < nodes_.size(); ++n) {
      while (auto transmit = nodes_[n].node->NextTransmit())
        Carry(static_cast<int>(n), *std::move(transmit));
    }
    while (handler_ != nullptr) {
      auto transmit = handler_->NextTransmit();
      if (!transmit.has_value()) break;
      FromMap(transmit->port, transmit->to, std::move(transmit->datagram));
    }
  }
  void Carry(int n, protocol::Transmit transmit) {
    if (nodes_[Index(n)].dead) return;
    Mapping& mapping = MappingOf(n, transmit.port, transmit.to);
    mapping.asked.insert(transmit.to);
    Datagram datagram{transmit.to.address == MapAddress(), n, mapping.outside, transmit.to,
                      std::move(transmit.datagram)};
    if (lost && lost(datagram)) return;
    if (!datagram.to_map && blocked) return;
    events_.emplace(now + kDelay, std::move(datagram));
  }
  void FromMap(LocalAddressId local, const Endpoint& to, std::vector<uint8_t> bytes,
               bool forwarded = false) {
    const uint16_t port =
        local == kMain ? uint16_t{13116} : static_cast<uint16_t>(kFirstPort + local - kRelay);
    Datagram datagram{false, -1, {MapAddress(), port}, to, std::move(bytes), forwarded};
    if (lost && lost(datagram)) return;
    events_.emplace(now + kDelay, std::move(datagram));
  }
  void Deliver() {
    while (!events_.empty() && events_.begin()->first <= now) {
      Datagram datagram = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      if (datagram.to_map) {
        ToMap(std::move(datagram));
      } else {
        ToNode(std::move(datagram));
      }
    }
  }
  void ToMap(Datagram datagram) {
    if (handler_ == nullptr) return;
    if (datagram.to.port == 13116)
      return handler_->HandleDatagram(now, {kMain, datagram.from, MapAddress()}, datagram.bytes);
    if (datagram.to.port < kFirstPort || datagram.to.port - kFirstPort >= ports) return;
    const auto local = static_cast<LocalAddressId>(kRelay + datagram.to.port - kFirstPort);
    const auto target = handler_->HandleRelayed(
        now, datagram.to.port, {local, datagram.from, MapAddress()}, datagram.bytes);
    if (!target.has_value()) return;
    EXPECT_EQ(target->local_address, local) << "a channel has one port";
    FromMap(target->local_address, target->to, std::move(datagram.bytes), /*forwarded=*/true);
  }
  void ToNode(Datagram datagram) {
    const auto mapping = std::find_if(mappings_.begin(), mappings_.end(),
                                      [&](const Mapping& m) { return m.outside == datagram.to; });
    if (mapping == mappings_.end() || nodes_[Index(mapping->node)].dead) return;
    if (nodes_[Index(mapping->node)].nat != Nat::kCone && !mapping->asked.contains(datagram.from))
      return;
    Host& host = nodes_[Index(mapping->node)];
    const wire::Arrival arrival{static_cast<wire::PortId>(mapping->port), datagram.from,
                                Inner(mapping->node, mapping->port)};
    if (wire::ClassifyDatagram(datagram.bytes) != wire::MessageType::kSealed)
      return host.node->HandleHandshake(now, arrival, datagram.bytes);
    const auto header = wire::ReadDataHeader(datagram.bytes);
    if (!header.has_value()) return;
    const auto* association = host.node->sessions().Find(header->receiver_index);
    const auto session =
        association == nullptr ? nullptr : association->FindSession(header->receiver_index);
    if (session == nullptr) return;
    const auto opened = session->Open(now, host.node->identity().engine(), datagram.bytes);
    if (std::holds_alternative<wire::Drop>(opened)) return;
    const auto& [counter, plaintext] = std::get<wire::Session::Opened>(opened);
    if (heard && protocol::IsMapMessage(plaintext)) {
      const auto decoded = protocol::DecodeMapMessage(plaintext);
      if (const auto* message = std::get_if<protocol::MapMessage>(&decoded))
        heard(mapping->node, *message);
    }
    if (wire::ClassifyPlaintext(plaintext) == wire::Kind::kControl)
      return host.node->HandleControl(now, {arrival, session.get(), counter, plaintext});
    host.node->NoteAuthentic(now, session.get(), counter);
    const wire::Bytes text = plaintext.subspan(wire::kInnerHeaderSize);
    host.received.emplace_back(text.begin(), text.end());
  }

  wire::SecretKey secret_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Handler> handler_;
  std::vector<Host> nodes_;
  std::vector<Mapping> mappings_;
  int turns_ = 0;
  std::multimap<wire::Instant, Datagram> events_;
};

// Alice and Bob, between whom no path leads.
class RelayTest : public ::testing::Test {
 protected:
  using Nat = RelayWorld::Nat;

  // They come, behind such NATs, with so many ports each, and allow each other.
  void Meet(Nat a = Nat::kSymmetric, Nat b = Nat::kSymmetric, int ports_of_each = 1) {
    alice = world.AddNode(ports_of_each, a);
    bob = world.AddNode(ports_of_each, b);
    world.MakeFriends(alice, bob);
  }
  void AreRelayed(wire::Duration within = 5s) {
    world.RunUntil([&] { return world.OverRelay(alice, bob); }, within);
  }
  void MeetRelayed(Nat a = Nat::kSymmetric, Nat b = Nat::kSymmetric) {
    Meet(a, b);
    AreRelayed();
  }
  // The same, and tells from where Alice sends to the relay, and whereto.
  std::pair<Endpoint, Endpoint> MeetWatched() {
    Meet();
    std::pair<Endpoint, Endpoint> seen;
    world.lost = [&](const RelayWorld::Datagram& datagram) {
      if (IsToRelay(datagram) && datagram.node == alice) seen = {datagram.from, datagram.to};
      return false;
    };
    AreRelayed();
    world.lost = nullptr;
    return seen;
  }
  static bool IsToRelay(const RelayWorld::Datagram& datagram) {
    return datagram.to_map && datagram.to.port != 13116;
  }

  RelayWorld world;
  int alice = -1;
  int bob = -1;
};

}  // namespace warp::map

#endif  // WARP_TESTS_MAP_SERVER_RELAY_RELAY_WORLD_H_
