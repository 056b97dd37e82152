#include "tools/doctor/check/packet_filter.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace warp::tools {
namespace {

constexpr char kEnd[] = "]}";

std::string Chain(const std::string& more, const std::string& name = "in") {
  return absl::StrCat(R"({"nftables":[{"chain":{"family":"inet","table":"f","name":")", name,
                      R"(")", more, "}}");
}
std::string Input(const std::string& policy) {
  return Chain(absl::StrCat(R"(,"type":"filter","hook":"input","policy":")", policy, R"(")"));
}
std::string Rule(const std::string& expressions, const std::string& chain = "in") {
  return absl::StrCat(R"(,{"rule":{"family":"inet","table":"f","chain":")", chain, R"(","expr":[)",
                      expressions, "]}}");
}
std::string Match(const std::string& left, const std::string& right, const std::string& op = "==") {
  return absl::StrCat(R"({"match":{"op":")", op, R"(","left":{)", left, R"(},"right":)", right,
                      "}},");
}

const std::string kPort = R"("payload":{"protocol":"udp","field":"dport"})";
const std::string kFrom = R"("payload":{"protocol":"ip","field":"saddr"})";
const std::string kInterface = R"("meta":{"key":"iifname"})";
const std::string kState = R"("ct":{"key":"state"})";
const std::string kAccept = R"({"accept":null})";
const std::string kDrop = R"({"drop":null})";

// What becomes of a datagram to UDP port 13116 that comes in by wan0.
std::string Fate(const std::string& ruleset) {
  const auto drop = PacketFilter(ParseJson(ruleset)).DropOf({Direction::kIn, "wan0", 13116});
  return !drop ? "passes" : absl::StrCat(drop->chain, drop->policy ? ": policy" : ": rule");
}

TEST(PacketFilterTest, ThePolicyDropsWhatNoRuleAccepts) {
  EXPECT_EQ(Fate(Input("accept") + kEnd), "passes");
  EXPECT_EQ(Fate(Input("drop") + kEnd), "inet f in: policy");
  EXPECT_EQ(Fate(Input("drop") + Rule(Match(kPort, "13116") + kAccept) + kEnd), "passes");
  EXPECT_EQ(Fate(Input("drop") + Rule(Match(kPort, "53") + kAccept) + kEnd), "inet f in: policy");
  EXPECT_EQ(Fate(Input("drop") + Rule(kAccept) + kEnd), "passes");
  EXPECT_EQ(Fate(Input("drop") + Rule(R"({"counter":{}})") + kEnd), "inet f in: policy");
}

TEST(PacketFilterTest, PortsMayBeSetsAndRanges) {
  EXPECT_EQ(Fate(Input("drop") +
                 Rule(Match(kPort, R"({"set":[53,{"range":[13000,14000]}]})") + kAccept) + kEnd),
            "passes");
  EXPECT_EQ(Fate(Input("drop") + Rule(Match(kPort, R"({"range":[1,1023]})") + kAccept) + kEnd),
            "inet f in: policy");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kPort, R"({"set":[53,13116]})") + kDrop) + kEnd),
            "inet f in: rule");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kPort, "13116", "!=") + kDrop) + kEnd), "passes");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kPort, "53", "!=") + kDrop) + kEnd),
            "inet f in: rule");
  // Whether it is in a named set is not known.
  EXPECT_EQ(Fate(Input("drop") + Rule(Match(kPort, R"("@open")") + kAccept) + kEnd), "passes");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kPort, R"("@closed")") + kDrop) + kEnd), "passes");
}

TEST(PacketFilterTest, InterfacesAndStatesCount) {
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kInterface, R"("wan0")") + kDrop) + kEnd),
            "inet f in: rule");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kInterface, R"("wan*")") + kDrop) + kEnd),
            "inet f in: rule");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kInterface, R"("lan0")") + kDrop) + kEnd), "passes");
  EXPECT_EQ(Fate(Input("drop") +
                 Rule(Match(kState, R"(["established","related"])", "in") + kAccept) + kEnd),
            "passes");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kState, R"("invalid")", "in") + kDrop) + kEnd),
            "passes");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kFrom, R"("192.0.2.1")") + kDrop) + kEnd), "passes");
  EXPECT_EQ(
      Fate(Input("accept") +
           Rule(Match(R"("payload":{"protocol":"tcp","field":"dport"})", "13116") + kDrop) + kEnd),
      "passes");
}

TEST(PacketFilterTest, JumpsLeadToOtherChains) {
  const std::string jump = Rule(R"({"jump":{"target":"more"}})");
  EXPECT_EQ(Fate(Input("accept") + jump + Rule(kDrop, "more") + kEnd), "inet f in: rule");
  EXPECT_EQ(Fate(Input("drop") + jump + Rule(Match(kPort, "13116") + kAccept, "more") + kEnd),
            "passes");
  EXPECT_EQ(Fate(Input("drop") + jump + Rule(Match(kPort, "53") + kAccept, "more") + kEnd),
            "inet f in: policy");
  EXPECT_EQ(Fate(Input("accept") + Rule(Match(kFrom, "7") + R"({"jump":{"target":"more"}})") +
                 Rule(kDrop, "more") + kEnd),
            "passes");
  // A chain that jumps to itself, which the kernel does not allow.
  EXPECT_EQ(Fate(Input("drop") + Rule(R"({"jump":{"target":"in"}})") + kEnd), "passes");
}

// Each of 16 chains jumps to the next a hundred times: nobody waits for the end of that.
TEST(PacketFilterTest, MoreRulesThanAnybodyWritesAreNotFollowed) {
  std::string ruleset = Input("drop");
  for (int i = 0; i < 16; ++i) {
    const std::string next = absl::StrCat(R"({"jump":{"target":"c)", i, R"("}})");
    const std::string chain = i == 0 ? "in" : absl::StrCat("c", i - 1);
    for (int j = 0; j < 100; ++j) ruleset += Rule(next, chain);
  }
  EXPECT_EQ(Fate(ruleset + Rule(R"({"counter":{}})", "c15") + kEnd), "passes");
}

TEST(PacketFilterTest, OtherHooksAndFamiliesDoNotCount) {
  EXPECT_EQ(Fate(Chain(R"(,"type":"filter","hook":"forward","policy":"drop")") + kEnd), "passes");
  EXPECT_EQ(Fate(Chain(R"(,"type":"nat","hook":"input","policy":"drop")") + kEnd), "passes");
  EXPECT_EQ(
      Fate(
          R"({"nftables":[{"chain":{"family":"arp","table":"f","name":"in","type":"filter","hook":"input","policy":"drop"}}]})"),
      "passes");
  const PacketFilter out(
      ParseJson(Chain(R"(,"type":"filter","hook":"output","policy":"drop")") + kEnd));
  EXPECT_TRUE(out.DropOf({Direction::kOut, "wan0", 13116}).has_value());
  EXPECT_FALSE(out.DropOf({Direction::kIn, "wan0", 13116}).has_value());
}

TEST(PacketFilterTest, GarbageDropsNothing) {
  for (const char* text :
       {"", "7", "{}", R"({"nftables":7})", R"({"nftables":[7,{},{"chain":7},{"rule":[]}]})",
        R"({"nftables":[{"chain":{"policy":"drop"}}]})"}) {
    EXPECT_EQ(Fate(text), "passes") << text;
  }
  EXPECT_EQ(Fate(Input("accept") + Rule(R"(7,{},{"match":7})") + kEnd), "passes");
  EXPECT_EQ(Fate(Input("accept") +
                 Rule(R"({"match":{"op":"==","left":{"payload":{}},"right":[]}},)" + kDrop) + kEnd),
            "passes");
}

}  // namespace
}  // namespace warp::tools
