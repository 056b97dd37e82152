// The part of the status that is about payloads which are spread over paths. Control thread only.
#ifndef WARP_CONTROL_STATUS_BOND_JSON_H_
#define WARP_CONTROL_STATUS_BOND_JSON_H_

#include <nlohmann/json.hpp>

#include "control/tunnel/bond/peer_bond.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// What the bond of its peer knows of a path; null where there is none.
nlohmann::ordered_json BondPathJson(const PeerBond* bond, wire::Instant now, wire::PathId path);
// What the bond did with the payloads of a tunnel; null where there is none.
nlohmann::ordered_json BondFlowJson(const PeerBond* bond, uint16_t tunnel);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_BOND_JSON_H_
