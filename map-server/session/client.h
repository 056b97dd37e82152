// A node that has, or is about to have, sessions with this map.
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_H_

#include <list>

#include "control/protocol/map/map_message.h"
#include "control/protocol/session/association.h"
#include "control/protocol/token_bucket.h"
#include "map-server/constants.h"
#include "map-server/record.h"

namespace warp::map {

// Its association, with what the map needs beside it. All associations in the map's SessionTable are clients.
struct Client : protocol::Association {
  Client(protocol::Identity& identity, protocol::SessionTable& table, const wire::PublicKey& key,
         Duration rekey_after, Network from)
      : Association(identity, table,
                    protocol::MapAssociation(key, rekey_after, /*initiates=*/false)),
        id(KeyId::Of(key)),
        network(from) {}

  const KeyId id;
  const Network
      network;  // from which its first initiation came, and to which its first response went
  bool proven = false;  // something authentic came from it, so it received that response
  wire::Route route;    // where it was heard from last
  protocol::TokenBucket messages{kMessageBurst, kMessagesPerSecond};
  Instant timer = wire::kNever;  // when the table looks at it next
  // The table's: in the group that it is in.
  std::list<Client*>::iterator place;
  std::list<Client*>::iterator place_in_network;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_H_
