// The challenge that an address must echo before the map publishes it or sends anything unasked to it. A challenge is a
// keyed hash of what it is bound to, so the map keeps nothing for it.
#ifndef WARP_MAP_SERVER_REGISTRY_CHALLENGE_H_
#define WARP_MAP_SERVER_REGISTRY_CHALLENGE_H_

#include <array>
#include <cstdint>

#include "control/protocol/map/map_message.h"
#include "dataplane/wire/time.h"
#include "map-server/registry/origin.h"

namespace warp::map {

class Challenger {
 public:
  // A challenge is good for one to two periods.
  explicit Challenger(wire::Duration period);
  // Of the challenges that are issued next; those that are out are good for as long as they were to be.
  void SetPeriod(wire::Duration period) { period_ = period; }

  // For a node's port at the address of the origin. Who has a TLS connection from an address and port has not shown
  // that datagrams get to it there: behind a NAT, these may be another host's.
  protocol::MapChallenge Issue(wire::Instant now, const Origin& origin, uint16_t port);
  bool Verify(wire::Instant now, const Origin& origin, uint16_t port,
              const protocol::MapChallenge& echo);

 private:
  using Secret = std::array<uint8_t, 32>;
  void Rotate(wire::Instant now);

  wire::Duration period_;
  wire::Instant rotate_at_ = wire::Instant::min();
  Secret current_;
  Secret previous_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_CHALLENGE_H_
