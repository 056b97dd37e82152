// Classes of packets, and the tunnels that are for them.
#include "control/config/classes/class_schema.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/node_config.h"

namespace warp::config {
namespace {

constexpr char kBefore[] =
    "node: {private_key_file: k}\n"
    "ports: [{name: a, interface: b}, {name: c, interface: d}]\n"
    "peers:\n"
    " - {name: hq, public_key: \"XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=\"}\n"
    " - {name: lab, public_key: \"Ct2FE+RS5ZuecsirMGZ6GI/msLlwED4OwEGL3sts3Rg=\"}\n"
    "tunnels:\n";

// A tunnel `office` at line 7 with this gate, and the lines behind it.
std::string Office(absl::string_view gate, absl::string_view more = "") {
  return absl::StrCat(kBefore, " - {name: office, id: 1, peer: hq, mode: stripe, gate: {", gate,
                      "}}\n", more);
}
constexpr char kVoice[] = " - {name: voice, id: 2, peer: hq, gate: {class_of: office}}\n";

std::string Classes(absl::string_view classes) {
  return absl::StrCat("tun: {interface: warp0, classes: ", classes, "}");
}

std::string Messages(const std::string& text) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(text, "f");
  return config.ok() ? "ok" : std::string(config.status().message());
}

TEST(ClassSchemaTest, ReadsClasses) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
      Office(Classes("[{match: {dscp: ef}, tunnel: voice}, {match: {dscp: [af41, 7], protocol: "
                     "[udp, icmp, 50], port: [5060, \"10000-20000\"], address: 10.1.0.0/16, "
                     "interactive: true}, tunnel: voice}]"),
             kVoice),
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->advice, "");
  const std::vector<TrafficClass>& classes = config->tunnels[0].gate.tun->classes;
  ASSERT_EQ(classes.size(), 2u);
  EXPECT_EQ(classes[0].tunnel, "voice");
  EXPECT_EQ(classes[0].match.dscp, std::vector<uint8_t>{46});
  EXPECT_FALSE(classes[0].match.interactive);
  const ClassMatch& all = classes[1].match;
  EXPECT_EQ(all.dscp, (std::vector<uint8_t>{34, 7}));
  EXPECT_EQ(all.protocols, (std::vector<uint8_t>{17, 1, 50}));
  EXPECT_EQ(all.ports, (std::vector<PortRange>{{5060, 5060}, {10000, 20000}}));
  ASSERT_EQ(all.addresses.size(), 1u);
  EXPECT_EQ(all.addresses[0].ToString(), "10.1.0.0/16");
  EXPECT_TRUE(all.interactive);
}

// It has the interface, whichever of the two comes first, and none of the classes.
TEST(ClassSchemaTest, ATunnelForAClassHasTheInterfaceOfTheOther) {
  const std::string office =
      " - {name: office, id: 1, peer: hq, gate: {tap: {interface: warp7, address: 10.9.0.1/24, "
      "classes: [{match: {protocol: icmp}, tunnel: voice}]}}}\n";
  for (const std::string& tunnels : {absl::StrCat(kVoice, office), absl::StrCat(office, kVoice)}) {
    const absl::StatusOr<NodeConfig> config = ParseNodeConfig(absl::StrCat(kBefore, tunnels), "f");
    ASSERT_TRUE(config.ok()) << config.status();
    for (const TunnelConfig& tunnel : config->tunnels) {
      ASSERT_TRUE(tunnel.gate.tap.has_value());
      EXPECT_FALSE(tunnel.gate.tun.has_value());
      EXPECT_EQ(tunnel.gate.tap->interface, "warp7");
      EXPECT_EQ(tunnel.gate.tap->addresses.size(), 1u);
      const bool voice = tunnel.name == "voice";
      EXPECT_EQ(tunnel.gate.class_of, voice ? "office" : "");
      EXPECT_EQ(tunnel.gate.tap->classes.size(), voice ? 0u : 1u);
    }
  }
}

// The other end may have no classes.
TEST(ClassSchemaTest, ATunnelForAClassMayHaveNone) {
  EXPECT_EQ(Messages(Office("tun: {interface: warp0}", kVoice)), "ok");
}

TEST(ClassSchemaTest, SaysWhatIsWrong) {
  const std::string at = "f:7: tunnels[0].gate.tun.classes[0]", second = "f:8: tunnels[1].gate";
  const auto match = [](absl::string_view keys) {
    return Office(Classes(absl::StrCat("[{match: {", keys, "}, tunnel: voice}]")), kVoice);
  };
  const std::pair<std::string, std::string> cases[] = {
      {match("dscp: efg"), at +
                               ".match.dscp[0]: \"efg\" is not ef, af41, cs5, ..., or 0 to 63, did "
                               "you mean \"ef\"?"},
      {match("dscp: 64"), at + ".match.dscp[0]: \"64\" is not ef, af41, cs5, ..., or 0 to 63"},
      {match("dscp: []"), at + ".match.dscp: has no value"},
      {match("protocol: 256"),
       at + ".match.protocol[0]: \"256\" is not icmp, tcp, udp, or 0 to 255"},
      {match("protocol: [tcp, upd]"), at +
                                          ".match.protocol[1]: \"upd\" is not icmp, tcp, udp, or 0 "
                                          "to 255, did you mean \"udp\"?"},
      {match("port: 0"),
       at + ".match.port[0]: \"0\" is neither a port, 1 to 65535, nor a range such "
            "as 10000-20000"},
      {match("port: 20-10"), at + ".match.port[0]: \"20-10\" is neither a port, 1 to 65535, nor a "
                                  "range such as 10000-20000"},
      {match("port: 1-65536"), at +
                                   ".match.port[0]: \"1-65536\" is neither a port, 1 to 65535, nor "
                                   "a range such as 10000-20000"},
      {match("port: 5, protocol: icmp"), at + ".match.port: goes with protocol: tcp and udp"},
      {match("port: 5, protocol: [icmp, udp]"), "ok"},
      {match("address: 10.0.0.1/8"),
       at + ".match.address[0]: \"10.0.0.1/8\" has bits behind its prefix: write 10.0.0.0/8"},
      {match(""), at + ".match: needs dscp, protocol, port, address or interactive: without any it "
                       "would be everything"},
      {match("interactive: false"),
       at + ".match: needs dscp, protocol, port, address or interactive: without any it would be "
            "everything"},
      {Office(Classes("[{match: {port: 5}}]"), kVoice), at + ".tunnel: missing"},
      {Office(Classes("[{match: {port: 5}, tunnel: voise}]"), kVoice),
       at + ".tunnel: there is no tunnel \"voise\", did you mean \"voice\"?"},
      {Office(Classes("[{match: {port: 5}, tunnel: office}]"), kVoice),
       at + ".tunnel: the gate of office must be {class_of: office}"},
      {Office(Classes("[{match: {port: 5}, tunnel: voice}]"),
              " - {name: voice, id: 2, peer: hq, gate: {tun: {interface: warp1}}}\n"),
       at + ".tunnel: the gate of voice must be {class_of: office}"},
      {Office("tun: {interface: warp0}, class_of: office"),
       "f:7: tunnels[0].gate: has both tun and class_of: a gate is one of them"},
      {Office("tun: {interface: warp0}",
              " - {name: voice, id: 2, peer: hq, gate: {class_of: ofice}}\n"),
       second + ".class_of: there is no tunnel \"ofice\" with a gate of tun or tap, did you mean "
                "\"office\"?"},
      {Office("loopback: {listen: \"127.0.0.1:9\"}", kVoice),
       second + ".class_of: there is no tunnel \"office\" with a gate of tun or tap"},
      {Office("class_of: office"),
       "f:7: tunnels[0].gate.class_of: there is no tunnel \"office\" with a gate of tun or tap"},
      {Office("tun: {interface: warp0}",
              " - {name: voice, id: 2, peer: lab, gate: {class_of: office}}\n"),
       second + ".class_of: tunnel office has another peer, hq"},
  };
  for (const auto& [text, messages] : cases) EXPECT_EQ(Messages(text), messages) << text;
}

TEST(ClassSchemaTest, BoundsTheClassesOfAGate) {
  std::string classes;
  for (int i = 0; i < 65; ++i) absl::StrAppend(&classes, "{match: {port: 5}, tunnel: voice}, ");
  EXPECT_EQ(Messages(Office(Classes(absl::StrCat("[", classes, "]")), kVoice)),
            "f:7: tunnels[0].gate.tun.classes: has 65 entries, at most 64 are allowed");
}

}  // namespace
}  // namespace warp::config
