// Where an opened message came from, and where one goes that is to be sealed.
#ifndef WARP_MAP_SERVER_REGISTRY_ORIGIN_H_
#define WARP_MAP_SERVER_REGISTRY_ORIGIN_H_

#include "control/protocol/map/map_message.h"
#include "map-server/stored.h"

namespace warp::map {

// The origin of an opened message.
struct Origin {
  wire::PublicKey key;  // who sealed it
  KeyId id;             // KeyId::Of(key)
  wire::Endpoint from;
  LocalAddressId local_address = 0;
};

// A message to be sealed for `to` and sent from `local_address` to `at`.
struct Outgoing {
  wire::PublicKey to;
  wire::Endpoint at;
  LocalAddressId local_address = 0;
  protocol::MapMessage message;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_ORIGIN_H_
