#include "control/status/bond_json.h"

#include <chrono>
#include <cstdint>
#include <optional>

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;

double Milliseconds(wire::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}
uint64_t Bits(bonding::Rate bytes) { return static_cast<uint64_t>(8 * bytes); }

}  // namespace

Json BondPathJson(const PeerBond* bond, wire::Instant now, wire::PathId path) {
  if (bond == nullptr) return nullptr;
  // A path that cannot send carries nothing.
  const bonding::PathStatus none;
  const std::optional<bonding::PathStatus> known = bond->bond().StatusOf(now, path);
  const bonding::PathStatus* const status = known.has_value() ? &*known : &none;
  return {{"capacity", Bits(status->capacity)},
          {"known", status->known},
          {"bound", 8 * status->bound},
          {"in_use", Bits(status->in_use)},
          {"queue_ms", Milliseconds(status->queue)},
          {"above_ms", Milliseconds(status->above)},
          {"waiting_ms", Milliseconds(status->waiting)},
          {"loss", status->loss},
          {"resent", status->resent},
          {"copies", status->copies},
          {"parity", status->parity},
          {"suspect", status->suspect},
          {"contested", status->contested}};
}

Json BondFlowJson(const PeerBond* bond, uint16_t tunnel) {
  if (bond == nullptr) return nullptr;
  const bonding::FlowStatus status = bond->bond().StatusOf(tunnel);
  return {{"possible", !bond->plain()},
          {"bytes", status.bytes},
          {"extra_bytes", status.extra_bytes},
          {"ahead", status.ahead},
          {"resent", status.resent},
          {"copied", status.copied},
          {"parity", status.parity},
          {"lost", status.lost},
          {"impossible", bond->bond().impossible()}};
}

}  // namespace warp::control
