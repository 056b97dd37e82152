// Prints what came of a flow, and how full the modems were.
#ifndef WARP_TESTS_CONTROL_BONDING_MODEL_TELL_H_
#define WARP_TESTS_CONTROL_BONDING_MODEL_TELL_H_

#include <algorithm>
#include <cstdio>

#include "tests/control/bonding/model/world.h"

namespace warp::bonding {

inline void Tell(const char* row, World& world, uint16_t flow) {
  const FlowResult& result = world.result(flow);
  std::printf(
      "%-28s goodput %.1f %%, offered %lu, refused %lu, missing %lu, late %lu, p50 %.0f, p99 %.0f "
      "ms, "
      "swapped %.3f %%, gap %.0f ms, extra %.2f %%, unsettled %lu, modem p99",
      row, 100 * world.Goodput(flow), result.offered, result.refused, result.missing(), result.late,
      result.DelayPercentile(0.5), result.DelayPercentile(0.99),
      100.0 * static_cast<double>(result.swapped) /
          static_cast<double>(std::max<uint64_t>(result.arrived, 1)),
      InMillis(result.longest_gap), 100 * world.ExtraShare(flow), world.unsettled());
  for (size_t i = 0; i < world.links(); ++i)
    std::printf(" %.0f", world.link(i).WaitPercentile(0.99, At(5), At(60)));
  std::printf(" ms, tail drops %lu, capacity", world.tail_drops());
  for (size_t i = 0; i < world.links(); ++i) {
    const auto status = world.bond().StatusOf(world.time().now(), static_cast<wire::PathId>(i + 1));
    if (status.has_value())
      std::printf(" %.1f%s", status->capacity * 8 / 1e6,
                  status->suspect ? "!"
                  : status->known ? ""
                                  : "?");
  }
  std::printf("\n");
  std::fflush(stdout);
}
}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_MODEL_TELL_H_
