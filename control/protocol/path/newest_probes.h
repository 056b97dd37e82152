// The newest probe of each of a peer's ports, by which an old one is known that somebody delivers late from elsewhere
// (RFC 9000, section 9.3), and what it said of its port.
//
// The numbers of probes grow over all ports and sessions of one run of the peer. In its next run they may begin lower,
// but then its sessions are newer.
#ifndef WARP_CONTROL_PROTOCOL_PATH_NEWEST_PROBES_H_
#define WARP_CONTROL_PROTOCOL_PATH_NEWEST_PROBES_H_

#include <optional>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/control_message.h"
#include "control/protocol/transmit.h"

namespace warp::protocol {

class NewestProbes {
 public:
  // Takes note of a probe that the peer has sent, in the session of that order. False when it is not the newest of its
  // port. Of more than kMaxRemotePorts ports the one makes room that was silent for longest, since it has most likely
  // been renumbered; a port that is not remembered has to be newer than all that made room.
  bool Note(Instant now, uint64_t session, const Probe& probe);
  // How the peer wants this port of its own to be used. nullopt: the port is not remembered.
  std::optional<PortUse> UseOf(uint16_t remote_port) const;

 private:
  struct Newest {
    uint64_t session = 0;  // the order of the newest session that a probe of the port came in
    uint64_t number = 0;
    PortUse use = PortUse::kFree;
    Instant when;  // it came
  };
  absl::flat_hash_map<uint16_t, Newest> ports_;
  Newest forgotten_;  // the newest of those that made room
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_NEWEST_PROBES_H_
