// The channels of the relay, each of which joins a port of one node and a port of another one through one UDP port of
// the map.
//
//     node A, port i ── its NAT ── S ──► map:K ──► T ── its NAT ── node B, port j
//                                  S ◄── map:K ◄── T
//
// Who sends is told by (K, the address that it comes from, whether it comes in a TLS connection), so that all pairs of
// nodes share a few UDP ports: a node needs another K for each channel of one of its ports, and no other node comes
// from its address.
#ifndef WARP_MAP_SERVER_RELAY_CHANNEL_TABLE_H_
#define WARP_MAP_SERVER_RELAY_CHANNEL_TABLE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "control/protocol/map/map_message.h"
#include "map-server/flat/keyed_hash.h"
#include "map-server/network.h"
#include "map-server/relay/pair_allowance.h"
#include "map-server/stored.h"

namespace warp::map {

// One end of a channel.
struct ChannelEnd {
  KeyId node;
  wire::PublicKey key;
  uint16_t port = 0;  // of the node's
  // Where it is bound; port 0: it is not, and nothing is sent to it.
  wire::Endpoint at;
  LocalAddressId local_address = 0;  // that it was bound by
  Order order;                       // of the bind that applied last
  bool needed = false;               // as its node said last
  Instant expires{};                 // unless it is bound again

  bool bound() const { return at.port != 0; }
};

struct Channel {
  uint32_t id = 0;
  uint16_t udp_port = 0;
  std::array<ChannelEnd, 2> ends;

  bool open() const { return ends[0].bound() && ends[1].bound(); }
};

class ChannelTable {
 public:
  // The ids of two nodes, in order.
  using Pair = std::pair<KeyId, KeyId>;
  static Pair PairOf(const KeyId& a, const KeyId& b) { return a < b ? Pair(a, b) : Pair(b, a); }

  struct PairState {
    std::vector<uint32_t> channels;  // by id
    Network network = 0;             // that the channels are charged to
    PairAllowance allowance;
  };

  // UDP ports first, first + 1, ... Channels of others end. A count of 0: there is none at all.
  void SetPorts(uint16_t first, uint16_t count);
  uint16_t first_port() const { return first_port_; }
  uint16_t ports() const { return ports_; }

  // A new channel between two ports that have none, whose ends expire at `expires`. Null where there is no UDP port
  // that both of them have free.
  // They are charged to `network` (network.h), that of the node which asked first.
  Channel* Make(const ChannelEnd& a, const ChannelEnd& b, Network network, Instant expires);
  void End(uint32_t id);
  void EndPair(const Pair& pair);
  // All channels of a node.
  void EndOf(const KeyId& node);
  // Those that this is true of.
  void EndIf(absl::FunctionRef<bool(const Channel&)> which);

  Channel* Find(uint32_t id) {
    const auto it = channels_.find(id);
    return it == channels_.end() ? nullptr : &it->second;
  }
  // The channel, and its end, that is bound to this address at this UDP port, by UDP or in a TLS connection as what
  // came to `local_address`.
  std::optional<std::pair<Channel*, size_t>> FindBound(uint16_t udp_port, const wire::Endpoint& at,
                                                       LocalAddressId local_address);
  // From now on, this end is there. Another end that was there is not bound any more.
  void Bind(Channel& channel, size_t end, const wire::Endpoint& at, LocalAddressId local_address);

  // Null where nothing is known of the pair.
  PairState* FindPair(const Pair& pair) {
    const auto it = pairs_.find(pair);
    return it == pairs_.end() ? nullptr : &it->second;
  }
  // Its pairs with a channel.
  std::span<const Pair> PairsOf(const KeyId& node) const;
  // Ends channels of which an end has expired, kRelayExpiryInterval later at the latest; forgets pairs whose day is
  // over.
  void Expire(Instant now);
  Instant NextExpiry() const { return next_expiry_; }

  size_t size() const { return channels_.size(); }
  size_t open() const;
  // Pairs with a channel.
  size_t active_pairs() const { return active_pairs_; }
  // Which of them has to go for one more of `network`: the newest of the network that has most, unless this one would
  // then have as many; nullopt: none.
  std::optional<Pair> Victim(Network network) const;

 private:
  struct BoundAt {
    uint16_t udp_port = 0;
    wire::Endpoint at;
    bool stream = false;  // a TLS connection is from there
    friend bool operator==(const BoundAt&, const BoundAt&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const BoundAt& b) {
      return H::combine(std::move(h), b.udp_port, b.at.address.bytes(), b.at.port, b.stream);
    }
  };
  // A node's port has one channel at each UDP port.
  struct Use {
    KeyId node;
    uint16_t port = 0;
    uint16_t udp_port = 0;
    friend bool operator==(const Use&, const Use&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Use& u) {
      return H::combine(std::move(h), u.node, u.port, u.udp_port);
    }
  };
  static Use UseOf(const ChannelEnd& end, uint16_t udp_port) {
    return {end.node, end.port, udp_port};
  }
  void Unbind(Channel& channel, size_t end);
  void ForgetAPair();
  void NoteActive(const Pair& pair, Network network);
  void NoteIdle(const Pair& pair, Network network);

  uint16_t first_port_ = 0;
  uint16_t ports_ = 0;
  uint16_t turn_ =
      0;  // the UDP port that is tried first: one that was left lately comes late again
  absl::flat_hash_map<uint32_t, Channel> channels_;
  absl::flat_hash_map<BoundAt, std::pair<uint32_t, size_t>> bound_;
  absl::flat_hash_set<Use> uses_;
  absl::flat_hash_map<Pair, PairState> pairs_;
  size_t active_pairs_ = 0;
  KeyedMap<Network, std::vector<Pair>> by_network_;  // the active ones, the newest last
  KeyedMap<KeyId, std::vector<Pair>> by_node_;       // likewise
  Instant next_expiry_ = wire::kNever;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_RELAY_CHANNEL_TABLE_H_
