// How a Node drives its end of a session with a map, whatever that does. MapClient (map_client.h) implements it.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_DRIVER_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_DRIVER_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/protocol/opened_message.h"
#include "control/protocol/port_state.h"
#include "control/protocol/session/association.h"

namespace warp::protocol {

struct MapRegistration {
  PortId port = 0;
  wire::Endpoint endpoint;  // as the map saw it
};

// A port whose registers the map has not answered since then.
struct MapSilence {
  PortId port = 0;
  Instant since;
};

struct MapStatus {
  wire::PublicKey public_key;
  wire::PublicKey own;                    // by which it knows us; zero: by the newest
  std::vector<wire::Endpoint> endpoints;  // of the map
  std::optional<wire::Endpoint>
      serving;        // the address of the map that answered last; none: not registered
  std::string state;  // "connecting", "connected", "registered", "silent"
  std::string reason;
  std::vector<MapRegistration> registrations;
  std::vector<MapSilence> silent;
};

// Endpoints that the map gave for a peer. An empty list is never reported, because it changes nothing.
struct FoundEndpoints {
  wire::PublicKey peer;
  std::vector<wire::Endpoint> endpoints;
};

// The endpoints at which a map's relay forwards to a peer now, each for one port of ours alone.
struct RelayedEndpoints {
  wire::PublicKey peer;
  std::vector<Route> endpoints;
};

class MapDriver {
 public:
  virtual ~MapDriver() = default;

  // Node gives it responses, cookies, confirm and close, by the session index.
  virtual Association& association() = 0;

  // All ports, whenever one of them changed.
  virtual void SetPorts(Instant now, const std::map<PortId, PortState>& ports) = 0;
  // All peers, whenever the set changed: they are looked up, and they may ask for us.
  virtual void SetPeers(Instant now, std::span<const wire::PublicKey> peers) = 0;
  // The peer cannot be reached, so another lookup may help. The driver limits how often it asks.
  virtual void LookUpAgain(Instant now, const wire::PublicKey& peer) = 0;

  // Whether no path leads to the peer. Where the map has a relay, it is asked for that.
  virtual void SetRelayWanted(Instant, const wire::PublicKey&, bool) {}
  // Those of each peer of which they have changed since the last call.
  virtual std::vector<RelayedEndpoints> TakeRelayed() { return {}; }
  // A peer's probe came by this route, which was not known. True: it is a relay's, as TakeRelayed says now.
  virtual bool NoteForwarded(const Route&) { return false; }

  // A NAT before this port may have lost its mapping: the map may see the port elsewhere now. The driver limits how
  // often it asks.
  virtual void LookAgain(Instant, PortId) {}
  // The addresses at which the map sees us, where they changed since the last call.
  virtual std::optional<std::vector<wire::IpAddress>> TakeOutside() { return std::nullopt; }

  // A map message of the map's session, after the association's NoteAuthentic.
  virtual wire::Drop HandleControl(Instant now, const OpenedMessage& opened, Outbox& outbox) = 0;

  // Both include the association's timers.
  virtual Instant NextTimeout() const = 0;
  virtual void HandleTimeout(Instant now, Outbox& outbox) = 0;

  // What was found since the last call.
  virtual std::vector<FoundEndpoints> TakeFound() = 0;

  // Deregisters and says close.
  virtual void Shutdown(Instant now, Outbox& outbox) = 0;

  virtual MapStatus Status() const = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_DRIVER_H_
