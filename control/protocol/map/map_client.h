// A node's end of its session with one map: it keeps the session, registers each port through that port
// (MapRegistrations), uploads the list of those who may ask (MapUpload), looks peers up (MapLookups) and hears of their
// changes. There is one for each configured map. They know nothing of each other, so a dead one costs nothing.
//
// One map may be several servers of one key (a shared store), which are in an order. The handshake goes to the first,
// by all its addresses, and kMapNextServer later, if nobody has answered, to the next as well, and so on. Whoever
// answers is the map until it falls silent, whatever the order has become since.
//
// The map's silence, its death and empty answers take back nothing that it told.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_CLIENT_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_CLIENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "control/protocol/map/map_driver.h"
#include "control/protocol/map/map_lookups.h"
#include "control/protocol/map/map_message.h"
#include "control/protocol/map/map_registrations.h"
#include "control/protocol/map/map_upload.h"
#include "control/protocol/map/relays.h"
#include "control/protocol/session/association.h"

namespace warp::protocol {

struct MapClientOptions {
  wire::PublicKey public_key;                 // the map's
  std::optional<wire::PublicKey> own;         // the key of ours that registers; unset: the newest
  std::vector<wire::Endpoint> endpoints;      // the map's; several of one family are tried in turn
  uint16_t listen_port = wire::kDefaultPort;  // our UDP port, which candidate addresses name
  Duration refresh = kMapRefresh;             // the longest; the map may ask for a shorter one
  Duration rekey_after = std::chrono::hours(1);
};

class MapClient : public MapDriver {
 public:
  // `identity` and `table` outlive this.
  MapClient(Identity& identity, SessionTable& table, MapClientOptions options);

  // The map's name was resolved (again): the addresses of each of its servers, in their order. Addresses that can be no
  // other machine's are left out. Where none is left, it changes nothing.
  using Servers = std::vector<std::vector<wire::Endpoint>>;
  void SetServers(Instant now, Servers servers);

  // Sessions with the map last this long from now on. Where the one in use does not, another takes its place.
  void SetRekeyAfter(Instant now, Duration rekey_after);

  // --- MapDriver. ---
  Association& association() override { return association_; }
  void SetPorts(Instant now, const std::map<PortId, PortState>& ports) override;
  void SetPeers(Instant now, std::span<const wire::PublicKey> peers) override;
  void LookUpAgain(Instant now, const wire::PublicKey& peer) override {
    lookups_.LookUpAgain(now, peer);
  }
  void LookAgain(Instant now, PortId port) override {
    registrations_.LookAgain(now, port);
    relays_.LookAgain(now, port);
  }
  void SetRelayWanted(Instant now, const wire::PublicKey& peer, bool wanted) override {
    relays_.SetWanted(now, peer, wanted);
  }
  std::vector<RelayedEndpoints> TakeRelayed() override { return relays_.TakeFound(); }
  bool NoteForwarded(const Route& route) override { return relays_.NoteForwarded(route); }
  std::optional<std::vector<wire::IpAddress>> TakeOutside() override;
  wire::Drop HandleControl(Instant now, const OpenedMessage& opened, Outbox& outbox) override;
  Instant NextTimeout() const override;
  void HandleTimeout(Instant now, Outbox& outbox) override;
  std::vector<FoundEndpoints> TakeFound() override;
  void Shutdown(Instant now, Outbox& outbox) override;
  MapStatus Status() const override;

 private:
  wire::Drop On(Instant now, const OpenedMessage& opened, const MapRegistered& message,
                Outbox& outbox);
  wire::Drop On(Instant now, const OpenedMessage& opened, const MapAllowed& message,
                Outbox& outbox);
  wire::Drop On(Instant now, const OpenedMessage& opened, const MapEndpoints& message,
                Outbox& outbox);
  wire::Drop On(Instant now, const OpenedMessage& opened, const MapPush& message, Outbox& outbox);
  wire::Drop On(Instant now, const OpenedMessage& opened, const MapRelayed& message, Outbox&) {
    return relays_.HandleRelayed(now, OrderOf(opened), message);
  }
  wire::Drop On(Instant now, const OpenedMessage& opened, const MapBound& message, Outbox&) {
    return relays_.HandleBound(now, opened.arrival, OrderOf(opened), message);
  }
  template <typename MessageOfANode>
  wire::Drop On(Instant, const OpenedMessage&, const MessageOfANode&, Outbox&) {
    return wire::Drop::kMalformed;  // only nodes say this
  }

  MessageOrder OrderOf(const OpenedMessage& opened) const;
  void Greet(Instant now, bool more_routes);
  std::vector<Way> Ways() const;
  void FollowAnswer(Instant now);
  void WidenReach(Instant now);
  void NoticeSession(Instant now);
  void Register(Instant now, Outbox& outbox);
  void Withdraw(Instant now, Outbox& outbox);
  void Ask(Instant now, Outbox& outbox);
  void AskForRelays(Instant now, Outbox& outbox);
  void Found(const wire::PublicKey& key, const std::vector<wire::Endpoint>& endpoints);

  const wire::PublicKey map_;
  Association association_;
  std::shared_ptr<wire::Session> session_;  // the association's send session as last seen
  Servers servers_;
  bool unnamed_ = false;    // the first is named no more, and stays until another has answered
  size_t server_ = 0;       // the one that serves, or is tried first
  size_t reach_ = 1;        // servers that handshakes go to, from it on; 0: only where it serves
  Instant widen_ = kNever;  // when they go to one more
  MapRegistrations registrations_;  // at that server
  MapUpload upload_;
  MapLookups lookups_;
  MapRelays relays_;
  std::vector<FoundEndpoints> found_;
  std::vector<wire::IpAddress> outside_;  // as TakeOutside gave them last
  std::optional<uint64_t> version_;       // of what the map has told us, in this session
  bool silent_ = false;
  bool connecting_ = false;  // Connect was called once
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_CLIENT_H_
