// Two nodes whose ports are VLANs of one device each. The devices are the two ends of one wire.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/add_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using std::chrono::milliseconds;

class SharedDeviceTest : public testing::Test {
 protected:
  SharedDeviceTest()
      : a_(1, Options("net_warp_lab0,wire=trunk", {10, 20})),
        b_(2, Options("net_warp_lab1,wire=trunk", {10, 20})) {
    Connect();
    for (Node* node : {&a_, &b_}) {
      node->SetActive([](size_t local, size_t remote) { return local == remote; });
      node->Publish();
    }
  }
  void Connect() {
    a_.Connect(b_, sessions_.a);
    b_.Connect(a_, sessions_.b);
  }
  ~SharedDeviceTest() override { LabPort::LetGo(); }

  static Node::Options Options(const std::string& device, std::vector<uint16_t> vlans) {
    return {.ports = static_cast<uint16_t>(vlans.size()),
            .workers = 2,
            .device = device,
            .vlans = std::move(vlans)};
  }
  // What A sends, as it comes out at B.
  std::vector<std::string> Send(const std::string& payload) {
    a_.Send(payload);
    a_.Turn();
    b_.Turn();
    return b_.Received();
  }
  void Remove(Node& node, size_t port) {
    node.SetPresent(port, false);
    node.Publish();
    node.Turn();
    EXPECT_TRUE(node.plane().RemovePort(node.port(port)).ok());
    node.Turn();
    EXPECT_TRUE(node.plane().AwaitPorts(std::chrono::seconds(10)));
  }
  absl::Status AddAgain(Node& node, size_t port) {
    const absl::Status status = node.AddAgain(port);
    node.SetPresent(port, true);
    node.Publish();
    return status;
  }

  const SessionPair sessions_ = MakeSessions();
  Node a_, b_;
};

using Payloads = std::vector<std::string>;

TEST_F(SharedDeviceTest, APayloadTravelsByBothVlans) {
  EXPECT_EQ(Send("payload"), Payloads{"payload"});
  for (const size_t port : {0u, 1u}) {
    EXPECT_EQ(a_.path(port, port).tx_copies.Get(), 1u);
    const PathCounters& path = b_.path(port, port);
    EXPECT_EQ(path.rx_first.Get() + path.rx_duplicate.Get(), 1u) << port;
  }
  EXPECT_EQ(b_.plane().Counters(b_.port(1)).rx_packets, 1u);
}

TEST_F(SharedDeviceTest, OneWorkerHasAllPortsOfADevice) {
  EXPECT_EQ(a_.plane().Info(a_.port(0)).worker, a_.plane().Info(a_.port(1)).worker);
  EXPECT_EQ(a_.plane().Info(a_.port(0)).mac, a_.plane().Info(a_.port(1)).mac);
  const auto other =
      AddPort(a_.plane(), {.name = "other", .device = VirtualDevice{"net_warp_lab2"}});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(a_.plane().Info(*other).worker, a_.plane().Info(a_.port(0)).worker);
}

TEST_F(SharedDeviceTest, ThePortThatPolledMayGoAndReturn) {
  Remove(b_, 0);
  EXPECT_EQ(Send("one"), Payloads{"one"});
  EXPECT_EQ(b_.Drops(wire::Drop::kUnknownVlan), 1u);
  EXPECT_EQ(b_.plane().PortDrops(b_.port(1), wire::Drop::kUnknownVlan), 1u);
  EXPECT_EQ(AddAgain(b_, 0), absl::OkStatus());
  EXPECT_EQ(b_.plane().Info(b_.port(0)).worker, b_.plane().Info(b_.port(1)).worker);
  EXPECT_EQ(Send("two"), Payloads{"two"});
  EXPECT_EQ(b_.path(0, 0).rx_first.Get() + b_.path(0, 0).rx_duplicate.Get(), 1u);
  EXPECT_EQ(b_.Drops(wire::Drop::kUnknownVlan), 1u);
}

// A burst of frames that nobody has is no reason to sleep before what stands behind them is taken.
TEST_F(SharedDeviceTest, AFloodForNobodyLeavesNothingBehind) {
  Remove(b_, 0);
  const auto send_by = [&](size_t port, const std::vector<std::string>& payloads) {
    a_.SetActive([port](size_t local, size_t remote) { return local == port && remote == port; });
    a_.Publish();
    a_.Send(payloads);
    a_.Turn();
  };
  send_by(0, std::vector<std::string>(70, "flood"));
  send_by(1, {"last"});
  b_.Turn();
  EXPECT_EQ(b_.Received(), Payloads{"last"});
  EXPECT_EQ(b_.Drops(wire::Drop::kUnknownVlan), 70u);
}

TEST_F(SharedDeviceTest, TheDeviceClosesWithItsLastPortAndOpensAgain) {
  for (const size_t port : {0u, 1u}) b_.SetPresent(port, false);
  b_.Publish();
  b_.Turn();
  for (const size_t port : {0u, 1u}) EXPECT_TRUE(b_.plane().RemovePort(b_.port(port)).ok());
  b_.Turn();
  EXPECT_TRUE(b_.plane().AwaitPorts(std::chrono::seconds(10)));
  EXPECT_EQ(b_.BuffersInUse(), 0u);
  for (const size_t port : {1u, 0u}) {
    EXPECT_EQ(b_.AddAgain(port), absl::OkStatus());
    b_.SetPresent(port, true);
  }
  Connect();  // The device has another MAC address.
  b_.Publish();
  a_.Publish();
  EXPECT_EQ(Send("payload"), Payloads{"payload"});
}

// A driver that takes its time has not to do the same twice.
TEST_F(SharedDeviceTest, OnePortOpensTheDeviceForAll) {
  PortSpec spec = {.name = "one", .device = VirtualDevice{"net_warp_lab3,hang=open"}};
  spec.vlan.id = 10;
  spec.device_vlans = {{.id = 10}, {.id = 20}};
  const auto one = a_.plane().AddPort(spec, -1);
  ASSERT_TRUE(one.ok()) << one.status();
  PortSpec second = spec;
  second.name = "two";
  second.vlan.id = 20;
  // The first port opens the device, and the other one waits for it.
  const absl::Status early = a_.plane().AddPort(second, -1).status();
  EXPECT_EQ(early.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::StrContains(early.message(), "its device is still being opened")) << early;
  while (!a_.plane().AwaitPorts(milliseconds(10))) LabPort::LetGo();
  PortNews news;
  ASSERT_EQ(a_.plane().ReceivePortNews({&news, 1}), 1u);
  EXPECT_EQ(news.status, absl::OkStatus());
  EXPECT_EQ(AddPort(a_.plane(), second).status(), absl::OkStatus());
}

TEST_F(SharedDeviceTest, ADeviceThatClosesIsWaitedFor) {
  PortSpec spec = {.name = "one", .device = VirtualDevice{"net_warp_lab3,hang=close"}};
  spec.vlan.id = 10;
  spec.device_vlans = {{.id = 10}, {.id = 20}};
  const auto one = AddPort(a_.plane(), spec);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(a_.plane().RemovePort(*one).ok());
  spec.name = "two";
  spec.vlan.id = 20;
  const absl::Status early = a_.plane().AddPort(spec, -1).status();
  EXPECT_EQ(early.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::StrContains(early.message(), "its device is still being closed")) << early;
  while (!a_.plane().AwaitPorts(milliseconds(10))) LabPort::LetGo();
  const auto two = AddPort(a_.plane(), spec);
  ASSERT_TRUE(two.ok()) << two.status();
  // Whoever hangs when the program ends keeps it from ending.
  EXPECT_TRUE(a_.plane().RemovePort(*two).ok());
  while (!a_.plane().AwaitPorts(milliseconds(10))) LabPort::LetGo();
}

}  // namespace
}  // namespace warp::lcore
