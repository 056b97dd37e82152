#include "tools/web/change.h"

#include <gtest/gtest.h>

#include "tests/tools/watch/sample_document.h"

namespace warp::tools {
namespace {

const std::vector<LinkName> kLinks = {{"fibre", ""}, {"wwan0", "wwan*"}, {"wwan1", "wwan*"}};

std::string Without(const std::string& paths, const LinkName& link) {
  const absl::StatusOr<std::string> result = PathsWithout(paths, link, kLinks);
  return result.ok() ? *result : "refused";
}

TEST(ChangeTest, ALinkIsLeftOutOfWhateverRulesThereAre) {
  EXPECT_EQ(Without("all", kLinks[0]), "wwan0,wwan1");
  EXPECT_EQ(Without("fibre,wwan*", kLinks[1]), "fibre,wwan1");
  EXPECT_EQ(Without("fibre>192.0.2.0/24,wwan0", kLinks[0]), "wwan0");
  EXPECT_EQ(Without(">192.0.2.0/24", kLinks[0]), "wwan0>192.0.2.0/24,wwan1>192.0.2.0/24");
  EXPECT_EQ(Without("wwan*>192.0.2.0/24,wwan1>192.0.2.0/24", kLinks[1]), "wwan1>192.0.2.0/24");
  EXPECT_EQ(Without("fibre", kLinks[0]), "refused");  // nothing would be left
  EXPECT_EQ(Without("fibre>192.0.2.1,fibre>192.0.2.2", kLinks[0]), "refused");
}

TEST(ChangeTest, ALinkIsTakenIn) {
  EXPECT_EQ(PathsWith("all", kLinks[0], kLinks), "all");
  EXPECT_EQ(PathsWith("wwan0,wwan1", kLinks[0], kLinks), "all");  // they are all there are
  EXPECT_EQ(PathsWith("wwan*", kLinks[0], kLinks), "all");
  EXPECT_EQ(PathsWith("wwan0", kLinks[0], kLinks), "wwan0,fibre");
  EXPECT_EQ(PathsWith("wwan*>192.0.2.1", kLinks[0], kLinks), "wwan*>192.0.2.1,fibre");
}

TEST(ChangeTest, WhoMayUseALink) {
  EXPECT_TRUE(MayUse("all", kLinks[1]));
  EXPECT_TRUE(MayUse(">192.0.2.1", kLinks[1]));
  EXPECT_TRUE(MayUse("wwan*", kLinks[1]));
  EXPECT_TRUE(MayUse("fibre,wwan0>192.0.2.1", kLinks[1]));
  EXPECT_FALSE(MayUse("fibre,wwan1", kLinks[1]));
  EXPECT_FALSE(MayUse("wwan*", kLinks[0]));
}

TEST(ChangeTest, EachTunnelThatChangesIsARequest) {
  const std::vector<TunnelPaths> tunnels = {
      {"office", "all"}, {"voice", "fibre"}, {"cam", "wwan0"}};
  const auto requests = [&](const Change& change) { return RequestsOf(change, kLinks, tunnels); };
  EXPECT_EQ(*requests({.tunnel = "voice", .mode = "stripe"}),
            std::vector<std::string>{"tunnel set voice mode=stripe"});
  EXPECT_EQ(*requests({.link = "wwan1"}),
            std::vector<std::string>{"tunnel set office paths=fibre,wwan0"});
  EXPECT_EQ(*requests({.link = "wwan1", .include = true}),
            (std::vector<std::string>{"tunnel set voice paths=fibre,wwan1",
                                      "tunnel set cam paths=wwan0,wwan1"}));
  const auto refused = requests({.link = "fibre"});
  EXPECT_EQ(refused.status().message(),
            "tunnel voice: fibre is the only link that it may use, and stays");
}

TEST(ChangeTest, NothingIsAskedThatIsNotThereByName) {
  const std::vector<TunnelPaths> tunnels = {{"office", "all"}, {"a b\ncap", "all"}};
  EXPECT_FALSE(RequestsOf({.tunnel = "nobody", .mode = "stripe"}, kLinks, tunnels).ok());
  EXPECT_FALSE(RequestsOf({.tunnel = "office\ncap set", .mode = "stripe"}, kLinks, tunnels).ok());
  EXPECT_FALSE(RequestsOf({.tunnel = "a b\ncap", .mode = "stripe"}, kLinks, tunnels).ok());
  EXPECT_FALSE(RequestsOf({.link = "eth9"}, kLinks, tunnels).ok());
  const auto requests = RequestsOf({.link = "fibre"}, kLinks, tunnels);
  ASSERT_TRUE(requests.ok());
  EXPECT_EQ(requests->size(), 1u);  // the name with a line feed is in none
}

TEST(ChangeTest, ThePageMayAskForLittle) {
  for (const char* line : {"status", "tunnel show"}) {
    EXPECT_TRUE(MayAsk(line, false)) << line;
  }
  for (const char* line :
       {"tunnel set office mode=stripe", "tunnel set office paths=a,b>192.0.2.1"}) {
    EXPECT_FALSE(MayAsk(line, false)) << line;
    EXPECT_TRUE(MayAsk(line, true)) << line;
  }
  for (const char* line :
       {"", "status\ncap set a 0", "cap set lte 0", "cap show", "tunnel set office fec=4+1",
        "tunnel set office mode=stripe\ncap set lte 0", "tunnel set office mode=stripe fec=off",
        "tunnel set office", "tunnel  set office mode=stripe", "reload"}) {
    EXPECT_FALSE(MayAsk(line, true)) << line;
  }
  EXPECT_FALSE(MayAsk("tunnel set office paths=" + std::string(5000, 'a'), true));
}

TEST(ChangeTest, PoliciesAreReadAsFarAsTheyAreSome) {
  const std::vector<TunnelPaths> tunnels = ReadTunnelPaths(PoliciesDocument("fibre").dump());
  ASSERT_EQ(tunnels.size(), 1u);
  EXPECT_EQ(tunnels[0].tunnel, "office");
  EXPECT_EQ(tunnels[0].paths, "fibre");
  for (const char* text :
       {"", "[]", "{\"policies\":3}", "{\"policies\":[1,{}]}", "{\"error\":\"x\"}"}) {
    EXPECT_TRUE(ReadTunnelPaths(text).empty()) << text;
  }
}

}  // namespace
}  // namespace warp::tools
