// Which interfaces get a port by a pattern, as they come, go and change their names.
#include "control/config/pattern/port_patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace warp::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PortPatternsTest : public testing::Test {
 protected:
  PortConfig& Add(const std::string& interface, const std::string& name = "") {
    PortConfig& port = config_.ports.emplace_back();
    port.name = name.empty() ? interface : name;
    port.device = wire::KernelDevice{.interface = interface};
    return port;
  }
  // These are the interfaces now, besides the loopback interface.
  void Now(const std::vector<std::string>& names) {
    if (patterns_ == nullptr) patterns_ = std::make_unique<PortPatterns>(config_);
    std::vector<os::Interface> interfaces = {{.name = "lo", .index = 1, .loopback = true}};
    for (const std::string& name : names) {
      interfaces.push_back({.name = name, .index = static_cast<int>(interfaces.size()) + 1});
    }
    patterns_->Update(interfaces);
  }
  const PortPatterns::Entry& Entry(size_t index) const { return patterns_->entries()[index]; }

  NodeConfig config_;
  std::unique_ptr<PortPatterns> patterns_;
};

TEST_F(PortPatternsTest, EachInterfaceThatMatchesHasAPortWhileItIsThere) {
  Add("wwan*").except = {"wwan9", "wwan1?"};
  Now({"eth0", "wwan0", "wwan9", "wwan12", "wwan1"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("wwan0", "wwan1"));
  EXPECT_THAT(Entry(0).left_out, IsEmpty());
  Now({"eth0", "wwan1", "wwan2"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("wwan1", "wwan2"));
  EXPECT_FALSE(patterns_->Has("wwan0"));
  Now({});
  EXPECT_THAT(Entry(0).interfaces, IsEmpty());
}

TEST_F(PortPatternsTest, ANameCountsBeforeAPatternAndAPatternBeforeTheNext) {
  Add("*0");
  Add("wwan*");
  Add("wwan7", "lte");
  Now({"wwan0", "wwan7", "wwan1"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("wwan0"));
  EXPECT_THAT(Entry(1).interfaces, ElementsAre("wwan1"));
}

// What the first pattern leaves out may be the second one's.
TEST_F(PortPatternsTest, AnExceptionIsOfItsEntryAlone) {
  Add("wwan*").except = {"wwan9"};
  Add("*9");
  Now({"wwan9"});
  EXPECT_THAT(Entry(0).interfaces, IsEmpty());
  EXPECT_THAT(Entry(1).interfaces, ElementsAre("wwan9"));
}

// Payloads must not go back into the tunnel that they come from.
TEST_F(PortPatternsTest, NeitherTheLoopbackInterfaceNorOneOfOurOwnHasAPort) {
  Add("*");
  PortConfig& card = config_.ports.emplace_back();
  card.name = "card";
  card.device = wire::PciDevice{"0000:3b:00.0"};
  card.kernel_interface = "warp-card";
  config_.tunnels.resize(2);
  config_.tunnels[0].gate.tun = InterfaceGateConfig{.interface = "warp0"};
  config_.tunnels[1].gate.tap = InterfaceGateConfig{.interface = "warp1"};
  Now({"warp0", "warp1", "warp-card", "warp2"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("warp2"));
  EXPECT_THAT(Entry(0).left_out, IsEmpty());
}

TEST_F(PortPatternsTest, WhatComesWhenAllPortsAreInUseWaitsUntilOneGoes) {
  config_.node.max_ports = 3;
  Add("eth0");
  Add("wwan*");
  Now({"wwan0", "wwan1", "wwan2", "wwan3"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("wwan0", "wwan1"));
  EXPECT_EQ(LeftOutText(Entry(0)),
            "wwan2 and 1 more have no port: all 3 ports (node.max_ports) are in use");
  // The kernel lists those that have ports behind the one that goes, and before the one that comes.
  Now({"wwan3", "wwan2", "wwan1"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("wwan1", "wwan3"));
  EXPECT_EQ(LeftOutText(Entry(0)), "wwan2 has no port: all 3 ports (node.max_ports) are in use");
  Now({"wwan2"});
  EXPECT_EQ(LeftOutText(Entry(0)), "");
}

TEST_F(PortPatternsTest, AnInterfaceWhoseNameIsTakenOrIsNoneOfAPortIsLeftOut) {
  Add("eth0", "wwan0");
  Add("wwan*", "lte");
  Now({"wwan0"});
  EXPECT_EQ(LeftOutText(Entry(0)),
            "wwan0 has no port: another port of the configuration has that name");
  Now({"wwan@1"});
  EXPECT_EQ(LeftOutText(Entry(0)), "wwan@1 has no port: its name is none that a port can have");
  Now({"wwan1"});
  EXPECT_THAT(Entry(0).interfaces, ElementsAre("wwan1"));
}

// The kernel takes any bytes but spaces, '/' and ':'. A terminal must not obey them.
TEST_F(PortPatternsTest, ANameOfOddBytesIsShownAndNotObeyed) {
  Add("*");
  Now({"\x1b[2J\xff"});
  EXPECT_EQ(LeftOutText(Entry(0)),
            "\\033[2J\\377 has no port: its name is none that a port can have");
}

TEST_F(PortPatternsTest, APortHasTheKeysOfItsPattern) {
  PortConfig& pattern = Add("wwan*", "lte");
  pattern.device = wire::KernelDevice{.interface = "wwan*", .driver = wire::KernelDriver::kUdp};
  pattern.except = {"wwan9"};
  pattern.tier = 3;
  pattern.cpu = 2;
  pattern.cap = CapPolicy{.bytes = 1'000'000};
  const PortConfig port = pattern.PortFor("wwan5");
  EXPECT_EQ(port.name, "wwan5");
  EXPECT_EQ(port.group, "lte");
  EXPECT_EQ(port.kernel_side(), "wwan5");
  EXPECT_EQ(port.kernel_device()->driver, wire::KernelDriver::kUdp);
  EXPECT_FALSE(port.is_pattern());
  EXPECT_TRUE(port.optional);
  EXPECT_EQ(port.tier, 3);
  EXPECT_EQ(port.cpu, 2);
  EXPECT_EQ(port.cap->bytes, 1'000'000u);
}

}  // namespace
}  // namespace warp::config
