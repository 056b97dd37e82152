// Keeps what is known of a peer's endpoints, and from whom: config, each map, what the peer announces on a link of ours
// (lan/lan_discovery.h), and its own probes.
//
// Every source has kMaxEndpoints at most. A source may replace its own list, but an endpoint that it no longer names
// stays as long as a path to it is active. A learned endpoint belongs to the remote port whose probe came from it. Each
// remote port has kMaxLearnedPerPort of them, and a newer one takes the place of the least useful, never of one that
// carries payloads. A learned endpoint is forgotten when no path to it has been active for a while.
#ifndef WARP_CONTROL_PROTOCOL_PATH_ENDPOINT_BOOK_H_
#define WARP_CONTROL_PROTOCOL_PATH_ENDPOINT_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

// kRelay: a map says that its relay forwards from there.
enum class EndpointSource : uint8_t { kConfig, kMap, kLan, kRelay, kLearned };

// A map that says something of one key of a peer, by the key's number (KeySuccession). Each key has an instance of its
// own: somebody who has stolen an old one must not replace what is known of another. In the order of instances a newer
// key comes before an older one.
struct MapInstance {
  uint32_t map = 0;
  uint64_t key_number = 0;

  static MapInstance Of(uint64_t instance) {
    return {static_cast<uint32_t>(instance), ~instance >> 32};
  }
  uint64_t instance() const { return ~key_number << 32 | map; }
};

class EndpointBook {
 public:
  // Whether a path to the endpoint is active now.
  using ActiveFunction = absl::FunctionRef<bool(const wire::Endpoint&)>;

  // `endpoints` are acceptable (AcceptableEndpoint), and the first kMaxEndpoints count. `instance` is that of a
  // MapInstance. In the configuration it is PortState::number of the only port that leads to these endpoints, or 0; of
  // what was announced it is the PortId of the port on whose link it was.
  void Replace(Instant now, EndpointSource source, uint64_t instance,
               std::span<const wire::Endpoint> endpoints, ActiveFunction active);
  // The same of kRelay, each endpoint for one port of ours alone.
  void ReplaceRelayed(Instant now, uint64_t instance, std::span<const Route> routes,
                      ActiveFunction active) {
    ReplaceAll(now, EndpointSource::kRelay, instance, routes, active);
  }
  // Such instances of the source know nothing any more: as Replace by nothing. False: they knew nothing.
  using InstanceFunction = absl::FunctionRef<bool(uint64_t instance)>;
  bool Withdraw(EndpointSource source, InstanceFunction which, ActiveFunction active);
  // What each instance of the source has told is another's from now on, of which there was none.
  void Renumber(EndpointSource source, absl::FunctionRef<uint64_t(uint64_t instance)> to);

  // Of how much use an endpoint is.
  enum class Use : uint8_t { kIdle, kActive, kCarries };
  using UseFunction = absl::FunctionRef<Use(const wire::Endpoint&)>;

  // The newest probe of `remote_port` came in from `route.remote`, on `route.port` and at the address `local` of ours:
  // see Path::NoteLocal. Where there are too many endpoints, the one of least use makes room, of several that whose
  // probes are oldest. False when nothing changed: the endpoint is known, or all others carry payloads.
  bool Learn(Instant now, const Route& route, const wire::IpAddress& local, uint16_t remote_port,
             UseFunction use);

  // Forgets what is due. True when something was due.
  bool Expire(Instant now, Duration learned_lifetime, ActiveFunction active);
  // When Expire should be called next.
  Instant NextExpiry(Duration learned_lifetime) const;

  struct Known {
    wire::Endpoint endpoint;
    // Of a relay's; and of a link-local address that was learned or announced, which means something on this port's
    // link alone.
    std::optional<PortId> port;
    // Who has told of it. Of several, the first in the order of their kinds and instances: a learned endpoint is known
    // from the peer's probes alone.
    EndpointSource source = EndpointSource::kConfig;
    uint64_t instance = 0;
    // Of a learned one, as the newest probe told.
    PortId heard_on = 0;
    wire::IpAddress local = {};

    bool learned() const { return source == EndpointSource::kLearned; }
    bool relayed() const { return source == EndpointSource::kRelay; }
    // The number of the port that the configuration binds it to; 0: none.
    uint32_t bound_to() const {
      return source == EndpointSource::kConfig ? static_cast<uint32_t>(instance) : 0;
    }
    bool Covers(const Known& other) const {
      const bool anywhere = !port && bound_to() == 0;
      return endpoint == other.endpoint &&
             (anywhere || (port == other.port && bound_to() == other.bound_to()));
    }
  };
  // All endpoints, each once for the ports that it is of, by source and instance. The learned ones begin with that
  // whose probe is newest, since a peer that has moved is there.
  std::vector<Known> All() const;
  size_t Count(EndpointSource source) const;

 private:
  struct Entry {
    wire::Endpoint endpoint;
    EndpointSource source;
    uint64_t instance = 0;
    PortId port = 0;           // learned, or of a relay
    wire::IpAddress local;     // learned
    uint16_t remote_port = 0;  // learned
    Instant newest;            // learned: when the newest probe of the port came from it
    Instant useful;            // learned: when a path to it was active last, or when it was learned
    bool withdrawn = false;    // its source no longer names it
  };
  void ReplaceAll(Instant now, EndpointSource source, uint64_t instance,
                  std::span<const Route> routes, ActiveFunction active);

  std::vector<Entry> entries_;
};

// Returns whether somebody else can have this endpoint. It must not be multicast or unspecified, or have port 0. It may
// be loopback only if that is allowed.
bool AcceptableEndpoint(const wire::Endpoint& endpoint, bool allow_loopback);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_ENDPOINT_BOOK_H_
