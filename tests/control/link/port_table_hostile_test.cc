// Interfaces that come, go, and change their names and places faster than devices open, in whatever order: at each
// moment the table has the ports that the configuration and the interfaces call for, it has one device of each at most,
// and nothing of those that have gone.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "control/link/port_table.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

constexpr size_t kMostPorts = 4;

// Devices open when the test says so, or fail to. It keeps the rules of the real one: a name and a number have one
// device at most, and there is room for so many.
class SlowDataplane : public lcore::FakeDataplane {
 public:
  absl::StatusOr<wire::PortId> AddPort(const lcore::PortSpec& spec, int) override {
    for (const auto& [id, name] : devices) {
      if (name == spec.name) return absl::AbortedError("its device is still there");
    }
    if (devices.size() == kMostPorts) return absl::ResourceExhaustedError("no slot");
    wire::PortId id = 0;
    while (devices.contains(id)) ++id;
    devices[id] = spec.name;
    opening.push_back(id);
    return id;
  }
  absl::Status RemovePort(wire::PortId id) override {
    EXPECT_TRUE(devices.contains(id)) << "removed what is not there";
    std::erase(opening, id);
    std::erase_if(news, [id](const lcore::PortNews& one) { return one.port == id; });
    closing.push_back(id);
    return absl::OkStatus();
  }
  void Open(size_t which, const absl::Status& how) {
    const wire::PortId id = opening[which];
    opening.erase(opening.begin() + static_cast<ptrdiff_t>(which));
    news.push_back({.port = id, .status = how});
    if (!how.ok()) devices.erase(id);
  }
  void EndClosing() {
    for (const wire::PortId id : closing) devices.erase(id);
    closing.clear();
  }
  std::map<wire::PortId, std::string> devices;
  std::vector<wire::PortId> opening, closing;
};

class HostilePortsTest : public testing::TestWithParam<int>, public PortListener {
 protected:
  HostilePortsTest() : random_(static_cast<unsigned>(GetParam())) {
    config_.node.max_ports = kMostPorts;
    Entry("eth0", "eth0");
    config_.ports.back().optional = true;
    Entry("lte", "wwan*").except = {"wwan9"};
    Entry("any", "*0");
    dataplane_.port_info = {.mac = kMac, .mtu = 1500, .kernel_sees_frames = true};
  }
  config::PortConfig& Entry(const char* name, const char* interface) {
    config::PortConfig& port = config_.ports.emplace_back();
    port.name = name;
    port.device = wire::KernelDevice{.interface = interface};
    return port;
  }
  size_t Any(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  void OnPortMade(const config::PortConfig& port) override {
    EXPECT_TRUE(made_.insert(port.name).second) << port.name;
  }
  void OnPortForgotten(const config::PortConfig& port) override {
    EXPECT_EQ(made_.erase(port.name), 1u) << port.name;
  }
  void OnPortChanged(wire::PortId id) override { open_.insert(id); }
  void OnPortClosing(wire::PortId id) override { EXPECT_EQ(open_.erase(id), 1u); }
  void OnSizeHint(wire::PortId, const SizeHint&) override {}

  // A step: an interface comes, goes, is replaced, is renamed, or goes down or up; or a device opens or is closed.
  void Step(PortTable& table) {
    static const char* const kNames[] = {"eth0", "wwan0", "wwan1", "wwan2",      "wwan3",
                                         "br0",  "wwan9", "lo",    "wwan\x1b[m", "x"};
    const std::string name = kNames[Any(std::size(kNames))];
    InterfaceState state = netlink_.Find(name);
    switch (Any(7)) {
      case 0:
        return netlink_.Change(name, {});
      case 1:
        return netlink_.Change(name, New());
      case 2: {  // renamed, perhaps over one that has just gone
        const std::string other = kNames[Any(std::size(kNames))];
        if (!state.present() || other == name) return;
        netlink_.interfaces[name] = {};
        netlink_.Change(other, state);
        return netlink_.Change(name, {});
      }
      case 3:
        if (!state.present()) return;
        state.admin_up = !state.admin_up;
        return netlink_.Change(name, state);
      case 4:
        if (dataplane_.opening.empty()) return;
        dataplane_.Open(Any(dataplane_.opening.size()),
                        Any(4) == 0 ? absl::NotFoundError("it has gone") : absl::OkStatus());
        table.TakeNews();
        return;
      case 5:
        return dataplane_.EndClosing();
      default:
        return table.Retry();
    }
  }
  InterfaceState New() {
    InterfaceState state{.index = ++index_, .admin_up = true, .carrier = true};
    state.mac = kMac;
    state.mtu = 1500;
    return state;
  }
  void Check(const PortTable& table) {
    std::set<std::string> wanted = {"eth0"}, has, devices;
    size_t matching = 0;
    for (const os::Interface& one : netlink_.All()) {
      if (config_.ports[1].Wants(one.name) || config_.ports[2].Wants(one.name)) {
        matching += one.name != "eth0" && !one.loopback && one.name.find('\x1b') == one.name.npos;
      }
    }
    for (const auto& port : table.ports()) {
      EXPECT_TRUE(has.insert(port->config.name).second) << "twice: " << port->config.name;
      EXPECT_FALSE(port->id.has_value() && port->opening.has_value());
      if (const auto id = port->id.has_value() ? port->id : port->opening) {
        ASSERT_TRUE(dataplane_.devices.contains(*id));
        EXPECT_EQ(dataplane_.devices[*id], port->config.name);
        EXPECT_EQ(port->index, netlink_.Find(port->config.name).index);
      }
      EXPECT_EQ(port->id.has_value(), port->id.has_value() && open_.contains(*port->id));
      if (!port->made) continue;
      EXPECT_TRUE(netlink_.Find(port->config.name).present()) << port->config.name;
      EXPECT_TRUE(made_.contains(port->config.name));
    }
    EXPECT_EQ(has.size() - 1, made_.size());
    EXPECT_EQ(made_.size(), std::min(matching, kMostPorts - 1));
    size_t left_out = 0;
    for (const auto& entry : table.patterns().entries()) left_out += entry.left_out.size();
    EXPECT_GE(left_out, matching - made_.size());
  }

  static constexpr wire::MacAddress kMac = {{2, 0, 0, 0, 0, 1}};
  std::mt19937 random_;
  std::unique_ptr<Loop> loop_ = MakeLoop();
  FakeNetlink netlink_;
  SlowDataplane dataplane_;
  config::NodeConfig config_;
  std::set<std::string> made_;
  std::set<wire::PortId> open_;
  int index_ = 10;
};

INSTANTIATE_TEST_SUITE_P(Seeds, HostilePortsTest, testing::Range(1, 5));

TEST_P(HostilePortsTest, TheTableFollowsWhateverInterfacesDo) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  for (int step = 0; step < 3000; ++step) {
    Step(table);
    Check(table);
    ASSERT_FALSE(HasFailure()) << "step " << step;
  }
  // Peace: each whose interface is up is open at last. One that was open stays so while its interface is down.
  for (int i = 0; i < 20; ++i) {
    dataplane_.EndClosing();
    table.Retry();
    while (!dataplane_.opening.empty()) dataplane_.Open(0, absl::OkStatus());
    table.TakeNews();
  }
  for (const auto& port : table.ports()) {
    const InterfaceState state = netlink_.Find(port->config.name);
    EXPECT_TRUE(port->id.has_value() || !state.admin_up) << port->config.name;
    EXPECT_TRUE(!port->id.has_value() || state.present()) << port->config.name;
  }
}

}  // namespace
}  // namespace warp::control
