// What a map costs a link that is paid by the gigabyte.
#include <gtest/gtest.h>

#include "tests/map-server/map_world.h"

namespace warp::map {
namespace {

// An idle pair of nodes with two links each may cost a gigabyte a month on each link. Its probes take up to 870 MB of
// that, which tests/control/protocol/path/hard_times_test.cc holds.
TEST(MapTraffic, OfAnIdleNodeIsAnEighthOfAGigabyteAMonthOnEachLink) {
  constexpr int kPorts = 2;
  constexpr uint64_t kHeaders = 48;  // of IPv6 and UDP
  MapWorld world;
  MapNode& alice = world.AddNode(kPorts);
  MapNode& bob = world.AddNode(kPorts);
  world.MakeFriends(alice, bob);
  world.Run(60s);
  world.record = true;
  world.Run(7200s);  // with two rekeys
  uint64_t bytes = 0;
  for (const MapWorld::Datagram& datagram : world.seen) {
    if (datagram.node == &alice) bytes += datagram.bytes.size() + kHeaders;
  }
  EXPECT_GT(bytes, 0u);
  EXPECT_LT(bytes / kPorts * (30 * 24 / 2), 130'000'000u);
}

}  // namespace
}  // namespace warp::map
