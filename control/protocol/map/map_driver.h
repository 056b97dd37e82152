// How a Node drives its end of a map session, whatever that does. Implemented by MapClient
// (map_client.h).
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_DRIVER_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_DRIVER_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/protocol/port_state.h"
#include "control/protocol/session/association.h"

namespace warp::protocol {

struct MapRegistration {
  PortId port = 0;
  wire::Endpoint endpoint;  // as the map saw it
};

struct MapStatus {
  wire::PublicKey public_key;
  std::vector<wire::Endpoint> endpoints;  // of the map
  std::string state;                      // "connecting", "connected", "registered", "silent"
  std::string reason;
  std::vector<MapRegistration> registrations;
};

// Endpoints that the map gave for a peer. An empty list is never reported: it changes nothing.
struct FoundEndpoints {
  wire::PublicKey peer;
  std::vector<wire::Endpoint> endpoints;
};

class MapDriver {
 public:
  virtual ~MapDriver() = default;

  // Node routes responses, cookies and sealed messages to it by the session index.
  virtual Association& association() = 0;

  // All ports, whenever one of them changed.
  virtual void SetPorts(Instant now, const std::map<PortId, PortState>& ports) = 0;
  // All peers, whenever the set changed: whom to look up, and who may ask for us.
  virtual void SetPeers(Instant now, std::span<const wire::PublicKey> peers) = 0;
  // The peer cannot be reached: worth another lookup (the driver limits how often).
  virtual void Seek(Instant now, const wire::PublicKey& peer) = 0;

  // Of a response: the association took it. Then HandleTimeout is due at once.
  // A sealed control message of the map's session other than confirm and close (Node does those);
  // NoteAuthentic was done. nullopt when it was taken.
  virtual std::optional<wire::Drop> HandleControl(Instant now, const Arrival& arrival,
                                                  const wire::Session* session, uint64_t counter,
                                                  wire::Bytes plaintext, Outbox& outbox) = 0;

  // Drives the association's timers too.
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
