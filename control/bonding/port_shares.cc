#include "control/bonding/port_shares.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

namespace warp::bonding {
namespace {

// A path that uses so much of what it had before wants that much room above it.
constexpr double kRoom = 1.5;
// Of the port's rate, for all idle paths together.
constexpr double kIdleShare = 0.05;

}  // namespace

std::vector<Rate> DivideRate(std::span<const PathUse> paths) {
  std::vector<Rate> shares(paths.size());
  if (paths.empty()) return shares;
  const Rate rate = paths.front().rate;
  const Rate least = kIdleShare * rate / static_cast<double>(paths.size());
  const auto wants = [&](size_t i) {
    return paths[i].waited ? std::numeric_limits<Rate>::infinity() : kRoom * paths[i].in_use;
  };
  // For each unit of its weight.
  const auto unit = [&](size_t i) { return wants(i) / paths[i].weight; };
  std::vector<size_t> order(paths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return unit(a) < unit(b); });
  // Those who want least are served first, so that what they leave is there for the others.
  Rate left = rate;
  double weights = 0;
  for (const PathUse& path : paths) weights += path.weight;
  for (const size_t i : order) {
    shares[i] = std::min(left * paths[i].weight / weights, wants(i));
    left -= shares[i];
    weights -= paths[i].weight;
  }
  for (Rate& share : shares)
    share = std::max(share + left / static_cast<double>(paths.size()), least);
  return shares;
}

}  // namespace warp::bonding
