// The registrations of this node's ports at one map. There is one for each (port, address family) that can reach the
// map:
//
//                  port up              registered(echo)
//        (none) ─────────────► Waiting ─────────────────► the same, with the echo, at once
//           ▲                  ▲     │ registered(published)
//           │ port down:       │     ▼
//           └─ deregister      └─ Published ── refresh time, new address, new session: register again
//                  registered(stale): again, in an epoch that is not below the one that stands
//                  no answer: again, with back-off; kMapSilentRequests without a word from the map: a new handshake
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_REGISTRATIONS_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_REGISTRATIONS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "control/protocol/handshake/identity.h"
#include "control/protocol/map/map_driver.h"
#include "control/protocol/map/map_lookups.h"
#include "control/protocol/map/map_message.h"

namespace warp::protocol {

// A port as it reaches the map over one address family.
struct PortFamily {
  PortId port = 0;
  bool v6 = false;

  bool Has(const wire::IpAddress& address) const { return address.is_v4() != v6; }
  friend auto operator<=>(const PortFamily&, const PortFamily&) = default;
};

class MapRegistrations {
 public:
  struct Options {
    // Of the map; several of one family are tried in turn. One that serves stays until it does not answer, also where
    // it is not named any more.
    std::vector<wire::Endpoint> endpoints;
    uint16_t listen_port = wire::kDefaultPort;
    Duration refresh = kMapRefresh;
  };
  // `identity` outlives this.
  MapRegistrations(Identity& identity, Options options)
      : identity_(identity), options_(std::move(options)), epoch_(identity.NextTimestamp()) {}

  // --- What happens. The first two are true when there are ways to the map that were not there before. ---

  bool SetEndpoints(Instant now, std::vector<wire::Endpoint> endpoints);  // not empty
  bool SetPorts(Instant now, const std::map<PortId, PortState>& ports);
  // The map has answered from this address: ports of its family try it next, and of those that are registered only
  // where `all` are to.
  void Prefer(const wire::Endpoint& endpoint, bool all);
  // What is registered has changed for all ports, for example the allow list.
  void Renew(Instant now);
  // The map may see the port elsewhere than it did.
  void LookAgain(Instant now, PortId port);
  // The session is new, and the map may have lost all it knew.
  void Restart(Instant now);
  // The map's answer to a register. kTooOld where a later one was heard, or it came by another port.
  wire::Drop HandleRegistered(Instant now, const Arrival& arrival, MessageOrder order,
                              const MapRegistered& message);
  // Forgets ports and registrations.
  void Clear();

  // --- What to send. ---

  struct Due {
    Route route;
    MapRegister message;
  };
  Instant NextTimeout() const;  // includes the ports to be withdrawn
  // The registers that are due, without the allow list. Each is due again when it gets no answer.
  std::vector<Due> TakeDue(Instant now);
  // The order of the next message: higher than of all before it, to this map and to others.
  MapOrder NextOrder() { return {epoch_, identity_.NextTimestamp()}; }
  // When the first of too many registers without an answer was sent. It is given once; nullopt: no answer is missing.
  std::optional<Instant> TakeUnanswered() { return std::exchange(unanswered_, std::nullopt); }
  // Whether a port has become known to the map since the last call.
  bool TakeFresh() { return std::exchange(fresh_, false); }

  // Ports that went down since the last call. A deregister takes both address families along, so the port's other
  // family is registered again afterwards.
  std::vector<PortId> TakeWithdrawn(Instant now);

  // --- What is. ---

  // Returns a way from every port to every address of the map that the port reaches, and to each of `more`.
  std::vector<Way> Ways(std::span<const wire::Endpoint> more = {}) const;
  // Returns the routes whose registration is published, the one heard from last first. Messages that need no particular
  // port use them.
  std::vector<std::pair<PortFamily, Route>> PublishedRoutes() const;
  std::vector<MapRegistration> Published() const;
  std::vector<MapSilence> Unanswered() const;
  bool any_published() const;
  // Whether a port is among them that reaches the map alone, in a connection.
  bool in_connection() const;
  const std::vector<wire::Endpoint>& endpoints() const { return options_.endpoints; }
  bool empty() const { return entries_.empty(); }
  // Whether each address of the map is one of our ports': by a mistake, or by a name server that lies.
  bool only_own() const;
  bool refused() const;
  // How long to wait for an answer of the map, the first time.
  Duration Retry() const { return std::max<Duration>(kMapRetry, round_trip_ * 2); }

 private:
  struct Entry {
    wire::Endpoint at;  // the address of the map that it registers at
    MapChallenge echo{};
    int echoes = 0;   // in a row
    int stales = 0;   // in a row
    int tries = 0;    // registers without an answer
    Instant next{};   // when to register (again)
    Instant asked{};  // the first of the registers without an answer
    Instant sent{};   // the last register
    bool published = false;
    bool refused = false;
    wire::Endpoint observed;
    MessageOrder heard{};
    Instant heard_at{};
  };

  bool Carries(const PortFamily& family) const;
  bool Stays(const PortFamily& family, const Entry& entry) const;
  std::vector<wire::Endpoint> EndpointsOf(const PortFamily& family) const;
  void Advance(const PortFamily& family, Entry& entry) const;
  bool Reaches(const PortFamily& family, const wire::Endpoint& map) const;
  bool Update(Instant now);
  void HandleStale(Instant now, Entry& entry, uint64_t standing);
  std::vector<wire::Endpoint> Candidates(PortId port) const;

  Identity& identity_;
  Options options_;
  uint64_t epoch_;
  std::map<PortId, PortState> ports_;
  std::map<PortFamily, Entry> entries_;
  std::vector<PortId> withdrawn_;
  std::optional<Instant> unanswered_;
  bool fresh_ = false;
  Duration round_trip_{};  // smoothed, of registers
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_REGISTRATIONS_H_
