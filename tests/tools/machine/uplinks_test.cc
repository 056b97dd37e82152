#include "tools/machine/uplinks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/fake_machine.h"

namespace warp::tools {
namespace {

using testing::ElementsAre;

absl::StatusOr<std::vector<std::string>> Uplinks(absl::StatusOr<std::string> routes) {
  FakeMachine machine;
  machine.programs["ip -j route show default table all"] = std::move(routes);
  return ReadUplinks(machine);
}

TEST(UplinksTest, AreInTheOrderOfTheirMetrics) {
  EXPECT_THAT(*Uplinks(R"([{"dst":"default","dev":"usb0","metric":200},
                           {"dst":"default","dev":"eth0"},{"dst":"default","dev":"lo"},
                           {"dst":"default","dev":"usb0","table":"101"},
                           {"dst":"default","metric":300,"nexthops":[{"dev":"a0"},{"dev":"a1"}]}])"),
              ElementsAre("eth0", "usb0", "a0", "a1"));
}

TEST(UplinksTest, GarbageIsNoUplink) {
  for (const char* garbage :
       {"", "{}", "[", "null", "[1,null,[],{}]", R"([{"dev":7,"metric":"x"}])", R"({"dev":"eth0"})",
        "\xff\xfe[", R"([{"nexthops":{"dev":"x"}}])"}) {
    EXPECT_THAT(*Uplinks(garbage), ElementsAre()) << garbage;
  }
  EXPECT_THAT(*Uplinks(std::string(100'000, '[')), ElementsAre());
  EXPECT_EQ(Uplinks(absl::NotFoundError("it is not installed")).status().message(),
            "ip cannot say the routes: it is not installed");
}

}  // namespace
}  // namespace warp::tools
