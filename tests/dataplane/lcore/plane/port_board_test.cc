// A driver that hangs, when it opens a device or closes one, costs its own port only: control waits for nothing, and
// other ports open and close.
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_ethdev.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/add_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

class PortBoardTest : public testing::Test {
 protected:
  PortBoardTest() : net_({.ports = 1}, {.ports = 1}), plane_(net_.a().plane()) {}
  ~PortBoardTest() override { LabPort::LetGo(); }

  static PortSpec Lab(const std::string& name, const std::string& hang = "") {
    return {.name = name, .device = VirtualDevice{absl::StrCat("net_warp_lab0", hang)}};
  }
  // Waits for news of this port. Others' are not expected.
  absl::Status AwaitNews(PortId port) {
    PortNews news;
    while (plane_.ReceivePortNews({&news, 1}) == 0) std::this_thread::yield();
    EXPECT_EQ(news.port, port);
    return news.status;
  }
  // A call that has been let go ends some time later.
  void AwaitEnd() {
    while (!plane_.AwaitPorts(milliseconds(10))) LabPort::LetGo();
  }
  bool HasNews() {
    PortNews news;
    return plane_.ReceivePortNews({&news, 1}) == 1;
  }

  Network net_;
  DpdkDataplane& plane_;
};

TEST_F(PortBoardTest, AnOpeningThatHangsHoldsUpNoOther) {
  const absl::StatusOr<PortId> slow = plane_.AddPort(Lab("slow", ",hang=open"), -1);
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_FALSE(HasNews());
  const absl::StatusOr<PortId> other = plane_.AddPort(Lab("other"), -1);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(*other, *slow);
  EXPECT_EQ(AwaitNews(*other), absl::OkStatus());
  EXPECT_TRUE(plane_.RemovePort(*other).ok());
  EXPECT_EQ(plane_.AddPort(Lab("slow"), -1).status().code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(plane_.AwaitPorts(milliseconds(1)));
  AwaitEnd();
  EXPECT_EQ(AwaitNews(*slow), absl::OkStatus());
  EXPECT_NE(plane_.slot(*slow).port, nullptr);
  EXPECT_EQ(plane_.Counters(*slow).tx_packets, 0u);
}

// Nobody is told of it any more, and what was opened closes.
TEST_F(PortBoardTest, APortIsRemovedWhileItsOpeningHangs) {
  const absl::StatusOr<PortId> port = plane_.AddPort(Lab("slow", ",hang=open"), -1);
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_TRUE(plane_.RemovePort(*port).ok());
  EXPECT_EQ(plane_.RemovePort(*port).code(), absl::StatusCode::kNotFound);
  const absl::Status again = plane_.AddPort(Lab("slow"), -1).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::StrContains(again.message(), "its device is still being opened")) << again;
  AwaitEnd();
  EXPECT_FALSE(HasNews());
  EXPECT_EQ(plane_.slot(*port).port, nullptr);
  EXPECT_EQ(*AddPort(plane_, Lab("slow")), *port);
}

TEST_F(PortBoardTest, AClosingThatHangsHoldsUpNoOther) {
  const absl::StatusOr<PortId> slow = AddPort(plane_, Lab("slow", ",hang=close"));
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_TRUE(plane_.RemovePort(*slow).ok());
  const absl::Status again = plane_.AddPort(Lab("slow"), -1).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::StrContains(again.message(), "its device is still being closed")) << again;
  const absl::StatusOr<PortId> other = plane_.AddPort(Lab("other"), -1);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(AwaitNews(*other), absl::OkStatus());
  net_.a().Send("payload");
  net_.Settle();
  EXPECT_EQ(net_.b().Received().size(), 1u);
  AwaitEnd();
  EXPECT_EQ(*AddPort(plane_, Lab("slow")), *slow);
}

// Whoever replaces a port by another one has not too many of them.
TEST_F(PortBoardTest, ASlotThatIsBeingFreedIsWaitedForAndOneInUseIsNot) {
  // A wire has two ends, so that each port has a wire of its own.
  const auto lab = [](size_t number, const char* hang) {
    return PortSpec{.name = absl::StrCat("l", number),
                    .device = VirtualDevice{absl::StrCat("net_warp_lab", 10 + number, hang)}};
  };
  std::vector<PortId> ports;
  absl::StatusOr<PortId> port = 0;
  while (true) {
    port = AddPort(plane_, lab(ports.size(), ports.empty() ? ",hang=close" : ""));
    if (!port.ok()) break;
    ports.push_back(*port);
  }
  ASSERT_FALSE(ports.empty());
  EXPECT_EQ(port.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(plane_.RemovePort(ports.front()).ok());
  const absl::Status full = plane_.AddPort(lab(99, ""), -1).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kAborted) << full;
  AwaitEnd();
  EXPECT_EQ(*AddPort(plane_, lab(99, "")), ports.front());
}

TEST_F(PortBoardTest, AnErrorIsNewsAndFreesTheSlot) {
  const absl::StatusOr<PortId> wrong = plane_.AddPort(Lab("wrong", ",nonsense"), -1);
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  const absl::Status status = AwaitNews(*wrong);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), "devargs net_warp_lab0,nonsense")) << status;
  EXPECT_EQ(plane_.RemovePort(*wrong).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*AddPort(plane_, Lab("right")), *wrong);
}

// The interface is gone, which is why it cannot be opened; and control may hear of that first.
TEST_F(PortBoardTest, APortIsRemovedWhoseFailureIsNotToldYet) {
  const absl::StatusOr<PortId> wrong = plane_.AddPort(Lab("wrong", ",nonsense"), -1);
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  ASSERT_TRUE(plane_.AwaitPorts(minutes(1)));
  EXPECT_EQ(plane_.RemovePort(*wrong), absl::OkStatus());
  EXPECT_FALSE(HasNews());
  EXPECT_EQ(plane_.RemovePort(*wrong).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*AddPort(plane_, Lab("right")), *wrong);
}

// The id in news that waits is given to no other port.
TEST_F(PortBoardTest, AnIdIsNotUsedAgainBeforeItsNewsIsTaken) {
  const absl::StatusOr<PortId> wrong = plane_.AddPort(Lab("wrong", ",nonsense"), -1);
  ASSERT_TRUE(plane_.AwaitPorts(minutes(1)));
  const absl::StatusOr<PortId> other = plane_.AddPort(Lab("other"), -1);
  ASSERT_TRUE(wrong.ok() && other.ok());
  EXPECT_NE(*wrong, *other);
  EXPECT_EQ(AwaitNews(*wrong).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AwaitNews(*other), absl::OkStatus());
}

TEST_F(PortBoardTest, ControlIsRungWhenADeviceIsOpen) {
  ASSERT_TRUE(plane_.AddPort(Lab("slow", ",hang=open"), -1).ok());
  ASSERT_TRUE(plane_.ArmSleep());
  LabPort::LetGo();
  pollfd fd = {.fd = plane_.wake_fd(), .events = POLLIN, .revents = 0};
  // It may come to hang after it was let go.
  while (poll(&fd, 1, 10) == 0) LabPort::LetGo();
  EXPECT_FALSE(plane_.ArmSleep());
  plane_.Disarm();
  EXPECT_TRUE(HasNews());
  EXPECT_TRUE(plane_.ArmSleep());
  plane_.Disarm();
}

// A cable that is pulled wakes control, which does not sleep before it has looked.
TEST_F(PortBoardTest, ControlIsRungWhenALinkComesOrGoes) {
  const absl::StatusOr<PortId> port = AddPort(plane_, Lab("wan"));
  ASSERT_TRUE(port.ok()) << port.status();
  auto& lab = static_cast<LabPort&>(*plane_.slot(*port).port);
  EXPECT_EQ(plane_.Link(*port), LinkState::kUp);
  for (const bool up : {false, true}) {
    ASSERT_TRUE(plane_.ArmSleep());
    lab.SetLink(up);
    pollfd fd = {.fd = plane_.wake_fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&fd, 1, 60000), 1);
    plane_.Disarm();
    EXPECT_FALSE(plane_.ArmSleep());
    EXPECT_EQ(plane_.Link(*port), up ? LinkState::kUp : LinkState::kDown);
  }
  EXPECT_TRUE(plane_.ArmSleep());
  plane_.Disarm();
}

// What is gone stays so, whatever its driver says of the link, until the port is removed and opened again.
TEST_F(PortBoardTest, ControlIsRungWhenADeviceIsTakenAway) {
  const absl::StatusOr<PortId> port = AddPort(plane_, Lab("wan"));
  ASSERT_TRUE(port.ok()) << port.status();
  auto& lab = static_cast<LabPort&>(*plane_.slot(*port).port);
  ASSERT_TRUE(plane_.ArmSleep());
  lab.PullOut();
  pollfd fd = {.fd = plane_.wake_fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&fd, 1, 60000), 1);
  plane_.Disarm();
  EXPECT_FALSE(plane_.ArmSleep());
  EXPECT_EQ(plane_.Link(*port), LinkState::kGone);
  EXPECT_TRUE(plane_.ArmSleep());
  plane_.Disarm();
  EXPECT_TRUE(plane_.RemovePort(*port).ok());
  ASSERT_TRUE(plane_.AwaitPorts(minutes(1)));
  const absl::StatusOr<PortId> again = AddPort(plane_, Lab("wan"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(plane_.Link(*again), LinkState::kUp);
}

// Nobody asks for the link of a port that is closing, so that its news must keep nobody awake.
TEST_F(PortBoardTest, TheLinkOfAPortThatClosesIsNoNews) {
  const absl::StatusOr<PortId> port = AddPort(plane_, Lab("wan", ",hang=close"));
  ASSERT_TRUE(port.ok()) << port.status();
  static_cast<LabPort&>(*plane_.slot(*port).port).SetLink(false);
  while (plane_.ArmSleep()) {
    plane_.Disarm();
    std::this_thread::yield();
  }
  EXPECT_TRUE(plane_.RemovePort(*port).ok());
  EXPECT_TRUE(plane_.ArmSleep());
  plane_.Disarm();
  AwaitEnd();
}

// What the driver may still touch stays.
TEST(PortBoardEnd, WaitsForNoDriverThatHangs) {
  for (const char* hang : {",hang=open", ",hang=close"}) {
    auto net = std::make_unique<Network>(Node::Options{.ports = 1}, Node::Options{.ports = 1});
    DpdkDataplane& plane = net->a().plane();
    plane.set_patience(milliseconds(20));
    const PortSpec spec = {.name = "slow",
                           .device = VirtualDevice{absl::StrCat("net_warp_lab0", hang)}};
    ASSERT_TRUE(plane.AddPort(spec, -1).ok());
    if (hang == std::string(",hang=close")) {
      ASSERT_TRUE(plane.AwaitPorts(minutes(1)));
    }
    net.reset();
    LabPort::LetGo();
  }
}

// The driver of one port lets go when it has seen the other close, which is after it in the list.
TEST(PortBoardEnd, OthersCloseWhileAnOpeningHangs) {
  auto node = std::make_unique<Node>(1, Node::Options{.ports = 1});
  DpdkDataplane& plane = node->plane();
  const auto lab = [](const std::string& name, const std::string& hang) {
    return PortSpec{.name = name, .device = VirtualDevice{absl::StrCat("net_warp_lab0", hang)}};
  };
  constexpr auto kPatience = std::chrono::seconds(20);
  plane.set_patience(kPatience);
  ASSERT_TRUE(plane.AddPort(lab("slow", ",hang=open"), -1).ok());
  const absl::StatusOr<PortId> other = plane.AddPort(lab("other", ""), -1);
  ASSERT_TRUE(other.ok()) << other.status();
  PortNews news;
  while (plane.ReceivePortNews({&news, 1}) == 0) std::this_thread::yield();
  ASSERT_TRUE(news.port == *other && news.status.ok()) << news.status;

  const int open = rte_eth_dev_count_avail();
  std::atomic<bool> ended{false};
  std::thread driver([&] {
    while (rte_eth_dev_count_avail() > open - 2 && !ended) std::this_thread::yield();
    for (; !ended; std::this_thread::yield()) LabPort::LetGo();
  });
  const auto begin = std::chrono::steady_clock::now();
  node.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
  ended = true;
  driver.join();
}

}  // namespace
}  // namespace warp::lcore
