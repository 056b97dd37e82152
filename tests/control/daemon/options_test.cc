#include "control/daemon/options.h"

#include <gtest/gtest.h>

#include <optional>

namespace warp::control {
namespace {

config::NodeConfig Config(config::Polling polling) {
  config::NodeConfig config;
  config.ports.emplace_back();
  config.node.polling = polling;
  return config;
}

TEST(NodeOptions, PollingIsTheWorkersOwnChoiceUnlessItIsSaid) {
  const auto polling = [](config::Polling said) {
    return DataplaneOptionsOf(Config(said), {.worker_cpus = {-1}}, 1500).polling;
  };
  EXPECT_EQ(polling(config::Polling::kAuto), std::nullopt);
  EXPECT_EQ(polling(config::Polling::kBusy), lcore::Polling::kBusy);
  EXPECT_EQ(polling(config::Polling::kAdaptive), lcore::Polling::kAdaptive);
  EXPECT_EQ(polling(config::Polling::kInterrupt), lcore::Polling::kInterrupt);
}

TEST(NodeOptions, HugepagesComeWithAPciPortOrWhereTheyAreSaid) {
  config::NodeConfig config = Config(config::Polling::kAuto);
  const auto hugepages = [&](bool pci) {
    return DataplaneOptionsOf(config, {.worker_cpus = {-1}, .pci = pci}, 1500).hugepages;
  };
  EXPECT_FALSE(hugepages(false));
  EXPECT_TRUE(hugepages(true));
  config.node.hugepages = config::Hugepages::kAlways;
  EXPECT_TRUE(hugepages(false));
}

TEST(NodeOptions, RoomIsForTheLargestFrameAndNeverLessThanEthernets) {
  const config::NodeConfig config = Config(config::Polling::kAuto);
  EXPECT_EQ(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 9000).max_mtu, 9000);
  EXPECT_EQ(DataplaneOptionsOf(config, {.worker_cpus = {-1}}, 1280).max_mtu, 1500);
}

TEST(NodeOptions, ControlSpinsOnACpuOfItsOwnOrForItsWorker) {
  config::NodeConfig busy = Config(config::Polling::kBusy);
  EXPECT_FALSE(ControlSpins(busy, {.worker_cpus = {-1}}));
  EXPECT_TRUE(ControlSpins(busy, {.worker_cpus = {-1}, .inline_worker = true}));
  busy.node.control_cpu = 1;
  EXPECT_TRUE(ControlSpins(busy, {.worker_cpus = {2}}));
  config::NodeConfig adaptive = Config(config::Polling::kAdaptive);
  adaptive.node.control_cpu = 1;
  EXPECT_FALSE(ControlSpins(adaptive, {.worker_cpus = {2}, .inline_worker = true}));
}

TEST(NodeOptions, ControlKeepsPollingForAMomentUnlessItIsInterrupted) {
  EXPECT_GT(SpinWindowOf(Config(config::Polling::kAuto)).window(), wire::Duration::zero());
  EXPECT_GT(SpinWindowOf(Config(config::Polling::kAdaptive)).window(), wire::Duration::zero());
  EXPECT_EQ(SpinWindowOf(Config(config::Polling::kInterrupt)).window(), wire::Duration::zero());
}

}  // namespace
}  // namespace warp::control
