// Tests of what is kept of a peer's ports, where there is no room for more.
#include <gtest/gtest.h>

#include "control/protocol/path/newest_probes.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

// --- Ports of the peer. ---

TEST(NewestProbes, FurtherPortTakesThePlaceOfTheOneThatWasSilentForLongest) {
  NewestProbes probes;
  uint64_t number = 0;
  for (uint16_t port = 0; port < 3 * kMaxRemotePorts; ++port) {
    EXPECT_TRUE(probes.Note(kStart + 1s * port, port, 1, ++number)) << port;
    EXPECT_TRUE(probes.Note(kStart + 1s * port, 0, 1, ++number)) << "it is not silent";
  }
  EXPECT_FALSE(probes.Note(kStart + 1h, 0, 1, number)) << "it is remembered";
}

TEST(NewestProbes, PortThatIsHeardMakesNoRoom) {
  NewestProbes probes;
  EXPECT_TRUE(probes.Note(kStart, 1, 1, 500)) << "heard once";
  for (uint16_t port = 2; port <= kMaxRemotePorts; ++port)
    EXPECT_TRUE(probes.Note(kStart + 1s, port, 1, port));
  EXPECT_TRUE(probes.Note(kStart + 2s, 1000, 1, 501));
  EXPECT_FALSE(probes.Note(kStart + 3s, 1001, 1, 400)) << "older than one of port 1";
  EXPECT_TRUE(probes.Note(kStart + 3s, 2, 1, 400)) << "but not than one of its own port";
}

TEST(NewestProbes, OldProbeOfAForgottenPortTeachesNothing) {
  NewestProbes probes;
  EXPECT_TRUE(probes.Note(kStart, 7, 1, 100));
  for (uint16_t port = 100; port < 100 + kMaxRemotePorts; ++port)
    EXPECT_TRUE(probes.Note(kStart + 1s, port, 1, 101 + port));
  EXPECT_FALSE(probes.Note(kStart + 2s, 7, 1, 99)) << "somebody has held it back";
  EXPECT_TRUE(probes.Note(kStart + 2s, 7, 1, 1000));
  EXPECT_TRUE(probes.Note(kStart + 2s, 8, 2, 1)) << "a new session: the peer's next run";
}

}  // namespace
}  // namespace warp::protocol
