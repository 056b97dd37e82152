// The relay of last resort: it forwards what two registered nodes that allow each other send to each other, where no
// path leads from one to the other. It is pure, as Registry is, and sees ciphertext alone.
//
//   relay   from a verified address of one node ──► both registered here, each allows the other ──► channels
//           ──► relayed, to the one who asked; and unasked to the other, again until it binds
//   bind    to a channel's UDP port; echo wrong ──► bound(echo, challenge): nothing changed
//                                    echo right ──► asked again whether both allow it ──► this end is there from now on
//   other   from where an end of a channel is bound ──► to where the other end is bound, within the pair's allowance
//   a record changed ──► what it allows no more, or is not registered any more, ends at once
//
// So it sends to addresses alone that have echoed a challenge to the node that the channel is for; one datagram for one
// datagram, of the same bytes; and to nobody whom both nodes have not named.
#ifndef WARP_MAP_SERVER_RELAY_RELAY_H_
#define WARP_MAP_SERVER_RELAY_RELAY_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/map/map_message.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/counters.h"
#include "map-server/registry/challenge.h"
#include "map-server/registry/origin.h"
#include "map-server/relay/channel_table.h"
#include "map-server/store/store.h"

namespace warp::map {

class Relay {
 public:
  // `store` and `drops` outlive this.
  Relay(Duration lifetime, Store& store, wire::DropCounters& drops);

  // Forwards on these terms, through the UDP ports first_port, first_port + 1, ...; with no ports it is off, and all
  // channels end.
  void SetTerms(const RelayTerms& terms, uint16_t first_port, uint16_t ports);
  bool on() const { return table_.ports() > 0; }
  void SetLifetime(Duration lifetime);

  void Handle(Instant now, const Origin& origin, const protocol::MapRelay& message);
  // It came to the relay's port `udp_port`.
  void Handle(Instant now, const Origin& origin, uint16_t udp_port,
              const protocol::MapBind& message);

  // Where a datagram of `size` bytes goes that came to `udp_port` and is no bind; nullopt: nowhere, which is counted.
  struct Target {
    wire::Endpoint to;
    LocalAddressId local_address = 0;
  };
  std::optional<Target> Forward(Instant now, uint16_t udp_port, const wire::Arrival& arrival,
                                size_t size);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now);
  // The oldest first.
  std::optional<Outgoing> NextOutgoing();

  // A node's registrations, or the keys that it allows, have changed: ends what they let it have no more.
  void Recheck(const KeyId& node);
  // Ends the channels of a node.
  void Forget(const KeyId& id) { table_.EndOf(id); }
  // Ends those of nodes of which this is not true.
  void EndUnless(absl::FunctionRef<bool(const wire::PublicKey&)> admitted);

  struct Counts {
    bool on = false;
    uint64_t ports = 0;
    uint64_t pairs = 0;     // with channels
    uint64_t channels = 0;  // of these
    uint64_t open = 0;      // channels of which both ends are bound
    uint64_t requests = 0;
    uint64_t granted = 0;  // requests that got channels
    uint64_t datagrams = 0;
    uint64_t bytes = 0;
    // What was not forwarded: from an address that is not bound there, or to a node that is not; more than the pair's
    // rate; more than it may send in a day.
    uint64_t dropped_unbound = 0;
    uint64_t dropped_rate = 0;
    uint64_t dropped_bytes = 0;
    // Requests of nodes that may, by what there was too little of.
    uint64_t refused_pairs = 0;     // of pairs in all
    uint64_t refused_channels = 0;  // of UDP ports that both nodes have free
    uint64_t refused_bytes = 0;     // of what the pair may send in a day
    friend bool operator==(const Counts&, const Counts&) = default;
  };
  Counts counts() const;

 private:
  using Pair = ChannelTable::Pair;
  // The other node of a pair is told of the channels until it binds them. What it was told of is remembered for
  // kRelayTellAnew.
  struct Telling {
    KeyId to;
    int attempt = 0;  // kRelayTellings: it has been told
    Instant next{};   // it is told again, or forgotten
    Instant began{};
  };

  // Its ports that are registered, by number.
  static std::vector<ChannelEnd> EndsOf(const Record& record);
  void Answer(Instant now, const Origin& origin, const protocol::MapRelay& message,
              const std::vector<ChannelEnd>& asker, const Record* other);
  // Makes the channels that the pair has not got yet.
  void MakeChannels(Instant now, Network network, const std::vector<ChannelEnd>& a,
                    const std::vector<ChannelEnd>& b);
  protocol::MapRelayed Relayed(const wire::PublicKey& about) const;
  std::vector<protocol::MapChannel> ChannelsOf(const Pair& pair, const KeyId& reader);
  void Apply(Instant now, const Origin& origin, const protocol::MapBind& message, bool allowed);
  protocol::MapBound Bound(Instant now, const Origin& origin, uint32_t channel, uint16_t port,
                           protocol::BindState state);
  uint16_t LifetimeSeconds() const;
  bool HasBound(const Pair& pair, const KeyId& node);
  void BeginTelling(Instant now, const Pair& pair, const KeyId& to, bool fresh);
  void SetNext(const Pair& pair, Telling& telling, Instant next);
  void Tell(const Pair& pair, const Telling& telling);

  Duration lifetime_;
  RelayTerms terms_;
  Store& store_;
  wire::DropCounters& drops_;
  Challenger challenger_;
  ChannelTable table_;
  std::map<Pair, Telling> tellings_;
  std::set<std::pair<Instant, Pair>> next_tellings_;  // when each is due
  std::deque<Outgoing> outgoing_;
  Counts counts_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_RELAY_RELAY_H_
