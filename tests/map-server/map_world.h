// Maps and nodes joined by a network in virtual time. Datagrams take time, may be lost, duplicated and reordered, and
// pass NATs. Nothing sleeps.
//
//   node ── port ── NAT (its outer address) ── network ── map 198.51.100.1:13116, 198.51.100.2:13116, ...
#ifndef WARP_TESTS_MAP_SERVER_MAP_WORLD_H_
#define WARP_TESTS_MAP_SERVER_MAP_WORLD_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "map-server/session/handler.h"
#include "map-server/store/memory_store.h"
#include "tests/map-server/map_node.h"

namespace warp::map {

using namespace std::chrono_literals;  // NOLINT: for 10s and 250ms

class MapWorld {
 public:
  struct Datagram {
    size_t map = 0;
    bool to_map = false;
    MapNode* node = nullptr;  // null for a datagram of Inject, which belongs to no node
    Endpoint at;              // the node's outer address
    std::vector<uint8_t> bytes;
  };

  explicit MapWorld(size_t maps = 1) {
    for (size_t i = 0; i < maps; ++i) {
      maps_.emplace_back();
      maps_[i].secret = wire::SecretKey::Generate();
      StartMap(i);
    }
  }

  // --- Maps ---
  void KillMap(size_t map = 0) {
    maps_[map].handler.reset();
    maps_[map].store.reset();
  }
  void StartMap(size_t map = 0) {
    maps_[map].handler.reset();
    maps_[map].store = make_store(limits);
    Handler::Options options;
    options.secret_key = maps_[map].secret.Clone();
    options.max_clients = max_clients;
    options.rekey_after = map_rekey_after;
    if (handshakes.has_value()) options.handshakes = *handshakes;
    maps_[map].handler = std::make_unique<Handler>(std::move(options), *maps_[map].store);
  }
  // All maps have the key of the first from now on. Nodes that come now know one map, at the address of the first.
  void ShareKey() {
    one_key_ = true;
    for (size_t i = 1; i < maps_.size(); ++i) {
      maps_[i].secret = maps_[0].secret.Clone();
      StartMap(i);
    }
  }
  Handler& map(size_t index = 0) { return *maps_[index].handler; }
  MemoryStore& store(size_t index = 0) { return *maps_[index].store; }
  static Endpoint MapAddress(size_t map) {
    return {Ip("198.51.100." + std::to_string(map + 1)), 13116};
  }
  wire::PublicKey map_key(size_t map = 0) { return maps_[map].secret.Public(); }

  // --- Nodes ---
  // Adds a node that knows all maps. Its port i has the address 44.<node>.<i>.1, which the network sees as
  // 192.0.<node>.<i>:13116. Both are global, so that the map tells everybody of both.
  MapNode& AddNode(int ports = 1) { return AddNode(ports, wire::SecretKey::Generate(), 0); }
  MapNode& AddNode(int ports, wire::SecretKey secret, uint64_t wall) {
    const size_t number = nodes_.size() + 1;
    nodes_.push_back(std::make_unique<MapNode>(number, std::move(secret), wall));
    MapNode& node = *nodes_.back();
    for (size_t i = 0; i < (one_key_ ? 1 : maps_.size()); ++i) {
      node.AddMap({.public_key = map_key(i),
                   .endpoints = {MapAddress(i)},
                   .rekey_after = node_rekey_after});
    }
    for (int i = 0; i < ports; ++i) {
      Rebind(node, i, Outer(number, i));
      node.SetPort(now, static_cast<uint16_t>(i), {.up = true, .addresses = {Inner(number, i)}});
    }
    return node;
  }
  void MakeFriends(MapNode& a, MapNode& b) {
    a.SetPeers(now, {b.key()});
    b.SetPeers(now, {a.key()});
  }
  // The node's life ends, without a word.
  void Silence(MapNode& node) {
    std::erase_if(inner_, [&](const auto& e) { return e.second.first == &node; });
    silent_.insert(&node);
  }
  // From now on, the NAT in front of the port gives it another outer address.
  void Rebind(MapNode& node, int port, const Endpoint& outer) {
    std::erase_if(inner_, [&](const auto& e) {
      return e.second == std::pair(&node, static_cast<uint16_t>(port));
    });
    outer_[{&node, static_cast<uint16_t>(port)}] = outer;
    inner_[outer] = {&node, static_cast<uint16_t>(port)};
  }
  Endpoint OuterOf(MapNode& node, int port = 0) {
    return outer_.at({&node, static_cast<uint16_t>(port)});
  }
  static Endpoint Outer(size_t node, int port) {
    return {wire::IpAddress::V4({192, static_cast<uint8_t>(node >> 8), static_cast<uint8_t>(node),
                                 static_cast<uint8_t>(port)}),
            13116};
  }
  static wire::IpAddress Inner(size_t node, int port) {
    return wire::IpAddress::V4({44, static_cast<uint8_t>(node), static_cast<uint8_t>(port),
                                static_cast<uint8_t>(1 + (node >> 8))});
  }

  // --- The network ---
  double loss = 0;
  double doubled = 0;
  Duration delay = 20ms;
  // Random time in addition to `delay`, so that datagrams overtake each other.
  Duration jitter = 0ms;
  std::function<Duration(const Datagram&)> slow = nullptr;  // in addition to `delay`
  std::function<bool(const Datagram&)> lost = nullptr;  // returns true for a datagram that is lost
  std::set<Endpoint> in_stream;  // outer addresses that are those of TLS connections
  std::vector<Datagram> seen;    // every datagram sent, if `record` is set
  bool record = false;

  void Inject(size_t map, const Endpoint& from, std::vector<uint8_t> bytes) {
    events_.emplace(now + delay, Datagram{map, true, nullptr, from, std::move(bytes)});
  }

  // --- Time ---
  Instant now{1000s};
  void Run(Duration time) {
    const Instant end = now + time;
    RunUntil(end, [] { return false; });
    now = end;
  }
  // Runs until `done`. Returns how long that took. The test fails if it takes longer than `most`.
  Duration RunUntil(const std::function<bool()>& done, Duration most) {
    const Instant start = now;
    RunUntil(start + most, done);
    EXPECT_TRUE(done()) << "not within " << most / 1ms << " ms";
    return now - start;
  }

  // These values are for maps that are started from now on.
  std::function<std::unique_ptr<MemoryStore>(const MemoryStore::Limits&)> make_store =
      [](const MemoryStore::Limits& of) { return std::make_unique<MemoryStore>(of); };
  MemoryStore::Limits limits;
  size_t max_clients = 1000;
  std::optional<protocol::HandshakeBudget> handshakes;
  Duration map_rekey_after = 3600s;
  Duration node_rekey_after = 3600s;

 private:
  bool one_key_ = false;
  struct Map {
    wire::SecretKey secret;
    std::unique_ptr<MemoryStore> store;
    std::unique_ptr<Handler> handler;
  };

  void RunUntil(Instant end, const std::function<bool()>& done) {
    int steps = 0;
    while (!done()) {
      Send();
      Instant next = events_.empty() ? wire::kNever : events_.begin()->first;
      for (const Map& map : maps_) {
        if (map.handler != nullptr) next = std::min(next, map.handler->NextTimeout());
      }
      for (const auto& node : nodes_) next = std::min(next, node->NextTimeout());
      if (next > end) return;
      if (next > now) steps = 0;
      if (++steps >= 100000) {
        ADD_FAILURE() << "time stands still";
        return;
      }
      now = std::max(now, next);
      Deliver();
      for (Map& map : maps_) {
        if (map.handler != nullptr && map.handler->NextTimeout() <= now)
          map.handler->HandleTimeout(now);
      }
      for (auto& node : nodes_) {
        if (node->NextTimeout() <= now) node->HandleTimeout(now);
      }
    }
  }
  void Send() {
    for (auto& node : nodes_) {
      while (auto out = node->NextTransmit()) {
        for (size_t i = 0; i < maps_.size(); ++i) {
          if (out->to == MapAddress(i)) {
            Put({i, true, node.get(), outer_.at({node.get(), out->port}),
                 std::move(out->datagram)});
          }
        }
      }
    }
    for (size_t i = 0; i < maps_.size(); ++i) {
      if (maps_[i].handler == nullptr) continue;
      while (auto out = maps_[i].handler->NextTransmit()) {
        EXPECT_EQ(out->port, in_stream.contains(out->to) ? kFirstStreamId : kLocalAddress)
            << "answers leave from where the request arrived";
        const auto it = inner_.find(out->to);
        Put({i, false, it != inner_.end() ? it->second.first : nullptr, out->to,
             std::move(out->datagram)});
      }
    }
  }
  void Put(Datagram datagram) {
    if (record) seen.push_back(datagram);
    if (lost && lost(datagram)) return;
    if (datagram.to_map && silent_.contains(datagram.node)) return;
    const Duration late = slow ? slow(datagram) : Duration(0);
    std::uniform_real_distribution<double> chance;
    if (chance(random_) < loss) return;
    const int copies = chance(random_) < doubled ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto extra =
          Duration(static_cast<int64_t>(chance(random_) * static_cast<double>(jitter.count())));
      events_.emplace(now + delay + late + extra, datagram);
    }
  }
  void Deliver() {
    while (!events_.empty() && events_.begin()->first <= now) {
      Datagram datagram = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      if (datagram.to_map) {
        if (maps_[datagram.map].handler == nullptr) continue;
        const LocalAddressId id = in_stream.contains(datagram.at) ? kFirstStreamId : kLocalAddress;
        maps_[datagram.map].handler->HandleDatagram(
            now, {id, datagram.at, MapAddress(datagram.map).address}, datagram.bytes);
      } else {
        // The NAT passes only what comes to an address that it uses now.
        const auto it = inner_.find(datagram.at);
        if (it == inner_.end()) continue;
        const auto& [node, port] = it->second;
        node->Receive(now, {port, MapAddress(datagram.map), {}}, std::move(datagram.bytes));
      }
    }
  }

  static constexpr LocalAddressId kLocalAddress = 3;

  std::vector<Map> maps_;
  std::vector<std::unique_ptr<MapNode>> nodes_;
  std::map<std::pair<MapNode*, uint16_t>, Endpoint> outer_;
  std::map<Endpoint, std::pair<MapNode*, uint16_t>> inner_;
  std::set<const MapNode*> silent_;
  std::multimap<Instant, Datagram> events_;
  std::mt19937_64 random_{1};
};

}  // namespace warp::map

#endif  // WARP_TESTS_MAP_SERVER_MAP_WORLD_H_
