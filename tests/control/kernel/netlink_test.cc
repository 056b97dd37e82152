#include "control/kernel/netlink.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

wire::IpAddress Ip(const char* text) { return *wire::IpAddress::Parse(text); }

// home: wan0 ── peer0 : away            each story runs on the thread of `home`
class NetlinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!home_.valid() || !away_.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }

  void Story(const std::function<void()>& story) {
    home_.Do([&] {
      loop_ = MakeLoop();
      story();
      interface_.reset();
      hops_.clear();
      netlink_.reset();
      loop_.reset();
    });
  }
  static void Ip(const std::string& command) {
    EXPECT_TRUE(NetworkNamespace::Run("ip " + command)) << command;
  }
  void Away(const std::string& command) { EXPECT_TRUE(away_.Sh("ip " + command)) << command; }

  void Connect() {
    // The interfaces get different indices. With equal ones the kernel takes a second to report that a veth lost its
    // carrier.
    Ip(absl::StrCat("link add wan0 index ", 11 + links_made_++, " type veth peer name peer0 netns ",
                    away_.tid()));
    Ip("link set wan0 up");
    Away("link set peer0 up");
  }
  void OpenNetlink() {
    auto netlink = Netlink::Open(*loop_);
    ASSERT_TRUE(netlink.ok()) << netlink.status();
    netlink_ = *std::move(netlink);
  }
  void Follow(const char* name) {
    interface_ = netlink_->WatchInterface(name, [this](const InterfaceState& state) {
      state_ = state;
      ++changes_;
    });
  }
  void FollowHop(const char* destination, wire::IpAddress source = {}) {
    hops_.push_back(netlink_->WatchNextHop(
        {"wan0"}, FlowTo(destination, source),
        [this, destination](const NextHop& hop) { hop_[destination] = hop; }));
  }
  static Flow FlowTo(const std::string& destination, wire::IpAddress source = {}) {
    return {.local = {source, 13116}, .remote = {control::Ip(destination.c_str()), 4000}};
  }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }
  // Gives wan0 an address, and peer0 that of a neighbour on the link.
  void ConnectNeighbour() {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    Away("addr add 10.1.0.2/24 dev peer0");
  }
  void FindNeighbour() {
    OpenNetlink();
    FollowHop("10.1.0.2");
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
  }
  bool Has(const char* address) const {
    const auto& all = state_.addresses;
    return std::find(all.begin(), all.end(), control::Ip(address)) != all.end();
  }
  bool Reachable(const char* destination) { return hop_[destination].reachable(); }
  bool Fails(const char* destination, const std::string& reason) {
    const NextHop& hop = hop_[destination];
    return hop.state == NextHop::State::kUnreachable &&
           hop.reason.find(reason) != std::string::npos;
  }
  wire::MacAddress PeerMac() {
    wire::MacAddress mac;
    away_.Do([&] {
      auto loop = MakeLoop();
      mac = (*Netlink::Open(*loop))->Find("peer0").mac;
    });
    return mac;
  }

  NetworkNamespace home_, away_;
  int links_made_ = 0;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Netlink> netlink_;
  std::unique_ptr<Subscription> interface_;
  InterfaceState state_;
  int changes_ = 0;
  std::vector<std::unique_ptr<Subscription>> hops_;
  std::map<std::string, NextHop> hop_;
};

TEST_F(NetlinkTest, KnowsEverythingFromTheStart) {
  Story([&] {
    Connect();
    Ip("link set wan0 mtu 1400 address 02:00:00:00:00:01");
    Ip("addr add 10.1.0.1/24 dev wan0");
    OpenNetlink();
    const InterfaceState state = netlink_->Find("wan0");
    EXPECT_TRUE(state.up());
    EXPECT_TRUE(state.ethernet);
    EXPECT_EQ(state.mtu, 1400u);
    EXPECT_EQ(state.mac.bytes, (std::array<uint8_t, 6>{2, 0, 0, 0, 0, 1}));
    EXPECT_THAT(state.addresses, ElementsAre(control::Ip("10.1.0.1")));
    EXPECT_FALSE(netlink_->Find("lo").ethernet);
    EXPECT_TRUE(netlink_->Find("lo").addresses.empty());  // addresses of host scope are left out
    EXPECT_FALSE(netlink_->Find("none").present());
  });
}

TEST_F(NetlinkTest, FollowsLinkAddressesAndMtu) {
  Story([&] {
    Connect();
    OpenNetlink();
    Follow("wan0");
    ASSERT_TRUE(Turn([&] { return state_.up(); }));
    Ip("addr add 10.1.0.1/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return Has("10.1.0.1"); }));
    Ip("addr add 10.1.0.2/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return Has("10.1.0.2"); }));
    Ip("addr del 10.1.0.2/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return !Has("10.1.0.2"); }));
    Ip("link set wan0 mtu 1300");
    ASSERT_TRUE(Turn([&] { return state_.mtu == 1300; }));
    Away("link set peer0 down");  // as if the cable were pulled at the other end
    ASSERT_TRUE(Turn([&] { return !state_.up(); }));
    EXPECT_TRUE(state_.admin_up);
    EXPECT_FALSE(state_.carrier);
    Away("link set peer0 up");
    ASSERT_TRUE(Turn([&] { return state_.up(); }));
    Ip("link set wan0 down");
    ASSERT_TRUE(Turn([&] { return !state_.admin_up; }));
  });
}

TEST_F(NetlinkTest, SaysNothingWhereNothingChanged) {
  Story([&] {
    Connect();
    Ip("link add other type veth peer name other-end");
    OpenNetlink();
    Follow("wan0");
    // The veth first settles: IPv6 starts and assigns the link-local address.
    ASSERT_TRUE(Turn([&] { return !state_.link_locals.empty(); }));
    const int changes = changes_;
    Ip("link set other up");
    Ip("addr add 10.9.0.1/24 dev other");
    Ip("link set wan0 up");
    Settle(*loop_);
    EXPECT_EQ(changes_, changes);
  });
}

TEST_F(NetlinkTest, Ipv6AddressIsUsableFromTheEndOfDad) {
  Story([&] {
    Connect();
    OpenNetlink();
    Follow("wan0");
    Ip("addr add 2001:db8::1/64 dev wan0");
    EXPECT_TRUE(NetworkNamespace::Run("ip -6 addr show dev wan0 | grep -q 2001:db8::1.*tentative"));
    Settle(*loop_);
    EXPECT_FALSE(Has("2001:db8::1"));
    ASSERT_TRUE(Turn([&] { return Has("2001:db8::1") && state_.link_locals.size() == 1; }));
    EXPECT_TRUE(state_.link_locals[0].is_link_local());
  });
}

TEST_F(NetlinkTest, DuplicateAddressIsNotUsable) {
  Story([&] {
    Connect();
    Away("addr add 2001:db8::1/64 dev peer0 nodad");
    OpenNetlink();
    Follow("wan0");
    Ip("addr add 2001:db8::1/64 dev wan0");
    ASSERT_TRUE(Turn([&] {
      return NetworkNamespace::Run("ip -6 addr show dev wan0 | grep -q 2001:db8::1.*dadfailed");
    }));
    Settle(*loop_);
    EXPECT_FALSE(Has("2001:db8::1"));
  });
}

TEST_F(NetlinkTest, FollowsANameThroughEndReturnAndRenaming) {
  Story([&] {
    OpenNetlink();
    Follow("wan0");
    ASSERT_TRUE(Turn([&] { return changes_ == 1; }));
    EXPECT_FALSE(state_.present());
    Connect();
    ASSERT_TRUE(Turn([&] { return state_.up(); }));
    const int index = state_.index;
    Ip("link del wan0");
    ASSERT_TRUE(Turn([&] { return !state_.present(); }));
    Connect();
    ASSERT_TRUE(Turn([&] { return state_.up(); }));
    EXPECT_NE(state_.index, index);
    Ip("link set wan0 down");
    Ip("link set wan0 name wan9");
    ASSERT_TRUE(Turn([&] { return !state_.present(); }));
    EXPECT_TRUE(netlink_->Find("wan9").present());
    Ip("link set wan9 name wan0");
    ASSERT_TRUE(Turn([&] { return state_.present(); }));
  });
}

TEST_F(NetlinkTest, TellsOfAllInterfacesAsTheyComeGoAndAreRenamed) {
  Story([&] {
    OpenNetlink();
    const auto names = [](const std::vector<os::Interface>& all) {
      std::vector<std::string> others;
      for (const os::Interface& one : all) {
        if (!one.loopback) others.push_back(one.name);
      }
      return others;
    };
    std::vector<std::string> now;
    int told = 0;
    const auto watch = netlink_->WatchAll([&](const std::vector<os::Interface>& all) {
      now = names(all);
      ++told;
    });
    ASSERT_TRUE(Turn([&] { return told == 1; }));
    EXPECT_TRUE(now.empty());
    Connect();
    ASSERT_TRUE(Turn([&] { return told == 2; }));
    EXPECT_THAT(now, ElementsAre("wan0"));
    Ip("link set wan0 down");
    Ip("link set wan0 name lte");
    ASSERT_TRUE(Turn([&] { return told == 3; }));
    EXPECT_THAT(now, ElementsAre("lte"));
    EXPECT_EQ(names(netlink_->All()), now);
    Ip("link set lte mtu 1400");  // concerns no name
    Ip("link delete lte");
    ASSERT_TRUE(Turn([&] { return now.empty(); }));
    EXPECT_EQ(told, 4);
  });
}

TEST_F(NetlinkTest, AThousandAddresses) {
  Story([&] {
    Connect();
    OpenNetlink();
    Follow("wan0");
    const std::string file = ::testing::TempDir() + absl::StrCat("warp-addresses-", getpid());
    {
      std::ofstream batch(file);
      for (int i = 0; i < 1000; ++i)
        batch << "addr add 10.1." << i / 250 << '.' << i % 250 + 1 << "/16 dev wan0\n";
    }
    Ip("-batch " + file);
    ASSERT_TRUE(Turn([&] { return state_.addresses.size() == 1000; }));
    Ip("addr flush dev wan0 scope global");
    ASSERT_TRUE(Turn([&] { return state_.addresses.empty(); }));
    std::remove(file.c_str());
  });
}

TEST_F(NetlinkTest, OverrunLeadsToANewDump) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    OpenNetlink();
    Follow("wan0");
    FollowHop("10.1.0.2");
    ASSERT_TRUE(Turn([&] { return Has("10.1.0.1"); }));
    // The socket cannot hold so many unread events, so the last ones are lost, and those are the ones that matter.
    const std::string file = ::testing::TempDir() + absl::StrCat("warp-overrun-", getpid());
    {
      std::ofstream batch(file);
      for (int i = 0; i < 8000; ++i)
        batch << "link set wan0 mtu " << 1300 + i % 2 << "\nlink set wan0 alias x" << i << '\n';
    }
    Ip("-batch " + file);
    Ip("-batch " + file);
    std::remove(file.c_str());
    Ip("addr add 10.1.0.9/24 dev wan0");
    Away("addr add 10.1.0.2/24 dev peer0");
    ASSERT_TRUE(Turn([&] { return Has("10.1.0.9"); }));
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
  });
}

TEST_F(NetlinkTest, FindsANeighbourOnTheLink) {
  Story([&] {
    ConnectNeighbour();
    FindNeighbour();
    const NextHop& hop = hop_["10.1.0.2"];
    EXPECT_EQ(hop.source, control::Ip("10.1.0.1"));
    EXPECT_EQ(hop.gateway, control::Ip("10.1.0.2"));
    EXPECT_EQ(hop.mac, PeerMac());
    EXPECT_EQ(hop.mtu, 1500u);
    EXPECT_EQ(hop.reason, "");
  });
}

// The kernel resolves for a socket of its own; an interface may have nothing to resolve. So a route is enough, although
// nobody answers there.
TEST_F(NetlinkTest, WithoutALinkLayerARouteIsEnough) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    OpenNetlink();
    const auto follow = [&](const char* destination) {
      hops_.push_back(netlink_->WatchNextHop(
          {.interface = "wan0", .link_layer = false}, FlowTo(destination),
          [this, destination](const NextHop& hop) { hop_[destination] = hop; }));
    };
    follow("10.1.0.77");
    ASSERT_TRUE(Turn([&] { return hop_["10.1.0.77"].reachable(); }));
    EXPECT_EQ(hop_["10.1.0.77"].source, control::Ip("10.1.0.1"));
    EXPECT_EQ(hop_["10.1.0.77"].mtu, 1500u);
    follow("192.0.2.1");
    ASSERT_TRUE(Turn([&] { return !hop_["192.0.2.1"].reason.empty(); }));
    EXPECT_EQ(hop_["192.0.2.1"].reason, "no route to 192.0.2.1 through wan0");
    Ip("link set wan0 down");
    ASSERT_TRUE(Turn([&] { return hop_["10.1.0.77"].reason == "wan0 is down"; }));
  });
}

TEST_F(NetlinkTest, FindsAGatewayAndItsRoutesMtu) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    Ip("addr add 10.1.0.3/24 dev wan0");
    Away("addr add 10.1.0.2/24 dev peer0");
    Ip("route add default via 10.1.0.2 src 10.1.0.3 mtu 1280");
    OpenNetlink();
    FollowHop("198.51.100.1");
    ASSERT_TRUE(Turn([&] { return Reachable("198.51.100.1"); }));
    EXPECT_EQ(hop_["198.51.100.1"].gateway, control::Ip("10.1.0.2"));
    EXPECT_EQ(hop_["198.51.100.1"].source, control::Ip("10.1.0.3"));
    EXPECT_EQ(hop_["198.51.100.1"].mtu, 1280u);
  });
}

TEST_F(NetlinkTest, FindsIpv6NextHops) {
  Story([&] {
    Connect();
    Ip("addr add 2001:db8:1::1/64 dev wan0 nodad");
    Away("addr add 2001:db8:1::2/64 dev peer0 nodad");
    Away("addr add fe80::99/64 dev peer0 nodad");
    Ip("route add default via fe80::99 dev wan0");
    OpenNetlink();
    FollowHop("2001:db8:1::2");
    FollowHop("2001:db8:2::7");  // the route leads through a gateway with a link-local address
    FollowHop("fe80::99");
    ASSERT_TRUE(Turn([&] { return Reachable("2001:db8:1::2") && Reachable("2001:db8:2::7"); }));
    EXPECT_EQ(hop_["2001:db8:1::2"].source, control::Ip("2001:db8:1::1"));
    EXPECT_EQ(hop_["2001:db8:1::2"].mac, PeerMac());
    EXPECT_EQ(hop_["2001:db8:2::7"].gateway, control::Ip("fe80::99"));
    EXPECT_EQ(hop_["2001:db8:2::7"].source, control::Ip("2001:db8:1::1"));
    ASSERT_TRUE(Turn([&] { return Reachable("fe80::99"); }));
    EXPECT_TRUE(hop_["fe80::99"].source.is_link_local());
  });
}

TEST_F(NetlinkTest, SaysWhyADestinationIsOutOfReach) {
  Story([&] {
    OpenNetlink();
    FollowHop("10.1.0.2");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "wan0 does not exist"); }));
    Connect();
    Ip("link set wan0 down");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "wan0 is down"); }));
    Away("link set peer0 down");
    Ip("link set wan0 up");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "wan0 has no link"); }));
    Away("link set peer0 up");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "no route to 10.1.0.2 through wan0"); }));
    Ip("route add 10.1.0.0/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "wan0 has no usable IPv4 address"); }));
    Ip("addr add 10.1.0.1/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "10.1.0.2 does not answer on wan0"); }));
    Away("addr add 10.1.0.2/24 dev peer0");
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
    Ip("route add blackhole 10.1.0.2/32");
    ASSERT_TRUE(Turn([&] { return hop_["10.1.0.2"].state == NextHop::State::kUnreachable; }));
    Ip("route del blackhole 10.1.0.2/32");
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
    FollowHop("10.1.0.255");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.255", "not the address of one machine"); }));
    Ip("addr add 10.1.0.2/32 dev wan0");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "is an address of this machine"); }));
  });
}

TEST_F(NetlinkTest, DefaultRouteOfAnotherInterfaceIsNoRoute) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    Ip("link add lan0 type veth peer name lan0-end");
    Ip("link set lan0 up");
    Ip("link set lan0-end up");
    Ip("addr add 10.2.0.1/24 dev lan0");
    Ip("route add default via 10.2.0.2");
    OpenNetlink();
    FollowHop("198.51.100.1");
    ASSERT_TRUE(
        Turn([&] { return Fails("198.51.100.1", "no route to 198.51.100.1 through wan0"); }));
    // Several interfaces may have default routes, of different metrics. Each interface must use its own.
    Away("addr add 10.1.0.2/24 dev peer0");
    Ip("route add default via 10.1.0.2 metric 100");
    ASSERT_TRUE(Turn([&] { return Reachable("198.51.100.1"); }));
    EXPECT_EQ(hop_["198.51.100.1"].gateway, control::Ip("10.1.0.2"));
  });
}

// As mwan3 and its like set up each uplink: a table, and a rule that chooses it by the source address.
TEST_F(NetlinkTest, FindsARouteThatARuleChoosesBySource) {
  for (const bool v6 : {false, true}) {
    Story([&] {
      const char* far = v6 ? "2001:db8:9::1" : "198.51.100.1";
      const std::string family = v6 ? "-6 " : "-4 ";
      const std::string own = v6 ? "2001:db8:1::" : "10.1.0.";
      const std::string length = v6 ? "/64" : "/24";
      Connect();
      Ip(absl::StrCat("addr add ", own, "1", length, " dev wan0 ", v6 ? "nodad" : ""));
      Ip(absl::StrCat("addr add ", own, "3", length, " dev wan0 ", v6 ? "nodad" : ""));
      Away(absl::StrCat("addr add ", own, "2", length, " dev peer0 ", v6 ? "nodad" : ""));
      Ip(absl::StrCat(family, "route add default via ", own, "2 dev wan0 table 101"));
      OpenNetlink();
      FollowHop(far);
      ASSERT_TRUE(Turn([&] { return Fails(far, "no route to"); }));
      // The second address of the two is the one that the rule names.
      Ip(absl::StrCat(family, "rule add from ", own, "3 table 101"));
      ASSERT_TRUE(Turn([&] { return Reachable(far); }));
      EXPECT_EQ(hop_[far].source, control::Ip(absl::StrCat(own, "3").c_str()));
      EXPECT_EQ(hop_[far].gateway, control::Ip(absl::StrCat(own, "2").c_str()));
      Ip(absl::StrCat(family, "rule del from ", own, "3 table 101"));
      ASSERT_TRUE(Turn([&] { return Fails(far, "no route to"); }));
      Ip("link del wan0");
    });
  }
}

TEST_F(NetlinkTest, FindsARouteThatARuleChoosesByUdpPort) {
  Story([&] {
    ConnectNeighbour();
    Ip("route add default via 10.1.0.2 dev wan0 table 101");
    OpenNetlink();
    FollowHop("198.51.100.1");
    for (const char* rule : {"ipproto udp", "ipproto udp sport 13116", "ipproto udp dport 4000",
                             "from 10.1.0.1 ipproto udp sport 13116 dport 4000"}) {
      ASSERT_TRUE(Turn([&] { return Fails("198.51.100.1", "no route to"); })) << rule;
      Ip(absl::StrCat("rule add ", rule, " table 101"));
      ASSERT_TRUE(Turn([&] { return Reachable("198.51.100.1"); })) << rule;
      Ip(absl::StrCat("rule del ", rule, " table 101"));
    }
  });
}

// The main table has a route as well, but what leaves from the address that it would choose has another one.
TEST_F(NetlinkTest, ARuleForTheChosenSourceChoosesTheGateway) {
  Story([&] {
    ConnectNeighbour();
    Away("addr add 10.1.0.9/24 dev peer0");
    Ip("route add default via 10.1.0.2");
    Ip("route add default via 10.1.0.9 dev wan0 table 101");
    OpenNetlink();
    FollowHop("198.51.100.1");
    ASSERT_TRUE(Turn([&] { return Reachable("198.51.100.1"); }));
    EXPECT_EQ(hop_["198.51.100.1"].gateway, control::Ip("10.1.0.2"));
    Ip("rule add from 10.1.0.1 table 101");
    ASSERT_TRUE(Turn([&] { return hop_["198.51.100.1"].gateway == control::Ip("10.1.0.9"); }));
  });
}

TEST_F(NetlinkTest, AFlowKeepsItsSourceAsLongAsTheInterfaceHasIt) {
  Story([&] {
    ConnectNeighbour();
    Ip("addr add 10.1.0.3/24 dev wan0");
    OpenNetlink();
    FollowHop("10.1.0.2", control::Ip("10.1.0.3"));
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
    EXPECT_EQ(hop_["10.1.0.2"].source, control::Ip("10.1.0.3"));
    Ip("addr del 10.1.0.3/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return hop_["10.1.0.2"].source == control::Ip("10.1.0.1"); }));
    EXPECT_TRUE(Reachable("10.1.0.2"));
    Ip("addr add 10.1.0.3/24 dev wan0");
    ASSERT_TRUE(Turn([&] { return hop_["10.1.0.2"].source == control::Ip("10.1.0.3"); }));
  });
}

TEST_F(NetlinkTest, AFlowLeavesADeprecatedSource) {
  Story([&] {
    Connect();
    Ip("addr add 2001:db8:1::1/64 dev wan0 nodad");
    Ip("addr add 2001:db8:1::3/64 dev wan0 nodad");
    Away("addr add 2001:db8:1::2/64 dev peer0 nodad");
    OpenNetlink();
    FollowHop("2001:db8:1::2", control::Ip("2001:db8:1::3"));
    ASSERT_TRUE(Turn([&] { return Reachable("2001:db8:1::2"); }));
    EXPECT_EQ(hop_["2001:db8:1::2"].source, control::Ip("2001:db8:1::3"));
    Ip("addr change 2001:db8:1::3/64 dev wan0 preferred_lft 0");
    ASSERT_TRUE(Turn([&] { return hop_["2001:db8:1::2"].source == control::Ip("2001:db8:1::1"); }));
    EXPECT_TRUE(Reachable("2001:db8:1::2"));
  });
}

// IPv6 would take the default route of the other interface, whose metric is better, for what leaves from this one.
TEST_F(NetlinkTest, ASourceChangesNotTheInterface) {
  Story([&] {
    Connect();
    Ip("addr add 2001:db8:1::1/64 dev wan0 nodad");
    Ip("addr add 2001:db8:1::3/64 dev wan0 nodad");
    Away("addr add 2001:db8:1::2/64 dev peer0 nodad");
    Ip("link add lan0 type veth peer name lan0-end");
    Ip("link set lan0 up");
    Ip("link set lan0-end up");
    Ip("addr add 2001:db8:2::1/64 dev lan0 nodad");
    Ip("-6 route add default via 2001:db8:2::2 metric 10");
    Ip("-6 route add default via 2001:db8:1::2 metric 100");
    OpenNetlink();
    FollowHop("2001:db8:9::1");
    FollowHop("2001:db8:9::2", control::Ip("2001:db8:1::3"));
    ASSERT_TRUE(Turn([&] { return Reachable("2001:db8:9::1") && Reachable("2001:db8:9::2"); }));
    EXPECT_EQ(hop_["2001:db8:9::1"].gateway, control::Ip("2001:db8:1::2"));
    EXPECT_EQ(hop_["2001:db8:9::2"].gateway, control::Ip("2001:db8:1::2"));
    EXPECT_EQ(hop_["2001:db8:9::2"].source, control::Ip("2001:db8:1::3"));
  });
}

TEST_F(NetlinkTest, CableOutAndIn) {
  Story([&] {
    ConnectNeighbour();
    OpenNetlink();
    FollowHop("10.1.0.2");
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
      Away("link set peer0 down");
      ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "wan0 has no link"); }));
      Away("link set peer0 up");
      ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
      Ip("link set wan0 down");
      ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "wan0 is down"); }));
      Ip("link set wan0 up");
    }
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
    Ip("link del wan0");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "does not exist"); }));
    ConnectNeighbour();
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
    EXPECT_EQ(hop_["10.1.0.2"].mac, PeerMac());
  });
}

TEST_F(NetlinkTest, NeighbourWithANewAddress) {
  Story([&] {
    ConnectNeighbour();
    FindNeighbour();
    const wire::MacAddress before = hop_["10.1.0.2"].mac;
    Away("link set peer0 address 02:00:00:00:00:77");
    Ip("neigh flush dev wan0");
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2") && hop_["10.1.0.2"].mac != before; }));
    EXPECT_EQ(hop_["10.1.0.2"].mac.ToString(), "02:00:00:00:00:77");
  });
}

TEST_F(NetlinkTest, StaleNeighbourIsConfirmed) {
  Story([&] {
    ConnectNeighbour();
    EXPECT_TRUE(NetworkNamespace::Run("sysctl -qw net.ipv4.neigh.wan0.delay_first_probe_time=0"));
    FindNeighbour();
    Ip("neigh change 10.1.0.2 dev wan0 nud stale");
    ASSERT_TRUE(Turn([&] {
      EXPECT_TRUE(Reachable("10.1.0.2"));  // the stale neighbour is used meanwhile
      return NetworkNamespace::Run("ip neigh show 10.1.0.2 dev wan0 | grep -q REACHABLE");
    }));
  });
}

TEST_F(NetlinkTest, PermanentNeighbourIsLeftAlone) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    Ip("neigh add 10.1.0.2 lladdr 02:00:00:00:00:55 dev wan0 nud permanent");
    FindNeighbour();
    EXPECT_EQ(hop_["10.1.0.2"].mac.ToString(), "02:00:00:00:00:55");
    Settle(*loop_);
    EXPECT_TRUE(NetworkNamespace::Run("ip neigh show 10.1.0.2 dev wan0 | grep -q PERMANENT"));
  });
}

TEST_F(NetlinkTest, SilentNeighbourIsAskedUntilItAnswers) {
  Story([&] {
    ConnectNeighbour();
    EXPECT_TRUE(NetworkNamespace::Run("sysctl -qw net.ipv4.neigh.wan0.delay_first_probe_time=0"));
    FindNeighbour();
    Away("addr del 10.1.0.2/24 dev peer0");
    Ip("neigh change 10.1.0.2 dev wan0 nud stale");
    ASSERT_TRUE(Turn([&] { return Fails("10.1.0.2", "does not answer"); }));
    Settle(*loop_);
    EXPECT_TRUE(Fails("10.1.0.2", "does not answer"));
    // With arp_notify off, the neighbour does not announce its return, so only the next question can find it.
    EXPECT_TRUE(away_.Sh("sysctl -qw net.ipv4.conf.peer0.arp_notify=0"));
    Away("addr add 10.1.0.2/24 dev peer0");
    ASSERT_TRUE(Turn([&] { return Reachable("10.1.0.2"); }));
  });
}

TEST_F(NetlinkTest, FollowsARouteToAnotherGateway) {
  Story([&] {
    ConnectNeighbour();
    Away("addr add 10.1.0.3/24 dev peer0");
    Ip("route add 198.51.100.0/24 via 10.1.0.2");
    OpenNetlink();
    FollowHop("198.51.100.1");
    ASSERT_TRUE(Turn([&] { return Reachable("198.51.100.1"); }));
    Ip("route replace 198.51.100.0/24 via 10.1.0.3");
    ASSERT_TRUE(Turn([&] {
      return Reachable("198.51.100.1") && hop_["198.51.100.1"].gateway == control::Ip("10.1.0.3");
    }));
    Ip("route del 198.51.100.0/24");
    ASSERT_TRUE(Turn([&] { return Fails("198.51.100.1", "no route"); }));
  });
}

TEST_F(NetlinkTest, SubscriptionsEndInTheirHandlers) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/24 dev wan0");
    OpenNetlink();
    int calls = 0;
    std::unique_ptr<Subscription> first, second;
    const auto end = [&](const NextHop&) {
      ++calls;
      first.reset();
      second.reset();
      FollowHop("10.1.0.4");
    };
    first = netlink_->WatchNextHop({"wan0"}, FlowTo("198.51.100.1"), end);
    second = netlink_->WatchNextHop({"wan0"}, FlowTo("198.51.100.2"), end);
    ASSERT_TRUE(Turn([&] { return calls > 0; }));
    Follow("wan0");
    Settle(*loop_);
    EXPECT_EQ(calls, 1);
  });
}

TEST_F(NetlinkTest, HundredsOfNextHops) {
  Story([&] {
    Connect();
    Ip("addr add 10.1.0.1/16 dev wan0");
    Away("addr add 10.1.0.2/16 dev peer0");
    Ip("route add default via 10.1.0.2");
    OpenNetlink();
    std::vector<std::unique_ptr<Subscription>> many;
    std::set<int> reachable;
    for (int i = 0; i < 500; ++i) {
      const std::string destination = absl::StrCat("203.0.", i / 250, ".", i % 250 + 1);
      many.push_back(netlink_->WatchNextHop({"wan0"}, FlowTo(destination),
                                            [&reachable, i](const NextHop& hop) {
                                              if (hop.reachable()) {
                                                reachable.insert(i);
                                              } else {
                                                reachable.erase(i);
                                              }
                                            }));
    }
    ASSERT_TRUE(Turn([&] { return reachable.size() == 500; }));
    Away("link set peer0 down");
    ASSERT_TRUE(Turn([&] { return reachable.empty(); }));
    Away("link set peer0 up");
    ASSERT_TRUE(Turn([&] { return reachable.size() == 500; }));
  });
}

// --- Router advertisements. ---

// Sends one with a prefix of RFC 8781 to all hosts of the link.
void Advertise(uint16_t lifetime) {
  const std::vector<uint8_t> message = {134,
                                        0,
                                        0,
                                        0,
                                        64,
                                        0,
                                        7,
                                        8,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,  // of a router, for 1800 seconds
                                        38,
                                        2,
                                        static_cast<uint8_t>(lifetime >> 8),
                                        static_cast<uint8_t>(lifetime & 0xf8),
                                        0x20,
                                        1,
                                        0xd,
                                        0xb8,
                                        0,
                                        0x64,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0,
                                        0};
  const int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  ASSERT_GE(fd, 0);
  const int hops = 255;
  setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops));
  sockaddr_in6 all{};
  all.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
  all.sin6_scope_id = if_nametoindex("peer0");
  EXPECT_EQ(
      sendto(fd, message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&all), sizeof(all)),
      static_cast<ssize_t>(message.size()));
  close(fd);
}

TEST_F(NetlinkTest, FollowsThePrefixThatRoutersAdvertise) {
  Story([&] {
    Connect();
    Ip("link set dev wan0 addrgenmode eui64");
    NetworkNamespace::Run("sysctl -qw net.ipv6.conf.wan0.accept_ra=2");
    EXPECT_TRUE(
        away_.Sh("sysctl -qw net.ipv6.conf.peer0.accept_dad=0 && "
                 "ip addr add fe80::1/64 dev peer0 nodad"));
    OpenNetlink();
    Follow("wan0");
    ASSERT_TRUE(Turn([&] { return !state_.link_locals.empty(); }));
    const auto prefixes = [&] { return state_.translating.size(); };
    // An advertisement may come before the interface listens.
    ASSERT_TRUE(Turn([&] {
      if (prefixes() == 0) away_.Do([] { Advertise(600); });
      return prefixes() == 1;
    }));
    EXPECT_EQ(state_.translating[0].ToString(), "2001:db8:64::/96");
    away_.Do([] { Advertise(0); });
    EXPECT_TRUE(Turn([&] { return prefixes() == 0; })) << "taken back";
    away_.Do([] { Advertise(600); });
    ASSERT_TRUE(Turn([&] { return prefixes() == 1; }));
    Away("link set peer0 down");
    EXPECT_TRUE(Turn([&] { return !state_.up() && prefixes() == 0; })) << "with its link";
    // One that ends by itself.
    Away("link set peer0 up");
    ASSERT_TRUE(Turn([&] {
      if (prefixes() == 0) away_.Do([] { Advertise(8); });
      return prefixes() == 1;
    }));
    EXPECT_TRUE(Turn([&] { return prefixes() == 0; }));
  });
}

}  // namespace
}  // namespace warp::control
