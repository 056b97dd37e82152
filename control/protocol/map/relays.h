// A node's end of the channels of one map's relay (map-server/relay): it asks for them where no path leads to a peer,
// binds its end of each from the port that it is for, and says again and again that it is there.
//
//   wanted ──► relay ──► relayed ──► bind ──► bound (echo) ──► bind ──► bound (half), (open)
//             relayed, unasked ──►                                                      └─► an endpoint
//   not wanted any more ──► bind (not needed) ──► bound (ended), where the peer has no need of it either
//
// An open channel is an endpoint of the peer, for that port alone. What a map says here leads to no address but the
// map's own.
#ifndef WARP_CONTROL_PROTOCOL_MAP_RELAYS_H_
#define WARP_CONTROL_PROTOCOL_MAP_RELAYS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/map/map_driver.h"
#include "control/protocol/map/map_lookups.h"
#include "control/protocol/map/map_message.h"

namespace warp::protocol {

class MapRelays {
 public:
  // `identity` gives the jitter, and outlives this.
  explicit MapRelays(Identity& identity) : identity_(identity) {}

  void SetPeers(Instant now, std::span<const wire::PublicKey> peers);
  // Whether no path leads to the peer, so that a relay is better than nothing.
  void SetWanted(Instant now, const wire::PublicKey& peer, bool wanted);
  // The map has said endpoints of the peer, so that it may relay to it.
  void NoteKnown(Instant now, const wire::PublicKey& peer);
  // The session is new: the map may have lost all it knew.
  void Restart(Instant now);
  // The map knows another port of ours, which may lead where the others do not: channels are asked for again wherever
  // they are wanted.
  void NotePort(Instant now);
  // A NAT before the port may have another mapping now.
  void LookAgain(Instant now, PortId port);

  wire::Drop HandleRelayed(Instant now, MessageOrder order, const MapRelayed& message);
  wire::Drop HandleBound(Instant now, const Arrival& arrival, MessageOrder order,
                         const MapBound& message);

  // Something of a peer's came by this route. Where a channel leads there it is open, be it that the map's word of that
  // was lost. True: it was not known to be.
  bool NoteForwarded(const Route& route);

  // Whom to ask for now. `known`: since when the map has said endpoints of the peer; nullopt: it has not, so that it
  // has nobody to relay to. `retry` is how long to wait for the first answer.
  struct Ask {
    uint64_t request = 0;
    wire::PublicKey key;
    int tries = 0;
  };
  using KnownFunction = absl::FunctionRef<std::optional<Instant>(const wire::PublicKey&)>;
  std::vector<Ask> TakeAsks(Instant now, Duration retry, KnownFunction known);
  // The binds that are due, without their order. `routes`: by which the port reaches the map, at its own UDP port.
  struct Bind {
    Route route;  // to the channel
    MapBind message;
  };
  using RoutesFunction = absl::FunctionRef<std::vector<Route>(PortId)>;
  std::vector<Bind> TakeBinds(Instant now, Duration retry, RoutesFunction routes);
  Instant NextTimeout() const;

  // The endpoints of each peer of which they have changed since the last call.
  std::vector<RelayedEndpoints> TakeFound();

 private:
  struct Channel {
    uint32_t id = 0;
    PortId port = 0;
    uint16_t udp_port = 0;
    wire::Endpoint at;  // where the last bind went; port 0: none did
    MapChallenge echo{};
    int echoes = 0;   // in a row
    int tries = 0;    // binds without an answer
    Instant next{};   // when to bind (again)
    Instant until{};  // it has ended where nothing is heard of it by then
    MessageOrder heard{};
    bool open = false;
  };
  struct Peer {
    bool wanted = false;
    Instant next = kNever;  // when to ask (again)
    std::optional<Instant> asked;
    std::optional<Instant> renewed;  // when the map last told of channels that were new
    int tries = 0;
    MessageOrder heard{};
    Duration lifetime = kMapLifetime;
    std::vector<Channel> channels;
    std::vector<Route> found;
  };

  void Changed() {
    changed_ = true;
    next_.reset();
  }
  void AskSoon(Instant now, Peer& peer);
  void Expire(Instant now);

  Identity& identity_;
  std::map<wire::PublicKey, Peer> peers_;
  bool off_ = false;                     // the map relays nothing, as it has said last
  Instant off_until_{};                  // nobody is asked for before; then for one peer, to see
  bool changed_ = false;                 // since TakeFound
  mutable std::optional<Instant> next_;  // as computed last; nullopt: compute it anew
  uint64_t next_request_ = 1;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_RELAYS_H_
