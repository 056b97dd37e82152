#include "control/daemon/options.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace warp::control {
namespace {

config::NodeConfig Config(std::optional<wire::Polling> polling) {
  config::NodeConfig config;
  config.ports.emplace_back();
  config.node.polling = polling;
  return config;
}

TEST(NodeOptions, PollingIsTheWorkersOwnChoiceUnlessItIsSaid) {
  const auto polling = [](std::optional<wire::Polling> said) {
    return DataplaneOptionsOf(Config(said), {.worker_cpus = {-1}}, 1500).polling;
  };
  EXPECT_EQ(polling(std::nullopt), std::nullopt);
  EXPECT_EQ(polling(wire::Polling::kBusy), wire::Polling::kBusy);
  EXPECT_EQ(polling(wire::Polling::kAdaptive), wire::Polling::kAdaptive);
  EXPECT_EQ(polling(wire::Polling::kInterrupt), wire::Polling::kInterrupt);
}

TEST(NodeOptions, HugepagesComeWithAPciPortOrWhereTheyAreSaid) {
  config::NodeConfig config = Config(std::nullopt);
  const auto hugepages = [&](bool pci) {
    config.ports[0].device = wire::KernelDevice{"eth0"};
    if (pci) config.ports[0].device = wire::PciDevice{"0000:3b:00.0"};
    return DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1500).hugepages;
  };
  EXPECT_FALSE(hugepages(false));
  EXPECT_TRUE(hugepages(true));
  config.node.hugepages = config::Hugepages::kAlways;
  EXPECT_TRUE(hugepages(false));
}

TEST(NodeOptions, TelemetryOfDpdkIsOffUnlessItIsSaid) {
  config::NodeConfig config = Config(std::nullopt);
  EXPECT_FALSE(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1500).telemetry);
  config.node.dpdk_telemetry = true;
  EXPECT_TRUE(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1500).telemetry);
}

TEST(NodeOptions, TheDataplaneIsToldOfEachPciDevice) {
  config::NodeConfig config = Config(std::nullopt);
  EXPECT_TRUE(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1500).pci_devices.empty());
  config.ports[0].device = wire::PciDevice{"0000:3b:00.0"};
  EXPECT_EQ(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1500).pci_devices,
            std::vector<std::string>{"0000:3b:00.0"});
}

TEST(NodeOptions, RoomIsForTheLargestFrameAndNeverLessThanEthernets) {
  const config::NodeConfig config = Config(std::nullopt);
  EXPECT_EQ(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 9000).max_mtu, 9000);
  EXPECT_EQ(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1280).max_mtu, 1500);
}

TEST(NodeOptions, ControlSpinsOnACpuOfItsOwnOrForItsWorker) {
  config::NodeConfig busy = Config(wire::Polling::kBusy);
  EXPECT_FALSE(ControlSpins(busy, {.worker_cpus = {-1}}));
  EXPECT_TRUE(ControlSpins(busy, {.worker_cpus = {-1}, .inline_worker = true}));
  busy.node.control_cpu = 1;
  EXPECT_TRUE(ControlSpins(busy, {.worker_cpus = {2}}));
  config::NodeConfig adaptive = Config(wire::Polling::kAdaptive);
  adaptive.node.control_cpu = 1;
  EXPECT_FALSE(ControlSpins(adaptive, {.worker_cpus = {2}, .inline_worker = true}));
}

// First compares the defaults of both sides. Then gives each timer of the table a value of its own, so that a timer
// that is forgotten or exchanged with another one is noticed.
TEST(NodeOptions, EveryConfiguredTimerReachesTheProtocol) {
  config::TimersConfig config;
  const protocol::Timers defaults = TimersOf(config);
  int64_t ns = 0;
#define WARP_TIMER_SET(name, standard, shortest, longest, why)            \
  EXPECT_EQ(defaults.name, std::chrono::milliseconds(standard)) << #name; \
  config.name = wire::Duration(++ns);
  WARP_TIMERS(WARP_TIMER_SET)
#undef WARP_TIMER_SET
  const protocol::Timers timers = TimersOf(config);
  ns = 0;
#define WARP_TIMER_EXPECT(name, standard, shortest, longest, why) \
  EXPECT_EQ(timers.name, wire::Duration(++ns)) << #name;
  WARP_TIMERS(WARP_TIMER_EXPECT)
#undef WARP_TIMER_EXPECT
  EXPECT_EQ(ns, 8);
}

TEST(NodeOptions, ControlKeepsPollingForAMomentUnlessItIsInterrupted) {
  EXPECT_GT(SpinWindowOf(Config(std::nullopt)).window(), wire::Duration::zero());
  EXPECT_GT(SpinWindowOf(Config(wire::Polling::kAdaptive)).window(), wire::Duration::zero());
  EXPECT_EQ(SpinWindowOf(Config(wire::Polling::kInterrupt)).window(), wire::Duration::zero());
}

}  // namespace
}  // namespace warp::control
