// A tunnel in the status: its gate, how it uses the paths of its peer, and what became of its payloads.
#ifndef WARP_CONTROL_STATUS_TUNNEL_JSON_H_
#define WARP_CONTROL_STATUS_TUNNEL_JSON_H_

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "control/tunnel/tunnel.h"
#include "dataplane/wire/drop.h"

namespace warp::control {

using DropTotals = std::array<uint64_t, wire::kDropCount>;

// Adds the tunnel's drops to `totals`.
nlohmann::ordered_json TunnelJson(const Tunnel& tunnel, DropTotals& totals);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_TUNNEL_JSON_H_
