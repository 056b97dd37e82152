#include "control/config/tunnel_schema.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/config/text/ip_prefix.h"
#include "control/config/text/quantity.h"

namespace warp::config {
namespace {

using std::chrono::milliseconds;

constexpr char kKey[] = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

// A node with two ports; the port `wan0`, the peer and the tunnel get these keys besides.
absl::StatusOr<NodeConfig> Node(absl::string_view tunnel, absl::string_view peer = "",
                                absl::string_view port = "", bool one_port = false) {
  const auto more = [](absl::string_view keys) {
    return keys.empty() ? std::string() : absl::StrCat(", ", keys);
  };
  return ParseNodeConfig(
      absl::StrCat("node: {private_key_file: k}\nports:\n - {name: wan0, interface: eth0",
                   more(port), "}\n", one_port ? "" : " - {name: wan1, interface: eth1}\n",
                   "peers:\n - {name: hq, public_key: ", kKey, more(peer),
                   "}\ntunnels:\n - {name: t, id: 1, peer: hq, gate: {loopback: {listen: "
                   "\"127.0.0.1:9\"}}",
                   more(tunnel), "}\n"),
      "f");
}

std::string Mistakes(absl::string_view tunnel, absl::string_view peer = "",
                     absl::string_view port = "") {
  return std::string(Node(tunnel, peer, port).status().message());
}

TunnelPolicy Policy(absl::string_view tunnel) {
  const absl::StatusOr<NodeConfig> config = Node(tunnel);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? config->tunnels[0].policy : TunnelPolicy();
}

// --- Keys of a tunnel ---

TEST(TunnelSchemaTest, DefaultsFollowFromTheMode) {
  EXPECT_EQ(Policy(""), TunnelPolicy());
  EXPECT_EQ(Policy("mode: replicate"), TunnelPolicy());
  EXPECT_EQ(Policy("mode: backup"), TunnelPolicy({.mode = TunnelMode::kBackup}));
  EXPECT_EQ(Policy("mode: stripe"), TunnelPolicy({.mode = TunnelMode::kStripe,
                                                  .order = milliseconds(100),
                                                  .resend = milliseconds(150)}));
  EXPECT_EQ(Policy("mode: adaptive, order: 0, resend: auto"),
            TunnelPolicy({.mode = TunnelMode::kAdaptive, .resend = milliseconds(150)}));
}

TEST(TunnelSchemaTest, ReadsAllKeys) {
  EXPECT_EQ(Policy("copies: 2, order: 1s, resend: 1ms, skew: 80ms, target: 0.25%"),
            TunnelPolicy({.copies = 2,
                          .order = milliseconds(1000),
                          .resend = milliseconds(1),
                          .skew = milliseconds(80),
                          .target = 0.0025}));
  EXPECT_EQ(Policy("copies: all, skew: 0"), TunnelPolicy());
  EXPECT_EQ(Policy("fec: 4+1").fec, (Fec{.payloads = 4, .parities = 1}));
  EXPECT_EQ(Policy("fec: 32+8").fec, (Fec{.payloads = 32, .parities = 8}));
  EXPECT_EQ(Policy("weight: 100").weight, 100u);
  EXPECT_EQ(Policy("fec: auto, fec_max: 25%").fec, (Fec{.automatic = true, .most = 0.25}));
  EXPECT_FALSE(Policy("fec: off").fec.on());
}

TEST(TunnelSchemaTest, SaysWhatIsWrong) {
  const std::string at = "f:8: tunnels[0].";
  EXPECT_EQ(Mistakes("mode: strip"), at + "mode: \"strip\" is not one of replicate, stripe, "
                                          "adaptive, backup, did you mean \"stripe\"?");
  for (const char* copies : {"0", "65", "-1", "two"}) {
    EXPECT_EQ(Mistakes(absl::StrCat("copies: ", copies)),
              absl::StrCat(at, "copies: \"", copies, "\" is not a whole number from 1 to 64"));
  }
  EXPECT_EQ(Mistakes("order: 1001ms"), at + "order: \"1001ms\" is not from 0 to 1s");
  EXPECT_EQ(Mistakes("order: 5"), at + "order: \"5\" is not a duration such as 250ms, 2s or 1m");
  EXPECT_EQ(Mistakes("resend: 2s"), at + "resend: \"2s\" is not from 0 to 1s");
  EXPECT_EQ(Mistakes("skew: 11s"), at + "skew: \"11s\" is not from 0 to 10s");
  EXPECT_EQ(Mistakes("target: 0.1"), at + "target: \"0.1\" is not a percentage such as 0.1%");
  EXPECT_EQ(Mistakes("target: 101%"), at + "target: \"101%\" is not a percentage such as 0.1%");
  EXPECT_EQ(Mistakes("target: 0%"), at + "target: \"0%\" is not from 0.0001% to 50%");
  for (const char* fec :
       {"4", "4+", "+1", "0+1", "4+0", "33+1", "4+9", "4+1+1", "-1+1", "maximum"}) {
    EXPECT_EQ(
        Mistakes(absl::StrCat("fec: ", fec)),
        absl::StrCat(at, "fec: \"", fec, "\" is not off, auto, or payloads and parities such ",
                     "as 4+1, at most 32+8"));
  }
  EXPECT_EQ(Mistakes("weight: 101"), at + "weight: \"101\" is not a whole number from 1 to 100");
  EXPECT_EQ(Mistakes("weight: 0"), at + "weight: \"0\" is not a whole number from 1 to 100");
  EXPECT_EQ(Mistakes("fec_max: 101%"), at + "fec_max: \"101%\" is not a percentage such as 0.1%");
}

// --- Keys of a port ---

TEST(TunnelSchemaTest, PortsHaveATierAndRates) {
  const auto config = Node("", "", "tier: 2, rate: {up: 1.5Mbit, down: 50Mbit}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[0].tier, 2);
  EXPECT_EQ(config->ports[0].rate.up, 1'500'000u);
  EXPECT_EQ(config->ports[1].tier, 1);
  EXPECT_EQ(config->ports[0].rate.down, 50'000'000u);
  EXPECT_EQ(config->ports[1].rate.up, 0u);
  EXPECT_EQ(config->ports[1].rate.down, 0u);
  EXPECT_EQ(config->ports[0].nat64, Nat64Choice());
  const auto nat64 = Node("", "", "nat64: \"2001:db8:64::/96\"");
  ASSERT_TRUE(nat64.ok()) << nat64.status();
  EXPECT_EQ(nat64->ports[0].nat64.prefix->Embed(*wire::IpAddress::Parse("192.0.2.1")),
            *wire::IpAddress::Parse("2001:db8:64::192.0.2.1"));
  const auto none = Node("", "", "nat64: none");
  EXPECT_FALSE(none->ports[0].nat64.prefix || none->ports[0].nat64.finds_out);
  // The usual one, said, is not left for what others tell.
  EXPECT_FALSE(Node("", "", "nat64: \"64:ff9b::/96\"")->ports[0].nat64.finds_out);
  EXPECT_NE(Mistakes("", "", "nat64: \"2001:db8:64::/80\"").find("RFC 6052"), std::string::npos);
  EXPECT_EQ(Mistakes("", "", "tier: 9"),
            "f:3: ports[0].tier: \"9\" is not a whole number from 1 to 8");
  EXPECT_EQ(Mistakes("", "", "rate: {up: 20}"),
            "f:3: ports[0].rate.up: \"20\" is not a rate such as 20Mbit, 500kbit or none");
  EXPECT_EQ(Mistakes("", "", "rate: {up: 9kbit}"),
            "f:3: ports[0].rate.up: \"9kbit\" is not from 10kbit to 1000Gbit");
  EXPECT_EQ(Mistakes("", "", "rate: {down: fast}"),
            "f:3: ports[0].rate.down: \"fast\" is not a rate such as 20Mbit, 500kbit or none");
}

// --- Paths ---

TEST(TunnelSchemaTest, ATunnelsPathsComeBeforeItsPeers) {
  const auto peer = Node("", "paths: [{port: wan1}]");
  ASSERT_TRUE(peer.ok()) << peer.status();
  const wire::IpAddress there = *wire::IpAddress::Parse("198.51.100.7");
  EXPECT_TRUE(MayCarry(peer->PathsOf(peer->tunnels[0]), "wan1", there));
  EXPECT_FALSE(MayCarry(peer->PathsOf(peer->tunnels[0]), "wan0", there));

  const auto own =
      Node("paths: [{port: wan0, to: 198.51.100.0/24}, {to: 192.0.2.1}]", "paths: [{port: wan1}]");
  ASSERT_TRUE(own.ok()) << own.status();
  const std::vector<PathRule>& rules = own->PathsOf(own->tunnels[0]);
  EXPECT_TRUE(MayCarry(rules, "wan0", there));
  EXPECT_FALSE(MayCarry(rules, "wan1", there));
  EXPECT_FALSE(MayCarry(rules, "wan0", *wire::IpAddress::Parse("198.51.101.7")));
  EXPECT_TRUE(MayCarry(rules, "wan1", *wire::IpAddress::Parse("192.0.2.1")));
  EXPECT_TRUE(MayCarry({}, "wan1", there));
}

TEST(TunnelSchemaTest, SaysWhichPathsCannotBe) {
  EXPECT_EQ(Mistakes("paths: [{port: wan3}]"),
            "f:8: tunnels[0].paths[0].port: there is no port \"wan3\", did you mean \"wan0\"?");
  EXPECT_EQ(Mistakes("", "paths: [{to: 10.0.0.0/8}, {port: lte}]"),
            "f:6: peers[0].paths[1].port: there is no port \"lte\"");
  EXPECT_EQ(Mistakes("paths: [{}]"),
            "f:8: tunnels[0].paths[0]: needs port or to: without both it would mean every path");
  EXPECT_EQ(Mistakes("paths: [{to: 10.0.0.1/8}]"),
            "f:8: tunnels[0].paths[0].to: \"10.0.0.1/8\" has bits behind its prefix: write "
            "10.0.0.0/8");
  EXPECT_EQ(Mistakes("paths: [{to: hq.example}]"),
            "f:8: tunnels[0].paths[0].to: \"hq.example\" is not an address such as 198.51.100.7, "
            "or a prefix such as 198.51.100.0/24");
}

TEST(IpPrefixTest, ReadsWritesAndContains) {
  for (const char* text :
       {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "2001:db8::/33", "::/0", "::1"}) {
    const absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse(text);
    ASSERT_TRUE(prefix.ok()) << text;
    EXPECT_EQ(prefix->ToString(), text);
  }
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "::/129", "::/-1",
                           "10.0.0.0/8/8", "10.0.0.0 /8", "2001:db8::1/64"}) {
    EXPECT_FALSE(IpPrefix::Parse(text).ok()) << text;
  }
  const auto contains = [](const char* prefix, const char* address) {
    return IpPrefix::Parse(prefix)->Contains(*wire::IpAddress::Parse(address));
  };
  EXPECT_TRUE(contains("10.128.0.0/9", "10.255.0.1"));
  EXPECT_FALSE(contains("10.128.0.0/9", "10.127.255.255"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "192.0.2.1"));
  EXPECT_FALSE(contains("::/0", "192.0.2.1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
}

TEST(QuantityTest, WritesWhatItReads) {
  for (const char* text : {"20Mbit", "500kbit", "1500Mbit", "2Gbit", "64001bit"}) {
    EXPECT_EQ(WriteRate(static_cast<uint64_t>(*ReadRate(text))), text);
  }
  EXPECT_EQ(WriteRate(static_cast<uint64_t>(*ReadRate("1.5gBIT"))), "1500Mbit");
  for (const char* text : {"0.1%", "50%", "0.0001%", "100%"}) {
    EXPECT_EQ(WriteShare(*ReadShare(text)), text);
  }
  for (const char* text : {"", "20", "20 Mbit", "-1Mbit", "1e3bit", "nanbit", "1.2.3bit", "Mbit"}) {
    EXPECT_EQ(ReadRate(text), std::nullopt) << text;
  }
}

// --- Changing a running tunnel ---

TEST(ChangeTermsTest, ChangesWhatItNamesAlone) {
  const TunnelTerms before{.settings = {.mode = TunnelMode::kStripe, .skew = milliseconds(80)}};
  const auto after = ChangeTerms(before, std::vector<std::string>{"order=20ms", "target=1%"});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->settings.Policy(), TunnelPolicy({.mode = TunnelMode::kStripe,
                                                    .order = milliseconds(20),
                                                    .resend = milliseconds(150),
                                                    .skew = milliseconds(80),
                                                    .target = 0.01}));
  // What nobody said follows from the new mode; what somebody said stays.
  const auto replicate = ChangeTerms(*after, std::vector<std::string>{"mode=replicate"});
  ASSERT_TRUE(replicate.ok());
  EXPECT_EQ(replicate->settings.Policy().resend, milliseconds(0));
  EXPECT_EQ(replicate->settings.Policy().order, milliseconds(20));
  const auto forgotten = ChangeTerms(*replicate, std::vector<std::string>{"order=auto"});
  ASSERT_TRUE(forgotten.ok());
  EXPECT_EQ(forgotten->settings.Policy().order, milliseconds(0));
}

TEST(ChangeTermsTest, TakesADeadlineAndPaths) {
  const auto change = [](TunnelTerms terms, const std::string& word) {
    const auto result = ChangeTerms(std::move(terms), std::vector<std::string>{word});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : TunnelTerms();
  };
  EXPECT_EQ(change({}, "deadline=80ms").deadline, milliseconds(80));
  const TunnelTerms some = change({}, "paths=wan0>198.51.100.0/24,wan1,>2001:db8::7");
  ASSERT_EQ(some.paths.size(), 3u);
  EXPECT_EQ(some.paths[0], (PathRule{.port = "wan0", .to = *IpPrefix::Parse("198.51.100.0/24")}));
  EXPECT_EQ(some.paths[1], (PathRule{.port = "wan1"}));
  EXPECT_EQ(some.paths[2], (PathRule{.to = *IpPrefix::Parse("2001:db8::7")}));
  EXPECT_TRUE(change(some, "paths=all").paths.empty());
  EXPECT_EQ(change(some, "deadline=1s").paths, some.paths);
}

TEST(ChangeTermsTest, SaysWhatIsWrongInOneSentence) {
  const auto wrong = [](std::vector<std::string> changes) {
    const auto result = ChangeTerms({}, changes);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(result.status().message());
  };
  EXPECT_EQ(wrong({"mode=stripe", "order=5"}),
            "order: \"5\" is not a duration such as 250ms, 2s or 1m");
  EXPECT_EQ(wrong({"order"}), "\"order\" is not a key and its value, such as order=100ms");
  EXPECT_EQ(wrong({"order="}), "order: \"\" is not a duration such as 250ms, 2s or 1m");
  EXPECT_EQ(wrong({"order=1ms", "order=2ms"}), "\"order\" is given twice");
  EXPECT_EQ(wrong({"oder=1ms"}), "oder: unknown key, did you mean \"order\"?");
  EXPECT_EQ(wrong({"id=1"}),
            "id: unknown key (known here: mode, copies, order, resend, skew, target, fec, "
            "fec_max, weight, deadline, paths)");
  EXPECT_EQ(wrong({"=1"}), "\"=1\" is not a key and its value, such as order=100ms");
  for (const char* paths : {"paths=", "paths=wan0,", "paths=>", "paths=wan0>", "paths=a b>1.2.3.4",
                            "paths=wan0>198.51.100.300", "paths=all,wan0>"}) {
    EXPECT_EQ(wrong({paths}).substr(0, 7), "paths: ") << paths;
  }
  EXPECT_EQ(wrong({"deadline=0"}).substr(0, 10), "deadline: ");
}

TEST(ChangeTermsTest, WritesWhatItReads) {
  const TunnelTerms terms{
      .settings = TunnelSettings::Of({.mode = TunnelMode::kAdaptive,
                                      .copies = 3,
                                      .order = milliseconds(7),
                                      .target = 0.05,
                                      .fec = {.payloads = 2, .parities = 1},
                                      .weight = 9}),
      .deadline = milliseconds(80),
      .paths = {{.port = "wan0", .to = *IpPrefix::Parse("198.51.100.0/24")}, {.port = "wan1"}}};
  std::vector<std::string> changes;
  for (const auto& [key, value] : WriteTerms(terms)) {
    changes.push_back(absl::StrCat(key, "=", value));
  }
  EXPECT_EQ(changes,
            std::vector<std::string>({"mode=adaptive", "copies=3", "order=7ms", "resend=0",
                                      "skew=0", "target=5%", "fec=2+1", "fec_max=50%", "weight=9",
                                      "deadline=80ms", "paths=wan0>198.51.100.0/24,wan1"}));
  EXPECT_EQ(*ChangeTerms({}, changes), terms);
}

// --- Advice ---

std::string AdviceOf(absl::string_view tunnel, absl::string_view peer = "", bool one_port = false) {
  const absl::StatusOr<NodeConfig> config = Node(tunnel, peer, "", one_port);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? config->advice : "";
}

TEST(AdviceTest, SaysWhatCannotWork) {
  const std::string at = "f:8: tunnels[0].";
  EXPECT_EQ(AdviceOf(""), "");
  EXPECT_EQ(AdviceOf("", "", true), "");
  EXPECT_EQ(AdviceOf("mode: adaptive, deadline: 100ms, order: 0"), "");
  EXPECT_EQ(AdviceOf("mode: adaptive, deadline: 99ms"),
            at + "deadline: 99ms is less than detection takes, about 100ms: with mode: adaptive, "
                 "what is under way on a path that dies is lost");
  EXPECT_EQ(AdviceOf("copies: 2"), "");
  EXPECT_EQ(AdviceOf("copies: 3"),
            at + "copies: 3 copies need as many ports, and payloads may leave by 2");
  EXPECT_EQ(AdviceOf("copies: 2", "paths: [{port: wan1}]"),
            at + "copies: 2 copies need as many ports, and payloads may leave by 1");
  EXPECT_EQ(AdviceOf("copies: 2", "paths: [{to: 10.0.0.0/8}]"), "");
  EXPECT_EQ(AdviceOf("mode: stripe"), "");
  EXPECT_EQ(AdviceOf("mode: stripe, paths: [{port: wan0}]"),
            at + "mode: stripe adds up links, and payloads may leave by one alone, wan0");
  EXPECT_EQ(AdviceOf("order: 10ms"), "");
  EXPECT_EQ(absl::StrReplaceAll(AdviceOf("order: 10ms", "", true), {{"f:7", "f:8"}}),
            at + "order: payloads leave by one port alone, wan0: there is nothing to put in order");
  EXPECT_EQ(AdviceOf("mode: stripe, copies: 2"), at + "copies: has an effect with mode: replicate "
                                                      "alone");
  EXPECT_EQ(AdviceOf("mode: stripe, weight: 3"), "");
  EXPECT_EQ(AdviceOf("weight: 3"),
            at + "weight: has no effect with mode: replicate, whose payloads wait for no turn");
  EXPECT_EQ(AdviceOf("target: 1%"),
            at + "target: has an effect with mode: adaptive or fec: auto alone");
  EXPECT_EQ(AdviceOf("mode: stripe, fec: auto, fec_max: 20%, target: 1%"), "");
  EXPECT_EQ(AdviceOf("mode: stripe, fec: 4+1, fec_max: 20%"),
            at +
                "fec: 4+1 restores what is lost by chance; over 2 ports, only 1+1 or more parity "
                "restores what the death of one of them loses\n" +
                at + "fec_max: has an effect with fec: auto alone");
  EXPECT_EQ(AdviceOf("mode: stripe, fec: 1+1"), "");
  EXPECT_EQ(AdviceOf("mode: backup, fec: 4+1, paths: [{port: wan0}]"), "");
  EXPECT_EQ(AdviceOf("fec: 1+1"),
            at + "fec: has no effect with mode: replicate, whose copies are parity enough");
  EXPECT_EQ(AdviceOf("flows: 2, flow_idle: 2m"), "");
  EXPECT_EQ(AdviceOf("flow_idle: 2m"),
            at + "flow_idle: has an effect with flows alone: without them, nothing ends");
  EXPECT_EQ(AdviceOf("skew: 1ms"), at + "skew: has an effect with mode: stripe and adaptive alone");
}

}  // namespace
}  // namespace warp::config
