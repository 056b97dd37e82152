// A port whose device is being opened, or cannot be had yet, is waited for by nobody.
#include "control/link/port_table.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/link/followed_mtu.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/unique_fd.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using namespace std::chrono_literals;

class PortTableTest : public testing::Test, public PortListener {
 protected:
  PortTableTest() {
    config_.ports.emplace_back();
    config_.ports.back().name = "l0";
    config_.ports.back().device = wire::KernelDevice{.interface = "l0"};
    netlink_.interfaces["l0"] = Interface(1, kMac);
    dataplane_.port_info.mac = kMac;
    dataplane_.port_info.mtu = 1500;
    dataplane_.port_info.kernel_sees_frames = true;
  }
  static InterfaceState Interface(int index, const wire::MacAddress& mac) {
    InterfaceState state;
    state.index = index;
    state.admin_up = true;
    state.mtu = 1500;
    state.mac = mac;
    return state;
  }
  void OnPortChanged(wire::PortId) override { ++opened_; }
  void OnSizeHint(wire::PortId, const SizeHint& hint) override { hints_.push_back(hint.mtu); }
  void OnPortClosing(wire::PortId) override { ++closed_; }
  // Turns the loop until a held port was tried once more.
  void AwaitTry() {
    const int before = dataplane_.ports_tried;
    while (dataplane_.ports_tried == before) {
      loop_->BeginTurn();
      loop_->RunOnce(64);
    }
  }

  static constexpr wire::MacAddress kMac = {{2, 0, 0, 0, 0, 1}};
  static constexpr wire::MacAddress kOther = {{2, 0, 0, 0, 0, 2}};
  std::unique_ptr<Loop> loop_ = *Loop::Open(Loop::BackEnd::kEpoll);
  FakeNetlink netlink_;
  lcore::FakeDataplane dataplane_;
  config::NodeConfig config_;
  int opened_ = 0, closed_ = 0;
  std::vector<uint32_t> hints_;
};

// Such a port has a made-up MAC address, as its interface may have none.
TEST_F(PortTableTest, APortWithoutALinkLayerStaysOpenWhateverTheMacAddress) {
  dataplane_.port_info.has_link_layer = false;
  dataplane_.port_info.mac = kOther;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  EXPECT_TRUE(table.ports()[0]->id.has_value());
  EXPECT_FALSE(table.ports()[0]->outlet().link_layer);
  netlink_.Change("l0", Interface(1, {}));
  EXPECT_EQ(closed_, 0);
  netlink_.Change("l0", Interface(2, {}));  // but not whatever the interface
  EXPECT_EQ(closed_, 1);
}

// The interface is up all the time; the connection is what comes and goes.
TEST_F(PortTableTest, APortInAConnectionIsUpWhileThatIs) {
  config_.ports.clear();
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  netlink_.interfaces["l0"].carrier = true;
  config::PortConfig base;
  base.name = "wan0";
  base.device = wire::KernelDevice{.interface = "l0"};
  base.cap.emplace();
  const config::PortConfig carried = base.Carried();
  EXPECT_EQ(carried.name, "wan0/tcp");
  EXPECT_TRUE(carried.is_carried());
  EXPECT_FALSE(carried.cap.has_value());
  ASSERT_TRUE(table.Open(carried, /*was_there=*/true).ok());
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    table.TakeNews();
    return table.ports()[0]->id.has_value();
  }));
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(port.state(), "down");
  const wire::IpAddress map = *wire::IpAddress::Parse("192.0.2.9");
  table.SetCarried("wan0/tcp", map, "");
  EXPECT_EQ(port.state(), "up");
  EXPECT_EQ(port.only, map);
  netlink_.Change("l0", netlink_.interfaces["l0"]);
  EXPECT_EQ(port.state(), "up");
  const int told = opened_;
  table.SetCarried("wan0/tcp", std::nullopt, "it is lost");
  EXPECT_EQ(port.state(), "down");
  EXPECT_EQ(port.not_carried, "it is lost");
  EXPECT_EQ(opened_, told + 1);
  table.Close("wan0/tcp");
  EXPECT_EQ(table.ports().size(), 0u);
}

// A socket in a namespace of its own, on an interface of 1,234 bytes: the kernel's own error for a datagram that is
// larger stands for one that ICMP tells.
class SocketOfErrors {
 public:
  explicit SocketOfErrors(NetworkNamespace& home) {
    home.Do([&] {
      EXPECT_TRUE(NetworkNamespace::Run("ip link set lo mtu 1234 up"));
      fd_ = os::UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int on = 1, probe = IP_PMTUDISC_PROBE;
      EXPECT_EQ(setsockopt(fd_.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
      EXPECT_EQ(setsockopt(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe)), 0);
    });
  }
  void SendTooMuch(int times = 1) {
    const os::SocketAddress to(wire::Endpoint{wire::IpAddress::V4({127, 0, 0, 1}), 9});
    const std::vector<char> bytes(2000);
    for (int i = 0; i < times; ++i)
      EXPECT_LT(sendto(fd_.get(), bytes.data(), bytes.size(), 0, to.get(), to.size()), 0);
  }
  int fd() const { return fd_.get(); }

 private:
  os::UniqueFd fd_;
};

TEST_F(PortTableTest, TheSizesThatAPortsSocketHearsOfAreToldWhileItIsOpen) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  SocketOfErrors errors(home);
  dataplane_.port_info.error_fd = errors.fd();
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  errors.SendTooMuch();
  ASSERT_TRUE(TurnUntil(*loop_, [this] { return !hints_.empty(); }));
  EXPECT_EQ(hints_, std::vector<uint32_t>{1234});
  netlink_.Change("l0", Interface(2, {}));
  ASSERT_EQ(closed_, 1);
  dataplane_.port_info.error_fd = -1;
  errors.SendTooMuch();
  Settle(*loop_);
  EXPECT_EQ(hints_.size(), 1u);
}

// What waits takes the room of what the socket receives, and whoever makes up ICMP may send any number.
TEST_F(PortTableTest, AFloodOfErrorsIsThrownAway) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  SocketOfErrors errors(home);
  dataplane_.port_info.error_fd = errors.fd();
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const IcmpCounters& icmp = table.ports()[0]->icmp;
  errors.SendTooMuch(SizeHints::kMostRead - 1);
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return icmp.errors == SizeHints::kMostRead - 1; }));
  EXPECT_EQ(icmp.floods, 0u);
  errors.SendTooMuch(SizeHints::kMostRead + 50);
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return icmp.floods == 1; }));
  EXPECT_EQ(icmp.errors, 2u * SizeHints::kMostRead - 1);
  pollfd failed{errors.fd(), 0, 0};
  EXPECT_EQ(poll(&failed, 1, 0), 0) << "nothing waits";
  errors.SendTooMuch(1);
  EXPECT_EQ(poll(&failed, 1, 0), 0) << "and nothing is kept";
  // After a moment it hears again.
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    errors.SendTooMuch(1);
    return icmp.errors > 2u * SizeHints::kMostRead - 1;
  }));
}

TEST_F(PortTableTest, APortIsOpenedAgainWhenItsWorkerHasLetGo) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  dataplane_.add_port = absl::AbortedError("its worker has not let go of it");
  dataplane_.port_info.mac = kOther;
  netlink_.Change("l0", Interface(1, kOther));
  EXPECT_EQ(closed_, 1);
  EXPECT_FALSE(table.ports()[0]->id.has_value());
  EXPECT_NE(table.ports()[0]->reason.find("has not let go"), std::string::npos);
  AwaitTry();
  AwaitTry();
  EXPECT_FALSE(table.ports()[0]->id.has_value());
  dataplane_.add_port = absl::OkStatus();
  AwaitTry();
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_TRUE(table.ports()[0]->id.has_value());
  EXPECT_EQ(opened_, 2);
}

TEST_F(PortTableTest, APortIsOpeningUntilItsDeviceIsOpen) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(opened_, 1);
  dataplane_.opens = false;
  netlink_.Change("l0", Interface(2, kMac));
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(port.state(), "opening");
  EXPECT_FALSE(port.id.has_value());
  const int tried = dataplane_.ports_tried;
  table.Retry();  // in vain: it is on its way
  EXPECT_EQ(dataplane_.ports_tried, tried);
  EXPECT_EQ(table.TakeNews(), 0u);
  dataplane_.news.push_back({.port = 0});
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_TRUE(port.id.has_value());
  EXPECT_EQ(port.reason, "");
  EXPECT_EQ(opened_, 2);
}

// A driver that hangs must not keep the port from the interface that comes next.
TEST_F(PortTableTest, AnOpeningIsGivenUpWhenTheInterfaceGoes) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  dataplane_.opens = false;
  netlink_.Change("l0", Interface(2, kMac));
  ASSERT_EQ(dataplane_.ports_removed, 1);
  netlink_.Change("l0", InterfaceState());
  EXPECT_EQ(dataplane_.ports_removed, 2);
  EXPECT_EQ(port.state(), "missing");
  EXPECT_EQ(port.reason, "interface l0 is gone");
  netlink_.Change("l0", Interface(3, kMac));
  EXPECT_EQ(port.state(), "opening");
  EXPECT_EQ(closed_, 1);  // what was never open is not closed
}

// The device has the MAC address that the interface had.
TEST_F(PortTableTest, WhatDoesNotFitAnyMoreIsOpenedAnew) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  dataplane_.opens = false;
  netlink_.Change("l0", Interface(2, kMac));
  netlink_.Change("l0", Interface(2, kOther));
  dataplane_.news.push_back({.port = 0});
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_FALSE(port.id.has_value());
  EXPECT_EQ(port.reason, "its MAC address changed");
  EXPECT_EQ(opened_, 1);
  dataplane_.opens = true;
  dataplane_.port_info.mac = kOther;
  AwaitTry();
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_TRUE(port.id.has_value());
}

// --- Packet buffers. ---

TEST_F(PortTableTest, AnInterfaceWhoseMtuGrowsGetsLargerBuffersBeforeItsPortIsOpenedAnew) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  dataplane_.buffers_wait = true;
  InterfaceState jumbo = Interface(1, kMac);
  jumbo.mtu = 9000;
  netlink_.Change("l0", jumbo);
  netlink_.Change("l0", jumbo);
  // What the port receives into, too, without which it could not open again.
  ASSERT_EQ(dataplane_.grown_for.size(), 1u);
  EXPECT_EQ(dataplane_.grown_for[0].mtu, 9000);
  EXPECT_EQ(dataplane_.grown_for[0].opening, std::vector<uint16_t>{9000});
  EXPECT_EQ(dataplane_.grown_for[0].closing, std::vector<wire::PortId>{0});
  table.TakeNews();
  EXPECT_EQ(closed_, 0);
  dataplane_.grown = true;
  dataplane_.buffers_mtu = 9134;
  table.TakeNews();
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(dataplane_.port_spec.mtu, 9000);
}

TEST_F(PortTableTest, WithoutMemoryForThemThePortGoesOnAndNobodyAsksAgain) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(table.Narrow(port), "");
  dataplane_.grown = absl::ResourceExhaustedError("no memory");
  InterfaceState jumbo = Interface(1, kMac);
  jumbo.mtu = 9000;
  netlink_.Change("l0", jumbo);
  table.TakeNews();
  jumbo.mtu = 8000;
  netlink_.Change("l0", jumbo);
  table.TakeNews();
  EXPECT_EQ(dataplane_.grown_for.size(), 1u);
  EXPECT_EQ(closed_, 0);
  EXPECT_EQ(table.Narrow(port), "its interface allows 8000 bytes, and 1500 pass: no memory");
  jumbo.mtu = 65536;  // as loopback has
  netlink_.Change("l0", jumbo);
  EXPECT_EQ(dataplane_.grown_for.size(), 1u);
  EXPECT_EQ(table.Narrow(port), "");
}

// What a reload has prepared is not what an interface asks for, and the other way round.
TEST_F(PortTableTest, AnInterfaceWaitsForTheReloadAndAsksAgainAfterIt) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  dataplane_.prepared = false;
  InterfaceState jumbo = Interface(1, kMac);
  jumbo.mtu = 9000;
  netlink_.Change("l0", jumbo);
  table.TakeNews();
  EXPECT_TRUE(dataplane_.grown_for.empty());
  dataplane_.prepared = absl::ResourceExhaustedError("no memory");
  dataplane_.grown = absl::ResourceExhaustedError("none for it either");
  table.TakeNews();
  EXPECT_EQ(dataplane_.grown_for.size(), 1u);
  table.AskAgainForBuffers();
  dataplane_.grown = true;
  table.TakeNews();
  table.TakeNews();
  EXPECT_EQ(dataplane_.grown_for.size(), 2u);
  EXPECT_EQ(dataplane_.port_spec.mtu, 9000);
}

// The largest of all interfaces asks for no more than Ethernet's, at the start and later, and no number wraps.
TEST_F(PortTableTest, APortFollowsItsInterfaceUpToEthernetsLargest) {
  config::PortConfig port = config_.ports[0];
  EXPECT_EQ(FollowedMtu(port, 68), 68);
  EXPECT_EQ(FollowedMtu(port, 9000), 9000);
  EXPECT_EQ(FollowedMtu(port, 9601), 9600);
  EXPECT_EQ(FollowedMtu(port, 65535), 9600);
  for (const uint32_t loopback : {65536u, 65537u, 131072u, UINT32_MAX})
    EXPECT_EQ(FollowedMtu(port, loopback), 1500);
  port.device = wire::KernelDevice{.interface = "l0", .driver = wire::KernelDriver::kAfXdp};
  EXPECT_EQ(FollowedMtu(port, 65535), 3310);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  InterfaceState jumbo = Interface(1, kMac);
  jumbo.mtu = 65535;
  netlink_.Change("l0", jumbo);
  table.TakeNews();
  EXPECT_EQ(dataplane_.grown_for.front().mtu, 9600);
  EXPECT_EQ(dataplane_.port_spec.mtu, 9600);
}

TEST_F(PortTableTest, BuffersOfAfXdpFitAPage) {
  config_.ports[0].device =
      wire::KernelDevice{.interface = "l0", .driver = wire::KernelDriver::kAfXdp};
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  InterfaceState jumbo = Interface(1, kMac);
  jumbo.mtu = 9000;
  netlink_.Change("l0", jumbo);
  table.TakeNews();
  EXPECT_EQ(dataplane_.buffers_mtu, 3310);
  EXPECT_EQ(dataplane_.port_spec.mtu, 3310);
}

TEST_F(PortTableTest, WhereTheFileSaysTheMtuItsInterfaceAsksForNothing) {
  config_.ports[0].mtu = 1500;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  InterfaceState jumbo = Interface(1, kMac);
  jumbo.mtu = 9000;
  netlink_.Change("l0", jumbo);
  EXPECT_TRUE(dataplane_.grown_for.empty());
}

// The name stands before the reason once: in the sentence that ends warpd, and beside the reason in the status.
TEST_F(PortTableTest, AReasonNamesItsPortOnce) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  dataplane_.add_port = absl::UnavailableError("no driver");
  EXPECT_EQ(table.OpenAll().message(), "port l0: no driver");
  table.Retry();
  EXPECT_EQ(table.ports()[0]->reason, "no driver");
}

// At start a driver that hangs holds up its own port only.
TEST_F(PortTableTest, TheNodeStartsWithoutAPortThatGoesOnOpening) {
  dataplane_.opens = false;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  EXPECT_TRUE(table.OpenAll().ok());
  EXPECT_EQ(table.ports()[0]->state(), "opening");
  EXPECT_EQ(opened_, 0);
}

// What was given up may open while the start waits for another port, and is not taken for that one.
TEST_F(PortTableTest, APortMayOpenWhileTheStartWaitsForAnother) {
  config_.ports.push_back(config_.ports.back());
  config_.ports.back().name = "l1";
  dataplane_.opens = false;
  dataplane_.ids_differ = true;
  for (const absl::Status& first : {absl::OkStatus(), absl::UnavailableError("no driver")}) {
    dataplane_.ports_tried = opened_ = 0;
    bool told = false;
    dataplane_.on_await = [&] {
      if (dataplane_.ports_tried < 2 || std::exchange(told, true)) return;
      dataplane_.news.push_back({.port = 1, .status = first});
      dataplane_.news.push_back({.port = 2, .status = absl::OkStatus()});
    };
    PortTable table(*loop_, netlink_, dataplane_, config_, *this);
    EXPECT_EQ(table.OpenAll(), absl::OkStatus());
    EXPECT_EQ(table.ports()[0]->id, first.ok() ? std::optional<wire::PortId>(1) : std::nullopt);
    EXPECT_EQ(table.ports()[0]->reason, first.message());
    EXPECT_EQ(table.ports()[1]->id, std::optional<wire::PortId>(2));
    EXPECT_EQ(opened_, first.ok() ? 2 : 1);
  }
}

TEST_F(PortTableTest, WhatCannotBeOpenedAtStartIsAnError) {
  dataplane_.opens = false;
  dataplane_.news.push_back({.port = 0, .status = absl::PermissionDeniedError("no raw socket")});
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  const absl::Status status = table.OpenAll();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(status.message(), "port l0: no raw socket");
}

// The kernel reports the carrier of a companion up to a second late, and may tell of other things meanwhile.
TEST_F(PortTableTest, APortWithoutALinkIsDownAtOnceAndStaysSo) {
  dataplane_.port_info.kernel_sees_frames = false;
  InterfaceState state = Interface(1, kMac);
  state.carrier = true;
  netlink_.interfaces["l0"] = state;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(port.state(), "up");
  EXPECT_EQ(table.TakeNews(), 0u);
  dataplane_.link = lcore::LinkState::kDown;
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_EQ(port.state(), "down");
  EXPECT_FALSE(port.kernel.carrier);
  EXPECT_EQ(opened_, 2);
  state.addresses.push_back(*wire::IpAddress::Parse("10.0.0.1"));
  netlink_.Change("l0", state);
  EXPECT_EQ(port.state(), "down");
  EXPECT_EQ(port.kernel.addresses, state.addresses);
  // The link was away for so short a time that the kernel never told of it.
  dataplane_.link = lcore::LinkState::kUp;
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_EQ(port.state(), "up");
  EXPECT_EQ(closed_, 0);
}

TEST_F(PortTableTest, APortMayOpenWithoutALink) {
  dataplane_.port_info.kernel_sees_frames = false;
  dataplane_.link = lcore::LinkState::kDown;
  netlink_.interfaces["l0"].carrier = true;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  EXPECT_EQ(table.ports()[0]->state(), "down");
  dataplane_.link = lcore::LinkState::kUp;
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_EQ(table.ports()[0]->state(), "up");
}

// Its device is closed as that of an interface that is deleted, and opened again when it is back.
TEST_F(PortTableTest, APortWhoseDeviceIsTakenAwayIsClosedUntilItReturns) {
  dataplane_.port_info.kernel_sees_frames = false;
  netlink_.interfaces["l0"].carrier = true;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  dataplane_.link = lcore::LinkState::kGone;
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(dataplane_.ports_removed, 1);
  EXPECT_EQ(port.state(), "missing");
  EXPECT_EQ(port.reason, "l0 was taken away");
  EXPECT_FALSE(port.kernel.carrier);
  EXPECT_EQ(table.TakeNews(), 0u);
  dataplane_.add_port = absl::NotFoundError("no such device");
  table.Retry();
  EXPECT_EQ(port.reason, "no such device");
  dataplane_.add_port = absl::OkStatus();
  dataplane_.link = lcore::LinkState::kUp;
  table.Retry();
  EXPECT_EQ(table.TakeNews(), 1u);
  EXPECT_EQ(port.state(), "up");
}

// No interface stands for it, whose return could be watched for.
TEST_F(PortTableTest, ACardThatIsOptionalMayBeAbsentAtStartAndIsTriedAgain) {
  config_.ports.back().device = wire::PciDevice{"0000:3b:00.0"};
  config_.ports.back().kernel_interface = "warp-l0";
  dataplane_.opens = false;
  for (const bool optional : {false, true}) {
    config_.ports.back().optional = optional;
    dataplane_.news.push_back({.port = 0, .status = absl::NotFoundError("no such device")});
    PortTable table(*loop_, netlink_, dataplane_, config_, *this);
    EXPECT_EQ(table.OpenAll().ok(), optional);
    if (!optional) continue;
    EXPECT_EQ(table.ports()[0]->state(), "missing");
    EXPECT_EQ(table.ports()[0]->reason, "no such device");
    const int tried = dataplane_.ports_tried;
    table.Retry();
    EXPECT_EQ(dataplane_.ports_tried, tried + 1);
  }
}

// An operator may do that, and network managers do. Its name is taken again only some time later, by the turn of each
// second, so that the operator can make another one.
TEST_F(PortTableTest, ACompanionThatIsDeletedIsMadeAnew) {
  NetworkNamespace home;
  if (!home.valid() || access("/dev/net/tun", W_OK) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  config_.ports.back().device = wire::PciDevice{"0000:3b:00.0"};
  config_.ports.back().kernel_interface = "warp-l0";
  dataplane_.port_info.kernel_sees_frames = false;
  home.Do([&] {
    loop_ = *Loop::Open(Loop::BackEnd::kEpoll);
    {
      PortTable table(*loop_, netlink_, dataplane_, config_, *this);
      const PortTable::Port& port = *table.ports()[0];
      ASSERT_EQ(table.OpenAll(), absl::OkStatus());
      ASSERT_NE(port.companion, nullptr);
      const unsigned first = if_nametoindex("warp-l0");
      ASSERT_NE(first, 0u);
      table.Retry();  // changes nothing
      EXPECT_EQ(if_nametoindex("warp-l0"), first);
      ASSERT_TRUE(NetworkNamespace::Run("ip link del warp-l0"));
      ASSERT_TRUE(TurnUntil(*loop_, [&] { return port.companion->gone(); }));
      EXPECT_EQ(if_nametoindex("warp-l0"), 0u);
      ASSERT_TRUE(NetworkNamespace::Run("ip tuntap add warp-l0 mode tun"));  // by mistake
      table.Retry();
      EXPECT_EQ(port.reason,
                "companion interface warp-l0: an interface of that name exists and is not a TAP");
      ASSERT_TRUE(NetworkNamespace::Run("ip link del warp-l0"));
      table.Retry();
      EXPECT_EQ(port.reason, "");
      ASSERT_NE(port.companion, nullptr);
      EXPECT_FALSE(port.companion->gone());
      EXPECT_NE(if_nametoindex("warp-l0"), 0u);
      // It goes at the same moment as the card, and both come back.
      dataplane_.link = lcore::LinkState::kGone;
      EXPECT_EQ(table.TakeNews(), 1u);
      ASSERT_TRUE(NetworkNamespace::Run("ip link del warp-l0"));
      ASSERT_TRUE(TurnUntil(*loop_, [&] { return port.companion->gone(); }));
      dataplane_.link = lcore::LinkState::kUp;
      table.Retry();
      EXPECT_EQ(table.TakeNews(), 1u);
      EXPECT_TRUE(port.id.has_value());
      EXPECT_NE(if_nametoindex("warp-l0"), 0u);
    }
    loop_.reset();
  });
}

// What fails for another reason costs more to try, and is left to the turn of each second.
TEST_F(PortTableTest, OtherErrorsAreNotTriedInSuchHaste) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  dataplane_.add_port = absl::UnavailableError("no driver");
  netlink_.Change("l0", Interface(2, kMac));
  const int tried = dataplane_.ports_tried;
  for (const wire::Instant begin = loop_->BeginTurn(); loop_->BeginTurn() < begin + 20ms;) {
    loop_->RunOnce(64);
  }
  EXPECT_EQ(dataplane_.ports_tried, tried);
  table.Retry();
  EXPECT_EQ(dataplane_.ports_tried, tried + 1);
}

// --- Ports of one address. ---

// A socket that cannot be bound to the interface is bound to its first address, and anew when that has gone.
TEST_F(PortTableTest, APortOfOneAddressFollowsIt) {
  const wire::IpAddress v6 = *wire::IpAddress::Parse("2001:db8::1");
  const wire::IpAddress one = *wire::IpAddress::Parse("10.0.0.1");
  const wire::IpAddress two = *wire::IpAddress::Parse("10.0.0.2");
  InterfaceState state = Interface(1, kMac);
  state.addresses = {v6, one, two};
  netlink_.interfaces["l0"] = state;
  dataplane_.port_info.address = one;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  EXPECT_EQ(dataplane_.port_spec.addresses, (std::vector<wire::IpAddress>{one, two, v6}));
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(port.kernel.addresses, std::vector<wire::IpAddress>{one});
  state.addresses = {v6, one};
  netlink_.Change("l0", state);  // does not concern it
  EXPECT_EQ(closed_, 0);
  dataplane_.port_info.address = v6;
  state.addresses = {v6};
  netlink_.Change("l0", state);
  EXPECT_EQ(closed_, 1);
  table.TakeNews();
  ASSERT_TRUE(port.id.has_value());
  EXPECT_EQ(dataplane_.port_spec.addresses, std::vector<wire::IpAddress>{v6});
  EXPECT_EQ(port.kernel.addresses, std::vector<wire::IpAddress>{v6});
}

// Addresses of IPv6 often come first, and peers may have none.
TEST_F(PortTableTest, APortOfOneAddressIsTheSameInWhateverOrderTheyCome) {
  const wire::IpAddress v6 = *wire::IpAddress::Parse("2001:db8::1");
  const wire::IpAddress v4 = *wire::IpAddress::Parse("10.0.0.1");
  InterfaceState state = Interface(1, kMac);
  state.addresses = {v6};
  netlink_.interfaces["l0"] = state;
  dataplane_.port_info.address = v6;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  state.addresses = {v6, *wire::IpAddress::Parse("2001:db8::2")};
  netlink_.Change("l0", state);
  state.addresses.push_back(v4);
  state.deprecated = {v4};
  netlink_.Change("l0", state);
  EXPECT_EQ(closed_, 0) << "neither is better";
  state.deprecated.clear();
  dataplane_.port_info.address = v4;
  netlink_.Change("l0", state);
  EXPECT_EQ(closed_, 1);
  table.TakeNews();
  ASSERT_TRUE(port.id.has_value());
  EXPECT_EQ(dataplane_.port_spec.addresses[0], v4);
  EXPECT_EQ(port.kernel.addresses, std::vector<wire::IpAddress>{v4});
  netlink_.Change("l0", state);
  EXPECT_EQ(closed_, 1);
}

// DHCP may take its time.
TEST_F(PortTableTest, AnInterfaceWithoutTheAddressThatItsPortNeedsIsWaitedFor) {
  dataplane_.opens = false;
  dataplane_.on_await = [this] {
    dataplane_.news.push_back({.port = 0, .status = absl::CancelledError("it has no address")});
  };
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  EXPECT_EQ(table.ports()[0]->reason, "it has no address");
  EXPECT_FALSE(table.ports()[0]->held);
  dataplane_.opens = true;
  InterfaceState state = Interface(1, kMac);
  state.addresses = {*wire::IpAddress::Parse("10.0.0.1")};
  netlink_.Change("l0", state);
  table.TakeNews();
  EXPECT_TRUE(table.ports()[0]->id.has_value());
}

// --- VLANs. ---

class VlanPortsTest : public PortTableTest {
 protected:
  VlanPortsTest() {
    config_.ports.back().vlan = 10;
    config_.ports.back().kernel_interface = "l0.10";
    netlink_.interfaces["l0"].carrier = true;
  }
  InterfaceState Own(int index, int over) {
    InterfaceState state = Interface(index, kMac);
    state.carrier = true;
    state.over = over;
    state.addresses = {*wire::IpAddress::Parse("10.0.0.1")};
    return state;
  }
};

TEST_F(VlanPortsTest, TheKernelsInterfaceOfTheVlanHasTheAddresses) {
  netlink_.interfaces["l0.10"] = Own(7, /*over=*/1);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(dataplane_.port_spec.vlan, (lcore::PortVlan{.id = 10, .of_kernel = true}));
  EXPECT_TRUE(dataplane_.port_spec.device_vlans.empty());  // it has a socket of its own
  EXPECT_EQ(port.state(), "up");
  EXPECT_EQ(port.kernel.addresses.size(), 1u);
  EXPECT_EQ(port.outlet().interface, "l0.10");
  EXPECT_EQ(port.companion, nullptr);
  InterfaceState renewed = Own(7, 1);
  renewed.addresses.clear();
  netlink_.Change("l0.10", renewed);
  EXPECT_TRUE(port.kernel.addresses.empty());
  EXPECT_EQ(closed_, 0);
}

// It is set up anew: its name must be free for that.
TEST_F(VlanPortsTest, NothingTakesThePlaceOfTheKernelsInterfaceThatGoes) {
  netlink_.interfaces["l0.10"] = Own(7, /*over=*/1);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  netlink_.Change("l0.10", {});
  EXPECT_EQ(port.state(), "down");
  netlink_.Change("l0", {});
  EXPECT_EQ(closed_, 1);
  netlink_.Change("l0", Interface(3, kMac));
  table.TakeNews();
  EXPECT_TRUE(port.id.has_value());
  EXPECT_TRUE(dataplane_.port_spec.vlan.of_kernel);
  netlink_.Change("l0.10", Own(8, /*over=*/3));
  EXPECT_EQ(port.kernel.addresses.size(), 1u);
}

// The port comes and goes with the interface below its VLAN, whatever the other one does.
TEST_F(VlanPortsTest, TheDeviceIsTheInterfaceBelow) {
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const PortTable::Port& port = *table.ports()[0];
  EXPECT_EQ(dataplane_.port_spec.vlan, (lcore::PortVlan{.id = 10, .of_kernel = false}));
  netlink_.Change("l0.10", Own(9, /*over=*/0));  // a TAP
  EXPECT_EQ(port.state(), "up");
  InterfaceState below = netlink_.interfaces["l0"];
  below.carrier = false;
  netlink_.Change("l0", below);
  EXPECT_EQ(port.state(), "down");
  EXPECT_EQ(closed_, 0);
  below.carrier = true;
  netlink_.Change("l0", below);
  EXPECT_EQ(port.state(), "up");
  netlink_.Change("l0", {});
  EXPECT_EQ(port.state(), "missing");
  EXPECT_EQ(port.reason, "interface l0 is gone");
  netlink_.Change("l0", below);
  table.TakeNews();
  EXPECT_EQ(port.state(), "up");
}

TEST_F(VlanPortsTest, AnInterfaceThatIsMissingIsThatBelow) {
  netlink_.interfaces.erase("l0");
  netlink_.interfaces["l0.10"] = Own(7, /*over=*/1);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  EXPECT_EQ(table.OpenAll().message(), "port l0: there is no network interface l0");
}

TEST_F(VlanPortsTest, APolledDeviceIsOpenedWithAllVlansOfItsPorts) {
  config_.ports[0].device =
      wire::KernelDevice{.interface = "l0", .driver = wire::KernelDriver::kAfXdp};
  config_.ports.push_back(config::PortConfig(config_.ports[0]));
  config_.ports.back().name = "two";
  config_.ports.back().vlan = 20;
  config_.ports.back().kernel_interface = "l0.20";
  config_.ports.back().mtu = 1400;
  netlink_.interfaces["l0.20"] = Own(8, /*over=*/1);
  dataplane_.ids_differ = true;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  const std::vector<lcore::PortVlan> all = {{.id = 10}, {.id = 20, .of_kernel = true}};
  EXPECT_EQ(dataplane_.port_spec.device_vlans, all);
  EXPECT_EQ(dataplane_.port_spec.device_mtu, 1400);
  EXPECT_EQ(dataplane_.port_spec.vlan, all[1]);
  netlink_.Change("l0", {});
  EXPECT_EQ(closed_, 2);
}

// A reload opens ports one after the other.
TEST_F(VlanPortsTest, APolledDeviceThatOpensAnewKnowsTheVlansOfPortsThatAreYetToOpen) {
  config_.ports[0].device =
      wire::KernelDevice{.interface = "l0", .driver = wire::KernelDriver::kAfXdp};
  dataplane_.ids_differ = true;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  config_.ports.push_back(config::PortConfig(config_.ports[0]));
  config_.ports.back().name = "two";
  config_.ports.back().vlan = 20;
  config_.ports.back().kernel_interface = "l0.20";
  config_.ports.back().mtu = 1400;
  netlink_.interfaces["l0.20"] = Own(8, /*over=*/1);
  table.FollowConfig();
  table.Close("l0");
  ASSERT_TRUE(table.Open(config_.ports[0]).ok());
  const std::vector<lcore::PortVlan> all = {{.id = 10}, {.id = 20, .of_kernel = true}};
  EXPECT_EQ(dataplane_.port_spec.device_vlans, all);
  EXPECT_EQ(dataplane_.port_spec.device_mtu, 1400);
  ASSERT_TRUE(table.Open(config_.ports[1]).ok());
  EXPECT_EQ(dataplane_.port_spec.device_vlans, all);
}

// --- Patterns. ---

class PatternPortsTest : public PortTableTest {
 protected:
  PatternPortsTest() {
    config_.node.max_ports = 3;
    config_.ports.emplace_back();
    config_.ports.back().name = "lte";
    config_.ports.back().device = wire::KernelDevice{.interface = "wwan*"};
    dataplane_.ids_differ = true;
  }
  void OnPortMade(const config::PortConfig& port) override { made_.push_back(port.name); }
  void OnPortForgotten(const config::PortConfig& port) override { forgotten_.push_back(port.name); }
  static std::string Text(const PortTable& table) {
    std::string text;
    for (const auto& port : table.ports())
      absl::StrAppend(&text, port->config.name, " ", port->state(), ", ");
    return text;
  }
  std::vector<std::string> made_, forgotten_;
};

TEST_F(PatternPortsTest, APortIsMadeWithItsInterfaceAndForgottenWithIt) {
  netlink_.interfaces["wwan0"] = Interface(5, kMac);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  table.TakeNews();
  EXPECT_EQ(Text(table), "l0 down, wwan0 down, ");
  netlink_.Change("wwan1", Interface(6, kMac));
  table.TakeNews();
  EXPECT_EQ(Text(table), "l0 down, wwan0 down, wwan1 down, ");
  netlink_.Change("wwan0", {});
  EXPECT_EQ(Text(table), "l0 down, wwan1 down, ");
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(made_, (std::vector<std::string>{"wwan0", "wwan1"}));
  EXPECT_EQ(forgotten_, (std::vector<std::string>{"wwan0"}));
}

// The last of three goes while the others stay, and one whose device is being opened goes, too.
TEST_F(PatternPortsTest, AnInterfaceThatGoesWhileItsDeviceOpensLeavesNothingBehind) {
  dataplane_.opens = false;
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  dataplane_.on_await = [&] { dataplane_.news.push_back({.port = 1, .status = absl::OkStatus()}); };
  ASSERT_TRUE(table.OpenAll().ok());
  netlink_.Change("wwan0", Interface(5, kMac));
  EXPECT_EQ(Text(table), "l0 down, wwan0 opening, ");
  netlink_.Change("wwan0", {});
  EXPECT_EQ(Text(table), "l0 down, ");
  EXPECT_EQ(dataplane_.ports_removed, 1);
  EXPECT_EQ(closed_, 0);
}

// What is wrong with one interface that happens to match is its own state, also at the start of the node.
TEST_F(PatternPortsTest, APortThatCannotBeOpenedIsNoErrorOfTheNode) {
  netlink_.interfaces["wwan0"] = Interface(5, kMac);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  dataplane_.on_await = [&] { dataplane_.add_port = absl::InvalidArgumentError("no driver"); };
  ASSERT_TRUE(table.OpenAll().ok());
  EXPECT_EQ(Text(table), "l0 down, wwan0 missing, ");
  EXPECT_EQ(table.ports()[1]->reason, "no driver");
  dataplane_.add_port = absl::OkStatus();
  table.Retry();
  table.TakeNews();
  EXPECT_EQ(Text(table), "l0 down, wwan0 down, ");
}

TEST_F(PatternPortsTest, TheRoomOfAPortThatHasGoneIsTheNextOnes) {
  for (int i = 0; i < 4; ++i)
    netlink_.interfaces["wwan" + std::to_string(i)] = Interface(5 + i, kMac);
  PortTable table(*loop_, netlink_, dataplane_, config_, *this);
  ASSERT_TRUE(table.OpenAll().ok());
  table.TakeNews();
  EXPECT_EQ(Text(table), "l0 down, wwan0 down, wwan1 down, ");
  EXPECT_EQ(table.patterns().entries()[0].left_out.size(), 2u);
  netlink_.Change("wwan0", {});
  table.TakeNews();
  EXPECT_EQ(Text(table), "l0 down, wwan1 down, wwan2 down, ");
}

}  // namespace
}  // namespace warp::control
