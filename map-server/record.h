// What the map knows of one key: its registrations and the keys that may ask for them. A million records must fit one
// small machine, so every byte counts here.
#ifndef WARP_MAP_SERVER_RECORD_H_
#define WARP_MAP_SERVER_RECORD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"
#include "map-server/network.h"

namespace warp::map {

using protocol::AllowDigest;
using protocol::KeyId;
using wire::Duration;
using wire::Instant;

// The node chooses it, so it holds after a restart of the map and at other maps.
using Order = protocol::MapOrder;

// Which of the map's own addresses a datagram came to, and an answer must leave from. LocalAddresses gives the number.
using LocalAddressId = uint16_t;

// One port of one key, over IPv4 or over IPv6, at a verified address.
struct Registration {
  uint16_t port = 0;
  LocalAddressId local_address = 0;
  // With port 0 it is deregistered, and kept so that an older message cannot bring it back.
  wire::Endpoint observed;
  uint8_t candidate_count = 0;
  std::unique_ptr<wire::Endpoint[]> candidates;
  Order order;
  Instant expires;
  uint32_t share = 0;  // the store's: its place among the registrations of its network

  bool v6() const { return !observed.address.is_v4(); }
  bool live() const { return observed.port != 0; }
  std::span<const wire::Endpoint> Candidates() const { return {candidates.get(), candidate_count}; }
};

class Record {
 public:
  explicit Record(const wire::PublicKey& key) : key_(key) {}

  const wire::PublicKey& key() const { return key_; }

  bool Allows(const KeyId& id) const;
  const AllowDigest& allow_digest() const { return digest_; }
  std::span<const KeyId> allow() const { return {allow_.get(), allow_count_}; }
  // Sorted, without repetition.
  void SetAllow(const AllowDigest& digest, std::span<const KeyId> ids);

  bool live() const;  // has a registration that was not withdrawn
  // The addresses at which the map sees its ports.
  std::vector<wire::IpAddress> Observed() const;
  // Whether somebody who is observed at `reader` is behind the same NAT or on the same link (SameSite).
  bool SharesSite(std::span<const wire::IpAddress> reader) const;
  // What somebody who is observed at `reader` may hear: the observed address of every port, then the ports' own
  // addresses; without repetition, kMapMaxEndpoints at most. A private address that the map does not see itself is for
  // readers of the same site (network.h) alone.
  std::vector<wire::Endpoint> Endpoints(std::span<const wire::IpAddress> reader) const;
  // Whether `from` is the verified address of `port` now.
  bool Verified(uint16_t port, const wire::Endpoint& from) const;

  // The network that the allow list is charged to, and its place among the lists there. The store's.
  struct Share {
    Network network = 0;
    uint32_t place = 0;
  };
  Share& allow_share() { return allow_share_; }

  std::span<const std::unique_ptr<Registration>> registrations() const { return registrations_; }
  std::vector<std::unique_ptr<Registration>>& mutable_registrations() { return registrations_; }

 private:
  const wire::PublicKey key_;
  AllowDigest digest_{};
  uint32_t allow_count_ = 0;
  Share allow_share_;
  std::unique_ptr<KeyId[]> allow_;
  std::vector<std::unique_ptr<Registration>> registrations_;  // at most kMaxPortsPerKey
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_RECORD_H_
