// A node's end of its session with one map: keeps it, registers each port through that port, looks peers up, hears of
// their changes. One for each configured map; they know nothing of each other, so a dead one costs nothing.
//
// A registration, for each (port, address family) that can reach the map:
//
//                  port up              registered(echo)
//        (none) ─────────────► Waiting ─────────────────► the same, with the echo, at once
//           ▲                  ▲     │ registered(published)
//           │ port down:       │     ▼
//           └─ deregister      └─ Published ── refresh time, new address, new session: register again
//                  no answer: again, with back-off; kMapSilentRequests without a word from the map: a new handshake
//
// What the map told stays told: its silence, its death and empty answers take nothing back.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_CLIENT_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_CLIENT_H_

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "control/protocol/map/map_driver.h"
#include "control/protocol/map/map_lookups.h"
#include "control/protocol/map/map_message.h"
#include "control/protocol/map/map_upload.h"
#include "control/protocol/session/association.h"

namespace warp::protocol {

struct MapClientOptions {
  wire::PublicKey public_key;             // the map's
  std::vector<wire::Endpoint> endpoints;  // where it is; several of one family are tried in turn
  uint16_t listen_port = wire::kDefaultPort;  // our UDP port, of the candidate addresses
  Duration refresh = kMapRefresh;             // at the latest; the map may want it sooner
  Duration rekey_after = std::chrono::hours(1);
};

class MapClient : public MapDriver {
 public:
  // `local` outlives this.
  MapClient(Local& local, MapClientOptions options);

  // The map's name was resolved (again). An empty list changes nothing.
  void SetEndpoints(Instant now, std::vector<wire::Endpoint> endpoints);

  // --- MapDriver ---
  Association& association() override { return association_; }
  void SetPorts(Instant now, const std::map<PortId, PortState>& ports) override;
  void SetPeers(Instant now, std::span<const wire::PublicKey> peers) override;
  void Seek(Instant now, const wire::PublicKey& peer) override { lookups_.Seek(now, peer); }
  std::optional<wire::Drop> HandleControl(Instant now, const Arrival& arrival,
                                          const wire::Session* session, uint64_t counter,
                                          wire::Bytes plaintext, Outbox& outbox) override;
  Instant NextTimeout() const override;
  void HandleTimeout(Instant now, Outbox& outbox) override;
  std::vector<FoundEndpoints> TakeFound() override;
  void Shutdown(Instant now, Outbox& outbox) override;
  MapStatus Status() const override;

 private:
  struct Place {
    PortId port = 0;
    bool v6 = false;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Registering {
    size_t endpoint = 0;  // which of the map's addresses of this family, modulo their number
    MapChallenge echo{};
    int echoes = 0;   // in a row
    int tries = 0;    // registers without an answer
    Instant next{};   // when to register (again)
    Instant asked{};  // the first of the registers without an answer
    bool published = false;
    bool refused = false;
    wire::Endpoint observed;
    MessageOrder heard{};
    Instant heard_at{};
  };
  using Registrations = std::map<Place, Registering>;

  std::optional<wire::Drop> On(Instant now, const Arrival& arrival, MessageOrder order,
                               const MapRegistered& message, Outbox& outbox);
  std::optional<wire::Drop> On(Instant now, const Arrival& arrival, MessageOrder order,
                               const MapAllowed& message, Outbox& outbox);
  std::optional<wire::Drop> On(Instant now, const Arrival& arrival, MessageOrder order,
                               const MapEndpoints& message, Outbox& outbox);
  std::optional<wire::Drop> On(Instant now, const Arrival& arrival, MessageOrder order,
                               const MapPush& message, Outbox& outbox);
  template <typename MessageOfANode>
  std::optional<wire::Drop> On(Instant, const Arrival&, MessageOrder, const MessageOfANode&,
                               Outbox&) {
    return wire::Drop::kMalformed;  // only nodes say this
  }

  std::vector<Route> Routes() const;
  std::optional<Route> RouteOf(const Place& place, const Registering& registering) const;
  // Published ones, the one heard from last first: where to send what needs no particular port.
  std::vector<std::pair<Place, Route>> PublishedRoutes() const;
  std::vector<wire::Endpoint> Candidates(PortId port) const;
  void UpdatePlaces(Instant now);
  void NoticeSession(Instant now);
  void Register(Instant now, const Place& place, Registering& registering, Outbox& outbox);
  void Withdraw(Instant now, Outbox& outbox);
  void Ask(Instant now, Outbox& outbox);
  void Found(const wire::PublicKey& key, const std::vector<wire::Endpoint>& endpoints);
  Duration Retry() const;

  Local& local_;
  MapClientOptions options_;
  Association association_;
  std::shared_ptr<wire::Session> session_;  // the association's send session as last seen
  std::map<PortId, PortState> ports_;
  Registrations registrations_;
  std::vector<PortId> withdrawn_;  // ports that went down since the last turn
  MapUpload upload_;
  MapLookups lookups_;
  std::vector<FoundEndpoints> found_;
  Duration round_trip_{};  // smoothed, of registers
  bool silent_ = false;
  bool connecting_ = false;  // Connect was called once
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_CLIENT_H_
