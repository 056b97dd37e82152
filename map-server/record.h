// What the map knows of one key: its registrations and the keys that may ask for them.
#ifndef WARP_MAP_SERVER_RECORD_H_
#define WARP_MAP_SERVER_RECORD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/map/map_message.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"
#include "map-server/network.h"
#include "map-server/stored.h"

namespace warp::map {

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

  std::span<const wire::Endpoint> Candidates() const { return {candidates.get(), candidate_count}; }
};

// A record as a store shows it. It is valid as long as nothing changes in the store.
class Record {
 public:
  Record(const StoredRecord& stored, const Slab<StoredRegistration>& registrations)
      : stored_(stored), registrations_(registrations) {}

  const wire::PublicKey& key() const { return stored_.key; }

  bool Allows(const KeyId& id) const;
  const AllowDigest& allow_digest() const { return stored_.digest; }
  std::span<const KeyTag> allow() const { return stored_.allow.tags(); }

  bool live() const;  // has a registration that was not withdrawn
  // Of each registration, the oldest first. Withdrawn ones are among them.
  void ForEach(absl::FunctionRef<void(const StoredRegistration&)> see) const;
  const StoredRegistration& first() const { return registrations_[stored_.first]; }
  // The addresses at which the map sees its ports.
  std::vector<wire::IpAddress> Observed() const;
  // Whether somebody who is observed at `reader` is behind the same NAT or on the same link (SameSite).
  bool SharesSite(std::span<const wire::IpAddress> reader) const;
  // What somebody who is observed at `reader` may hear: the observed address of every port that datagrams reach, then
  // the ports' own addresses; without repetition, kMapMaxEndpoints at most. A private address that the map does not see
  // itself is for readers of the same site (network.h) alone.
  std::vector<wire::Endpoint> Endpoints(std::span<const wire::IpAddress> reader) const;
  // Whether `from` is the verified address of `port` now, by UDP or in a TLS connection as what came to `to` has.
  bool Verified(uint16_t port, const wire::Endpoint& from, LocalAddressId to) const;

 private:
  const StoredRecord& stored_;
  const Slab<StoredRegistration>& registrations_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_RECORD_H_
