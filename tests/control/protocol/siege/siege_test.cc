// Many attackers at once beside many peers, in a story that follows from its seed: whatever they do, a payload that
// leaves over a whole link arrives once, and nothing grows beyond its bound. The other tests ask about one attack each;
// here attacks, the weather on the links and the rekeys meet each other as they come.
//
// Each attacker has a recording, an ear on one link, a key of its own, or a key that its victim is configured with. All
// of them together send a thousand datagrams a second. The suite tells a few short stories. More and larger ones are
// told by hand; WARP_SIEGE names the first seed, the number of stories, and of each the peers, attackers, seconds and
// datagrams of attackers a second:
//
//   WARP_SIEGE='1 100 20 50 16 1000' build/tests/control/protocol/protocol_test --gtest_filter='*Siege*'
//   WARP_SIEGE='1 4 200 50 20 1000' build/tests/control/protocol/protocol_test --gtest_filter='*Siege*'
//
// Even seeds have a hub with which all peers talk, odd ones pairs. Each story prints its figures.
#include "tests/control/protocol/siege/siege.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/control/protocol/siege/seeded_sodium.h"

namespace warp::protocol {
namespace {

std::vector<SiegeOptions> Stories() {
  std::vector<SiegeOptions> stories;
  const auto add = [&](uint64_t first, uint64_t count, SiegeOptions options) {
    for (uint64_t i = 0; i < count; ++i) {
      options.seed = first + i;
      stories.push_back(options);
    }
  };
  if (const char* wanted = std::getenv("WARP_SIEGE")) {
    uint64_t first = 1;
    uint64_t count = 1;
    SiegeOptions options;
    std::istringstream(wanted) >> first >> count >> options.peers >> options.attackers >>
        options.seconds >> options.per_second;
    add(first, count, options);
    return stories;
  }
  add(1, 2, {});
  // All of them against two or three nodes. In these two a relay would take the place of a whole link if it could.
  add(32, 2, {.peers = 2});
  return stories;
}

class Sieges : public testing::TestWithParam<SiegeOptions> {};

TEST_P(Sieges, TakeNothingThatAWholeLinkCarries) {
  const SeededSodium sodium(GetParam().seed);
  Siege siege(GetParam());
  ASSERT_TRUE(siege.Run()) << "somebody did not connect";
  std::printf("%s\n", siege.Summary().c_str());
  EXPECT_EQ(siege.lost(), 0u);
  EXPECT_EQ(siege.twice(), 0u);
  EXPECT_EQ(siege.refused(), 0u) << "the whole link did not carry";
  EXPECT_GE(siege.fewest_rekeys(), 3u);
  EXPECT_EQ(siege.field().overpaid(), 0u);
  EXPECT_LE(siege.field().controls(), siege.most_controls());
  // One copy for each pair of interfaces.
  EXPECT_LE(siege.field().most_copies(), 16u);
  for (const std::string& excess : siege.excesses()) ADD_FAILURE() << excess;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Sieges, testing::ValuesIn(Stories()),
                         [](const auto& story) { return std::to_string(story.param.seed); });

}  // namespace
}  // namespace warp::protocol
