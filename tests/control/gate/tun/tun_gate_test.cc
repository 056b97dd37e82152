// TUN and TAP gates over the kernel's own interfaces, in a network namespace. The test is the tunnel, and its peer.
#include "control/gate/tun/tun_gate.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "control/kernel/netlink.h"
#include "dataplane/os/socket_address.h"
#include "tests/control/gate/fake_tunnel.h"
#include "tests/control/gate/tun/packet/packets.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::HasSubstr;
using wire::Drop;

PacketBytes BytesOf(const std::string& payload) { return {payload.begin(), payload.end()}; }

Delivery Payload(PacketBytes packet) {
  const wire::Bytes bytes(packet);
  return Delivery(bytes, std::move(packet));
}

class TunGateTest : public ::testing::Test {
 protected:
  // A tunnel's gate, and what came out of it.
  struct Site {
    std::shared_ptr<TunInterface> interface;
    FakeTunnel tunnel;
    std::unique_ptr<TunGate> gate;
  };

  void SetUp() override {
    if (!home_.valid() || access("/dev/net/tun", W_OK) != 0)
      GTEST_SKIP() << "needs CAP_SYS_ADMIN and TUN";
  }
  void Story(const std::function<void()>& story) {
    home_.Do([&] {
      loop_ = MakeLoop();
      netlink_ = *Netlink::Open(*loop_);
      helper_ = *HelperThread::Start("interfaces");
      helper_watch_ = std::make_unique<Watch>(*loop_, helper_->fd(), POLLIN,
                                              [this](uint32_t) { helper_->RunFinished(); });
      story();
      sites_.clear();
      helper_watch_.reset();
      helper_.reset();
      netlink_.reset();
      loop_.reset();
    });
  }
  static void Ip(const std::string& command) {
    EXPECT_TRUE(NetworkNamespace::Run("ip " + command)) << command;
  }
  absl::StatusOr<std::shared_ptr<TunInterface>> Open(TunOptions options) {
    return TunInterface::Open({.loop = *loop_,
                               .helper = *helper_,
                               .say = [this](const std::string& said) { log_.push_back(said); },
                               .raise_after = raise_after_},
                              options);
  }
  static TunOptions Warp0(uint32_t mtu = 1400) {
    return {.name = "warp0",
            .addresses = {{*wire::IpAddress::Parse("10.9.0.2"), 24},
                          {*wire::IpAddress::Parse("fd00::2"), 64}},
            .mtu = mtu};
  }
  Site& Add(TunOptions options, std::vector<TunPrefix> routes = {}) {
    return AddRole(options, {.routes = std::move(routes)});
  }
  Site& AddRole(TunOptions options, TunRole role) {
    Site& site = *sites_.emplace_back(std::make_unique<Site>());
    if (sites_.size() > 1 && sites_[0]->interface != nullptr && options.addresses.empty()) {
      site.interface = sites_[0]->interface;
    } else {
      auto interface = Open(options);
      EXPECT_TRUE(interface.ok()) << interface.status();
      site.interface = *std::move(interface);
    }
    site.gate = std::make_unique<TunGate>(site.interface, std::move(role), site.tunnel);
    return site;
  }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }
  // Until it is released, whatever is to change interfaces waits, as it does for the kernel's lock.
  void HoldHelper() {
    helper_->Submit([released = released_.get_future().share()]() -> HelperThread::Finish {
      released.wait();
      return [] {};
    });
  }
  void ReleaseHelper() { released_.set_value(); }
  InterfaceState State() { return netlink_->Find("warp0"); }
  static size_t CountOf(const Site& site, uint8_t protocol, Layer layer = Layer::kIp) {
    size_t count = 0;
    for (const std::string& got : site.tunnel.got) {
      const PacketBytes packet = BytesOf(got);
      const auto inner = ReadInnerPacket(packet, layer);
      EXPECT_TRUE(inner.has_value());
      count += inner->version != 0 && inner->protocol == protocol;
    }
    return count;
  }
  static int Udp(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const os::SocketAddress any(wire::Endpoint{wire::IpAddress::V4({0, 0, 0, 0}), port});
    EXPECT_EQ(bind(fd, any.get(), any.size()), 0);
    return fd;
  }

  NetworkNamespace home_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Netlink> netlink_;
  std::unique_ptr<HelperThread> helper_;
  std::unique_ptr<Watch> helper_watch_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<std::string> log_;
  std::promise<void> released_;
  wire::Duration raise_after_ = std::chrono::seconds(60);
};

TEST_F(TunGateTest, IsMadeWithAddressesAndEndsWithItsOwner) {
  Story([&] {
    Add(Warp0());
    ASSERT_TRUE(Turn([&] { return State().up() && State().addresses.size() == 2; }));
    EXPECT_EQ(State().mtu, 1400u);
    sites_.clear();
    ASSERT_TRUE(Turn([&] { return !State().present(); }));
  });
}

TEST_F(TunGateTest, PacketsPassBothWays) {
  Story([&] {
    Site& site = Add(Warp0());
    const os::UniqueFd app(Udp(80));
    const os::SocketAddress to(*wire::Endpoint::Parse("10.9.0.1:1000"));
    ASSERT_EQ(sendto(app.get(), "hello", 5, 0, to.get(), to.size()), 5);
    ASSERT_TRUE(Turn([&] { return CountOf(site, kProtocolUdp) == 1; }));
    for (const std::string& got : site.tunnel.got) {
      const PacketBytes packet = BytesOf(got);
      if (ReadInnerPacket(packet, Layer::kIp)->protocol != kProtocolUdp) continue;
      EXPECT_TRUE(ChecksumsAreRight(packet, Layer::kIp));
    }
    site.gate->Deliver(Payload(MakePacket({.protocol = kProtocolUdp, .data = 3})));
    site.gate->Flush();
    char answer[10];
    ASSERT_TRUE(Turn([&] { return recv(app.get(), answer, sizeof(answer), 0) == 3; }));
    EXPECT_EQ(site.gate->counters().to_app, 1u);
    EXPECT_GE(site.gate->counters().from_app, 1u);
  });
}

// Whoever reads datagrams one by one gets them so, though the kernel got them joined.
TEST_F(TunGateTest, JoinedDatagramsComeOneByOne) {
  Story([&] {
    Site& site = Add(Warp0());
    const os::UniqueFd app(Udp(80));
    for (uint16_t i = 0; i < 10; ++i) {
      site.gate->Deliver(Payload(MakePacket({.protocol = kProtocolUdp,
                                             .id = static_cast<uint16_t>(40 + i),
                                             .data = 900,
                                             .first = static_cast<uint8_t>(i)})));
    }
    site.gate->Flush();
    EXPECT_EQ(site.gate->status().joined, site.interface->joins_udp() ? 1u : 0u);
    for (uint8_t i = 0; i < 10; ++i) {
      uint8_t data[2000];
      ASSERT_TRUE(Turn([&] { return recv(app.get(), data, sizeof(data), 0) == 900; }));
      EXPECT_EQ(data[0], i);
    }
  });
}

// Two kernels speak TCP with each other through two gates, and each byte arrives.
TEST_F(TunGateTest, TcpPassesInSuperPackets) {
  NetworkNamespace far;
  Story([&] {
    Site& near_site = Add(Warp0(1300));
    const int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const int other =
        open(("/proc/self/task/" + std::to_string(far.tid()) + "/ns/net").c_str(), O_RDONLY);
    ASSERT_EQ(setns(other, CLONE_NEWNET), 0);
    TunOptions options = Warp0(1300);
    options.addresses = {{*wire::IpAddress::Parse("10.9.0.1"), 24}};
    Site& far_site = Add(options);
    const os::UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const os::SocketAddress at(*wire::Endpoint::Parse("10.9.0.1:80"));
    ASSERT_EQ(bind(listener.get(), at.get(), at.size()), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    ASSERT_EQ(setns(home, CLONE_NEWNET), 0);
    close(home);
    close(other);

    constexpr size_t kBytes = size_t{8} << 20;
    const os::UniqueFd sender(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::thread send_all([&] {
      if (connect(sender.get(), at.get(), at.size()) != 0) return;
      std::vector<uint8_t> data(kBytes);
      std::iota(data.begin(), data.end(), uint8_t{0});
      for (size_t sent = 0; sent < kBytes;) {
        const ssize_t more = send(sender.get(), &data[sent], kBytes - sent, 0);
        if (more <= 0) return;
        sent += static_cast<size_t>(more);
      }
    });
    std::atomic<bool> over{false};
    size_t got = 0, wrong = 0;
    std::thread receive_all([&] {
      const os::UniqueFd fd(accept(listener.get(), nullptr, nullptr));
      std::vector<uint8_t> data(65536);
      while (got < kBytes) {
        const ssize_t more = recv(fd.get(), data.data(), data.size(), 0);
        if (more <= 0) break;
        for (size_t i = 0; i < static_cast<size_t>(more); ++i)
          wrong += data[i] != static_cast<uint8_t>(got + i);
        got += static_cast<size_t>(more);
      }
      over = true;
    });
    size_t largest = 0;
    const auto carry = [&](Site& from, Site& to) {
      for (const std::string& packet : from.tunnel.got) {
        largest = std::max(largest, packet.size());
        to.gate->Deliver(Payload(BytesOf(packet)));
      }
      from.tunnel.got.clear();
      to.gate->Flush();
    };
    EXPECT_TRUE(Turn([&] {
      carry(near_site, far_site);
      carry(far_site, near_site);
      return over.load();
    }));
    shutdown(sender.get(), SHUT_RDWR);
    shutdown(listener.get(), SHUT_RDWR);
    send_all.join();
    receive_all.join();
    EXPECT_EQ(got, kBytes);
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(largest, 1300u);
    EXPECT_GT(near_site.gate->status().cut, 100u);
    EXPECT_GT(far_site.gate->status().joined, 100u);
    EXPECT_EQ(near_site.gate->counters().drops.Get(Drop::kBadPacket), 0u);
  });
}

TEST_F(TunGateTest, SynsAskForWhatThePathsCarry) {
  Story([&] {
    Site& site = Add(Warp0(1500));
    site.gate->SetRoom(1380);
    const os::UniqueFd app(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const os::SocketAddress to(*wire::Endpoint::Parse("10.9.0.1:80"));
    connect(app.get(), to.get(), to.size());
    ASSERT_TRUE(Turn([&] { return CountOf(site, kProtocolTcp) > 0; }));
    for (const std::string& got : site.tunnel.got) {
      const PacketBytes packet = BytesOf(got);
      if (ReadInnerPacket(packet, Layer::kIp)->protocol != kProtocolTcp) continue;
      EXPECT_EQ(Get32(packet, 40), 0x02040000u + 1340);
      EXPECT_TRUE(ChecksumsAreRight(packet, Layer::kIp));
    }
  });
}

// The answer to a SYN may come by another tunnel than the data: the narrowest one counts, both ways.
TEST_F(TunGateTest, SynsAskForWhatEachTunnelOfTheirClassesCarries) {
  Story([&] {
    Site& bulk =
        AddRole(Warp0(1500), {.tunnel = "office", .classes = {{{.interactive = true}, "quick"}}});
    Site& quick = AddRole({}, {.tunnel = "quick", .class_of = "office"});
    bulk.gate->SetRoom(1340);
    quick.gate->SetRoom(1400);
    const os::UniqueFd app(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const os::SocketAddress to(*wire::Endpoint::Parse("10.9.0.1:80"));
    connect(app.get(), to.get(), to.size());
    ASSERT_TRUE(Turn([&] { return CountOf(quick, kProtocolTcp) > 0; }));
    EXPECT_EQ(Get32(BytesOf(quick.tunnel.got[0]), 40), 0x02040000u + 1300);
    EXPECT_GT(quick.tunnel.interactive, 0u);
  });
}

TEST_F(TunGateTest, WhatTheSinkDoesNotTakeIsKept) {
  Story([&] {
    // IPv6 would send packets of its own.
    ASSERT_TRUE(NetworkNamespace::Run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1"));
    TunOptions options = Warp0();
    options.addresses.pop_back();
    Site& site = Add(options);
    const os::UniqueFd app(Udp(80));
    const os::SocketAddress to(*wire::Endpoint::Parse("10.9.0.1:1000"));
    Settle(*loop_);
    site.tunnel.got.clear();
    site.tunnel.room = 1;
    for (int i = 0; i < 5; ++i) ASSERT_EQ(sendto(app.get(), "x", 1, 0, to.get(), to.size()), 1);
    ASSERT_TRUE(Turn([&] { return site.tunnel.got.size() == 1; }));
    Settle(*loop_);
    EXPECT_EQ(site.tunnel.got.size(), 1u);
    site.tunnel.room = 1;
    site.gate->Resume();
    ASSERT_TRUE(Turn([&] { return CountOf(site, kProtocolUdp) == 2; }));
    // At the end, what was taken out of the kernel is given, and no more.
    Settle(*loop_);
    site.tunnel.room = SIZE_MAX;
    site.gate->Drain();
    EXPECT_EQ(CountOf(site, kProtocolUdp), 3u);
    site.gate->Resume();
    ASSERT_TRUE(Turn([&] { return CountOf(site, kProtocolUdp) == 5; }));
  });
}

// The workers of one tunnel stand still: its packets wait for a while, and are dropped then.
TEST_F(TunGateTest, ATunnelThatTakesNothingStopsNoOther) {
  Story([&] {
    Site& one = Add(Warp0(), {{*wire::IpAddress::Parse("10.1.0.0"), 16}});
    Site& two = Add({}, {{*wire::IpAddress::Parse("10.2.0.0"), 16}});
    Ip("route add 10.0.0.0/8 dev warp0");
    const os::UniqueFd app(Udp(80));
    const auto send = [&](const char* to) {
      const os::SocketAddress address(*wire::Endpoint::Parse(to));
      ASSERT_EQ(sendto(app.get(), "x", 1, 0, address.get(), address.size()), 1);
    };
    two.tunnel.room = 1;
    for (int i = 0; i < 6; ++i) send("10.2.0.1:9");
    for (int i = 0; i < 3; ++i) send("10.1.0.1:9");
    ASSERT_TRUE(Turn([&] { return CountOf(one, kProtocolUdp) == 3; }));
    EXPECT_EQ(CountOf(two, kProtocolUdp), 1u);
    EXPECT_EQ(two.gate->counters().drops.Get(Drop::kGateFull), 5u);
    EXPECT_EQ(one.gate->counters().drops.Get(Drop::kGateFull), 0u);
    two.tunnel.room = SIZE_MAX;
    two.gate->Resume();
    send("10.2.0.1:9");
    ASSERT_TRUE(Turn([&] { return CountOf(two, kProtocolUdp) == 2; }));
  });
}

// Nor does one that is closed while its packets wait.
TEST_F(TunGateTest, ATunnelThatEndsWhileItsPacketsWaitStopsNoOther) {
  for (const bool drained : {false, true}) {
    Story([&] {
      Site& one = Add(Warp0(), {{*wire::IpAddress::Parse("10.1.0.0"), 16}});
      Site& two = Add({}, {{*wire::IpAddress::Parse("10.2.0.0"), 16}});
      Ip("route add 10.0.0.0/8 dev warp0");
      const os::UniqueFd app(Udp(80));
      two.tunnel.room = 0;
      for (const char* to : {"10.2.0.1:9", "10.2.0.1:9", "10.1.0.1:9"}) {
        const os::SocketAddress address(*wire::Endpoint::Parse(to));
        ASSERT_EQ(sendto(app.get(), "x", 1, 0, address.get(), address.size()), 1);
      }
      loop_->RunOnce(64);
      two.tunnel.room = SIZE_MAX;
      if (drained) two.gate->Drain();
      two.gate.reset();
      ASSERT_TRUE(Turn([&] { return CountOf(one, kProtocolUdp) == 1; })) << drained;
    });
  }
}

TEST_F(TunGateTest, PrefixesSayWhichTunnelAndWhoMaySend) {
  Story([&] {
    Site& one = Add(Warp0(), {{*wire::IpAddress::Parse("10.9.0.1"), 32},
                              {*wire::IpAddress::Parse("10.1.0.0"), 16}});
    Site& two = Add({}, {{*wire::IpAddress::Parse("10.1.7.0"), 24}});
    Ip("route add 10.0.0.0/8 dev warp0");
    const os::UniqueFd app(Udp(80));
    for (const char* to : {"10.1.1.1:9", "10.1.7.1:9", "10.5.5.5:9", "10.1.7.2:9"}) {
      const os::SocketAddress address(*wire::Endpoint::Parse(to));
      ASSERT_EQ(sendto(app.get(), "x", 1, 0, address.get(), address.size()), 1);
    }
    ASSERT_TRUE(Turn([&] {
      return CountOf(one, kProtocolUdp) == 1 && CountOf(two, kProtocolUdp) == 2 &&
             one.gate->counters().drops.Get(Drop::kNoRoute) > 0;
    }));
    const PacketBytes packet = MakePacket({.protocol = kProtocolUdp});  // from 10.9.0.1
    two.gate->Deliver(Payload(packet));
    EXPECT_EQ(two.gate->counters().drops.Get(Drop::kSpoofedSource), 1u);
    one.gate->Deliver(Payload(packet));
    one.gate->Flush();
    EXPECT_EQ(one.gate->counters().to_app, 1u);
    two.gate.reset();  // its packets have the next longer prefix then
    const os::SocketAddress address(*wire::Endpoint::Parse("10.1.7.1:9"));
    sendto(app.get(), "x", 1, 0, address.get(), address.size());
    ASSERT_TRUE(Turn([&] { return CountOf(one, kProtocolUdp) == 2; }));
  });
}

// What matters goes by another tunnel, a super-packet whole; both tunnels write into the interface.
TEST_F(TunGateTest, AClassGoesByItsTunnel) {
  Story([&] {
    const TunRole office{.tunnel = "office",
                         .routes = {{*wire::IpAddress::Parse("10.9.0.0"), 24}},
                         .classes = {{{.dscp = {46}}, "voice"}}};
    Site& bulk = AddRole(Warp0(), office);
    Site& voice = AddRole({}, {.tunnel = "voice", .class_of = "office"});
    const os::UniqueFd app(Udp(80));
    const os::SocketAddress to(*wire::Endpoint::Parse("10.9.0.1:1000"));
    ASSERT_EQ(sendto(app.get(), "x", 1, 0, to.get(), to.size()), 1);
    const int mark = 46 << 2, segment = 500;
    ASSERT_EQ(setsockopt(app.get(), IPPROTO_IP, IP_TOS, &mark, sizeof(mark)), 0);
    const std::vector<uint8_t> data(2600);
    ASSERT_EQ(setsockopt(app.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
    ASSERT_EQ(sendto(app.get(), data.data(), data.size(), 0, to.get(), to.size()), 2600);
    ASSERT_TRUE(Turn(
        [&] { return CountOf(bulk, kProtocolUdp) == 1 && CountOf(voice, kProtocolUdp) == 6; }));
    EXPECT_EQ(voice.gate->status().cut, voice.interface->joins_udp() ? 1u : 0u);
    EXPECT_EQ(bulk.gate->status().cut, 0u);
    char got[200];
    for (Site* const site : {&bulk, &voice}) {
      site->gate->Deliver(Payload(MakePacket({.protocol = kProtocolUdp})));
      site->gate->Deliver(Payload(MakePacket({.v6 = true, .protocol = kProtocolUdp})));
      site->gate->Flush();
      ASSERT_TRUE(Turn([&] { return recv(app.get(), got, sizeof(got), 0) == 100; }));
      EXPECT_EQ(site->gate->counters().to_app, 1u);
      EXPECT_EQ(site->gate->counters().drops.Get(Drop::kSpoofedSource), 1u);
    }
  });
}

TEST_F(TunGateTest, WhatIsNoPacketIsADrop) {
  Story([&] {
    Site& site = Add(Warp0());
    site.gate->Deliver(Payload({}));
    site.gate->Deliver(Payload(PacketBytes(100, 0xee)));
    PacketBytes cut = MakePacket({.data = 500});
    cut.resize(400);
    site.gate->Deliver(Payload(cut));
    site.gate->Flush();
    EXPECT_EQ(site.gate->counters().drops.Get(Drop::kBadPacket), 3u);
    EXPECT_EQ(site.gate->counters().to_app, 0u);
  });
}

TEST_F(TunGateTest, AnInterfaceThatIsDownTakesNothing) {
  Story([&] {
    Site& site = Add(Warp0());
    Ip("link set warp0 down");
    site.gate->Deliver(Payload(MakePacket({})));
    site.gate->Flush();
    EXPECT_EQ(site.gate->counters().drops.Get(Drop::kNoReceiver), 1u);
    EXPECT_EQ(site.gate->status().trouble, "");
  });
}

// Nobody behind the peer becomes this machine's router by a word of his own. What the operator made is his affair.
TEST_F(TunGateTest, TheKernelBelievesNoAdvertisementOfThePeers) {
  const auto setting = [] {
    std::string value;
    std::ifstream("/proc/sys/net/ipv6/conf/warp0/accept_ra") >> value;
    return value;
  };
  if (access("/proc/sys/net/ipv6", F_OK) != 0) GTEST_SKIP() << "needs IPv6";
  for (const bool ours : {true, false}) {
    Story([&] {
      if (!ours) Ip("tuntap add warp0 mode tun");
      Add(Warp0());
      ASSERT_TRUE(Turn([&] { return State().up(); }));
      EXPECT_EQ(setting(), ours ? "0" : "1");
      Settle(*loop_);
      EXPECT_TRUE(Turn([&] { return State().link_locals.empty() == ours; }));
      EXPECT_TRUE(log_.empty());
      sites_.clear();
      if (!ours) Ip("link del warp0");
    });
  }
}

// One packet that cannot be given is no reason to give up the interface.
TEST(TunDeviceTest, WhatAFailedReadSays) {
  EXPECT_EQ(FaultOf(EAGAIN), ReadFault::kNothing);
  EXPECT_EQ(FaultOf(EINTR), ReadFault::kAgain);
  EXPECT_EQ(FaultOf(EINVAL), ReadFault::kPacket);
  EXPECT_EQ(FaultOf(EBADFD), ReadFault::kInterface);
  EXPECT_EQ(FaultOf(EIO), ReadFault::kInterface);
}

TEST_F(TunGateTest, AnInterfaceThatVanishesIsMadeAnew) {
  Story([&] {
    Site& site = Add(Warp0());
    ASSERT_TRUE(Turn([&] { return State().up(); }));
    const int before = State().index;
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return State().up() && State().index != before; }));
    ASSERT_TRUE(Turn([&] { return site.gate->status().trouble.empty(); }));
    EXPECT_EQ(State().mtu, 1400u);
    ASSERT_EQ(log_.size(), 2u);
    EXPECT_THAT(log_[0], HasSubstr("interface warp0 is gone"));
    EXPECT_EQ(log_[1], "interface warp0 is back");
    site.gate->Deliver(Payload(MakePacket({.protocol = kProtocolUdp})));
    site.gate->Flush();
    EXPECT_EQ(site.gate->counters().to_app, 1u);
  });
}

// Closing waits for the kernel's lock, which whoever deletes the interface may have still: the loop must not.
TEST_F(TunGateTest, OneThatIsGoneIsClosedByTheHelper) {
  Story([&] {
    const auto open_devices = [] {
      size_t count = 0;
      std::error_code error;
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        count += std::filesystem::read_symlink(entry.path(), error) == "/dev/net/tun";
      }
      return count;
    };
    Site& site = Add(Warp0());
    ASSERT_EQ(open_devices(), 1u);
    HoldHelper();
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return !site.gate->status().trouble.empty(); }));
    EXPECT_EQ(open_devices(), 1u);
    ReleaseHelper();
    ASSERT_TRUE(Turn([&] { return site.gate->status().trouble.empty(); }));
    EXPECT_EQ(open_devices(), 1u);  // the new one alone
  });
}

// The kernel may make the opening wait, and paths change meanwhile.
// The kernel takes its time to take an interface away.
TEST_F(TunGateTest, OneWhoseOwnerEndsIsClosedByTheHelper) {
  Story([&] {
    Add(Warp0());
    EXPECT_TRUE(Turn([&] { return State().present(); }));
    HoldHelper();
    sites_.clear();
    EXPECT_NE(if_nametoindex("warp0"), 0u);
    ReleaseHelper();
    EXPECT_TRUE(Turn([&] { return !State().present(); }));
  });
}

TEST_F(TunGateTest, OneThatIsOpenedAgainHasTheMtuOfThePathsOfThen) {
  Story([&] {
    Site& site = Add(Warp0(0));
    site.gate->SetRoom(1428);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1428; }));
    HoldHelper();
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return !site.gate->status().trouble.empty(); }));
    Settle(*loop_);  // the opening waits for the helper now
    site.gate->SetRoom(1350);
    ReleaseHelper();
    ASSERT_TRUE(Turn([&] { return site.gate->status().trouble.empty(); }));
    EXPECT_TRUE(Turn([&] { return State().mtu == 1350; }));
    EXPECT_EQ(site.gate->status().mtu, 1350u);
  });
}

// Where the operator was faster, it is the operator's from then on.
TEST_F(TunGateTest, OneThatTheOperatorMadeInItsPlaceIsTheOperators) {
  Story([&] {
    Site& site = Add(Warp0());
    HoldHelper();
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return !site.gate->status().trouble.empty(); }));
    Ip("tuntap add warp0 mode tun");
    ReleaseHelper();
    ASSERT_TRUE(Turn([&] { return site.gate->status().trouble.empty(); }));
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return !site.gate->status().trouble.empty(); }));
    Settle(*loop_);
    EXPECT_FALSE(State().present());
    EXPECT_NE(site.gate->status().trouble, "");
  });
}

// Another kind of interface has the name now: that is a state, and ends with it.
TEST_F(TunGateTest, OneOfAnotherKindInItsPlaceIsWaitedOut) {
  Story([&] {
    Site& site = Add(Warp0());
    HoldHelper();
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return !site.gate->status().trouble.empty(); }));
    Ip("link add warp0 type veth peer name far0");
    ReleaseHelper();
    ASSERT_TRUE(
        Turn([&] { return site.gate->status().trouble.find("is no TUN") != std::string::npos; }));
    site.gate->Deliver(Payload(MakePacket({})));
    site.gate->Flush();
    EXPECT_EQ(site.gate->counters().drops.Get(Drop::kNoReceiver), 1u);
    Ip("link del warp0");
    ASSERT_TRUE(Turn([&] { return site.gate->status().trouble.empty(); }));
    EXPECT_TRUE(Turn([&] { return State().up(); }));
  });
}

TEST_F(TunGateTest, OneOfTheOperatorsStaysAndIsWaitedFor) {
  for (const char* kind : {"", " multi_queue"}) {
    Story([&] {
      Ip(std::string("tuntap add warp0 mode tun") + kind);
      {
        Site& site = Add(Warp0());
        ASSERT_TRUE(Turn([&] { return State().up(); })) << kind;
        Ip("link del warp0");
        ASSERT_TRUE(Turn([&] { return !site.gate->status().trouble.empty(); }));
        Settle(*loop_);
        EXPECT_FALSE(State().present());
        site.gate->Deliver(Payload(MakePacket({})));
        site.gate->Flush();
        EXPECT_EQ(site.gate->counters().drops.Get(Drop::kNoReceiver), 1u);
        Ip(std::string("tuntap add warp0 mode tun") + kind);
        ASSERT_TRUE(Turn([&] { return site.gate->status().trouble.empty(); }));
      }
      sites_.clear();
      ASSERT_TRUE(Turn([&] { return State().present() && !State().carrier; }));
      Ip("link del warp0");
    });
  }
}

TEST_F(TunGateTest, SaysWhatIsInTheWay) {
  Story([&] {
    Add(Warp0());
    const auto error = [&](TunOptions options) {
      return std::string(Open(options).status().message());
    };
    EXPECT_THAT(error(Warp0()), HasSubstr("warp0 is in use by another program"));
    EXPECT_THAT(error({.name = "lo"}),
                HasSubstr("lo: an interface of that name exists and is no TUN"));
    EXPECT_THAT(error({.layer = Layer::kEthernet, .name = "warp0"}), HasSubstr("is no TAP"));
    EXPECT_THAT(error({.name = ""}), HasSubstr("1 to 15 characters"));
    EXPECT_THAT(error({.name = "a-name-that-is-too-long"}), HasSubstr("1 to 15 characters"));
    EXPECT_THAT(error({.name = "warp%d"}), HasSubstr("pattern"));
    EXPECT_THAT(error({.name = "warp1", .make = false}), HasSubstr("warp1 is not there"));
    EXPECT_THAT(error({.name = "warp1", .addresses = {{wire::IpAddress::V4({10, 0, 0, 1}), 77}}}),
                HasSubstr("warp1: cannot give it the address 10.0.0.1/77"));
    ASSERT_TRUE(Turn([&] { return !netlink_->Find("warp1").present(); }));
  });
}

// Takes a right away from this thread while it lives.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin() { Set(false); }
  ~WithoutNetAdmin() { Set(true); }

 private:
  static void Set(bool has) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[2];
    EXPECT_EQ(syscall(SYS_capget, &header, sets), 0);
    constexpr uint32_t kBit = 1u << CAP_NET_ADMIN;
    sets[0].effective = has ? sets[0].effective | kBit : sets[0].effective & ~kBit;
    EXPECT_EQ(syscall(SYS_capset, &header, sets), 0);
  }
};

TEST_F(TunGateTest, SaysThatPermissionIsMissing) {
  Story([&] {
    const WithoutNetAdmin rights;
    const absl::Status status = Open(Warp0()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr("warp0: no permission: making and using it needs root, or CAP_NET_ADMIN"));
  });
}

TEST_F(TunGateTest, TheMtuFollowsThePaths) {
  Story([&] {
    Site& site = Add(Warp0(0));
    ASSERT_TRUE(Turn([&] { return State().mtu == 1280; }));  // nothing is known
    site.gate->SetRoom(1428);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1428; }));  // the first that is known
    site.gate->SetRoom(1350);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1350; }));  // less at once
    EXPECT_EQ(site.gate->status().mtu, 1350u);
    site.gate->SetRoom(1428);
    Settle(*loop_);
    EXPECT_EQ(State().mtu, 1350u);  // more must last
    site.gate->SetRoom(900);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1280; }));  // never too little for IPv6
  });
}

TEST_F(TunGateTest, TheMtuGrowsWhenThePathsHaveCarriedMoreForSomeTime) {
  raise_after_ = std::chrono::milliseconds(50);
  Story([&] {
    Site& site = Add(Warp0(0));
    site.gate->SetRoom(1350);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1350; }));
    site.gate->SetRoom(1428);
    EXPECT_EQ(site.gate->status().mtu, 1350u);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1428; }));
  });
}

TEST_F(TunGateTest, AnMtuThatIsConfiguredFollowsNothing) {
  Story([&] {
    Site& site = Add(Warp0(1400));
    site.gate->SetRoom(1300);
    Settle(*loop_);
    EXPECT_EQ(State().mtu, 1400u);
  });
}

TEST_F(TunGateTest, SeveralTunnelsHaveTheMtuOfTheNarrowest) {
  Story([&] {
    Site& one = Add(Warp0(0), {{*wire::IpAddress::Parse("10.1.0.0"), 16}});
    Site& two = Add({}, {{*wire::IpAddress::Parse("10.2.0.0"), 16}});
    one.gate->SetRoom(1428);
    two.gate->SetRoom(1390);
    ASSERT_TRUE(Turn([&] { return State().mtu == 1390; }));
  });
}

// A TAP carries frames of whatever kind. The kernel's ARP request comes out, and its answer is believed.
TEST_F(TunGateTest, FramesPassThroughATap) {
  Story([&] {
    TunOptions options = Warp0();
    options.layer = Layer::kEthernet;
    Site& site = Add(options);
    const os::UniqueFd app(Udp(80));
    const os::SocketAddress to(*wire::Endpoint::Parse("10.9.0.1:1000"));
    ASSERT_EQ(sendto(app.get(), "hello", 5, 0, to.get(), to.size()), 5);
    PacketBytes request;
    ASSERT_TRUE(Turn([&] {
      for (const std::string& got : site.tunnel.got) {
        if (got.size() >= 42 && got[12] == 0x08 && got[13] == 0x06) request = BytesOf(got);
      }
      return !request.empty();
    }));
    // The peer has 10.9.0.1 at 02:00:00:00:00:01.
    PacketBytes reply(42);
    const PacketBytes mac = {2, 0, 0, 0, 0, 1};
    std::copy_n(&request[6], 6, &reply[0]);
    std::copy_n(mac.begin(), 6, &reply[6]);
    std::copy_n(&request[12], 8, &reply[12]);
    Set16(reply, 20, 2);
    std::copy_n(mac.begin(), 6, &reply[22]);
    std::copy_n(&request[38], 4, &reply[28]);
    std::copy_n(&request[22], 10, &reply[32]);
    site.gate->Deliver(Payload(reply));
    site.gate->Flush();
    ASSERT_TRUE(Turn([&] { return CountOf(site, kProtocolUdp, Layer::kEthernet) == 1; }));
    for (const std::string& got : site.tunnel.got) {
      const PacketBytes frame = BytesOf(got);
      if (ReadInnerPacket(frame, Layer::kEthernet)->protocol != kProtocolUdp) continue;
      EXPECT_TRUE(ChecksumsAreRight(frame, Layer::kEthernet));
      EXPECT_EQ(PacketBytes(frame.begin(), frame.begin() + 6), mac);
    }
  });
}

}  // namespace
}  // namespace warp::control
