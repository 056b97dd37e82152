#include "control/kernel/route.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace warp::control {
namespace {

wire::IpAddress Ip(const char* text) { return *wire::IpAddress::Parse(text); }

class RouteTest : public ::testing::Test {
 protected:
  NetlinkRequest Answer(uint8_t type = RTN_UNICAST, uint32_t interface = 7) {
    NetlinkRequest answer(RTM_NEWROUTE, 0, rtmsg{.rtm_family = AF_INET, .rtm_type = type});
    answer.Put(RTA_OIF, interface);
    return answer;
  }

  Route Read(const NetlinkRequest& answer, bool in_tables = true) {
    const wire::Bytes bytes = answer.bytes();
    std::vector<uint64_t> aligned(bytes.size() / sizeof(uint64_t) + 1);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    return ReadRoute(reinterpret_cast<nlmsghdr*>(aligned.data()), in_tables, flow_, interface_);
  }

  const wire::IpAddress destination_ = Ip("192.0.2.1");
  Flow flow_{.local = {{}, 13116}, .remote = {destination_, 13116}};
  const InterfaceState interface_{
      .name = "wan0", .index = 7, .mtu = 1400, .addresses = {Ip("10.0.0.2")}};
};

TEST_F(RouteTest, ReadsGatewaySourceAndMtu) {
  const Route route =
      Read(Answer().Put(RTA_GATEWAY, Ip("10.0.0.1")).Put(RTA_PREFSRC, Ip("10.0.0.2")));
  EXPECT_EQ(route.reason, "");
  EXPECT_EQ(route.gateway, Ip("10.0.0.1"));
  EXPECT_EQ(route.source, Ip("10.0.0.2"));
  EXPECT_EQ(route.mtu, 1400u);
}

// The kernel forgets what it was told, and keeps what was configured.
TEST_F(RouteTest, AnMtuThatExpiresIsAHint) {
  for (const uint32_t expires : {0u, 600u}) {
    const struct {
      nlattr header{.nla_len = sizeof(nlattr) + sizeof(uint32_t), .nla_type = RTAX_MTU};
      uint32_t mtu = 1300;
    } metric;
    const rta_cacheinfo cache{.rta_expires = static_cast<int32_t>(expires)};
    NetlinkRequest answer = Answer();
    answer.Put(RTA_PREFSRC, Ip("10.0.0.2"))
        .PutBytes(RTA_METRICS,
                  wire::Bytes(reinterpret_cast<const uint8_t*>(&metric), sizeof(metric)))
        .PutBytes(RTA_CACHEINFO,
                  wire::Bytes(reinterpret_cast<const uint8_t*>(&cache), sizeof(cache)));
    const Route route = Read(answer);
    EXPECT_EQ(route.mtu, expires == 0 ? 1300u : 1400u);
    EXPECT_EQ(route.learned_mtu, expires == 0 ? 0u : 1300u);
  }
}

TEST_F(RouteTest, ADestinationOnTheLinkIsItsOwnGateway) {
  EXPECT_EQ(Read(Answer().Put(RTA_PREFSRC, Ip("10.0.0.2"))).gateway, destination_);
}

// The kernel names the source that it would choose, or none at all where it was asked for one.
TEST_F(RouteTest, TheSourceThatWasAskedForIsTheRoutes) {
  flow_.local.address = Ip("10.0.0.2");
  EXPECT_EQ(Read(Answer()).source, Ip("10.0.0.2"));
  EXPECT_EQ(Read(Answer().Put(RTA_PREFSRC, Ip("10.9.0.2"))).source, Ip("10.0.0.2"));
}

TEST_F(RouteTest, SaysWhyThereIsNone) {
  EXPECT_EQ(Read(Answer().Put(RTA_PREFSRC, Ip("10.0.0.2")), false).reason,
            "no route to 192.0.2.1 through wan0");
  EXPECT_EQ(Read(Answer(RTN_UNICAST, 8)).reason, "no route to 192.0.2.1 through wan0");
  EXPECT_EQ(Read(Answer(RTN_LOCAL, 1)).reason, "192.0.2.1 is an address of this machine");
  EXPECT_EQ(Read(Answer(RTN_BROADCAST)).reason, "192.0.2.1 is not the address of one machine");
  EXPECT_EQ(Read(Answer().Put(RTA_PREFSRC, Ip("10.9.0.2"))).reason,
            "wan0 has no usable IPv4 address to reach 192.0.2.1");
  EXPECT_EQ(NoRoute(-EACCES, destination_, interface_).reason,
            "a route prohibits 192.0.2.1 through wan0");
}

// Asks a kernel that has a route from the addresses in `with_route` alone; "-" stands for no address, for which the
// kernel would choose `chosen`. Returns the questions and the source found.
class RouteSearchTest : public ::testing::Test {
 protected:
  std::string Search(const std::vector<std::string>& with_route, const char* wanted = nullptr) {
    const Flow flow{.local = {wanted != nullptr ? Ip(wanted) : wire::IpAddress(), 13116},
                    .remote = {destination_, 13116}};
    RouteSearch search(flow, interface_);
    std::string asked;
    while (const std::optional<Flow> next = search.Next()) {
      const bool any = next->local.address.is_unspecified();
      const std::string source = any ? "-" : next->local.address.ToString();
      asked += source + " ";
      Route route{.reason = "no route"};
      if (std::find(with_route.begin(), with_route.end(), source) != with_route.end())
        route = {.source = any ? Ip("10.0.0.2") : next->local.address};
      search.Take(std::move(route), interface_);
    }
    const Route result = search.Result();
    return asked + "> " + (result.found() ? result.source.ToString() : result.reason);
  }

  wire::IpAddress destination_ = Ip("192.0.2.1");
  InterfaceState interface_{.name = "wan0",
                            .index = 7,
                            .addresses = {Ip("10.0.0.2"), Ip("2001:db8::2"), Ip("10.0.0.3")},
                            .link_locals = {Ip("fe80::2")}};
};

TEST_F(RouteSearchTest, TheFirstSourceWithARouteWins) {
  EXPECT_EQ(Search({"-", "10.0.0.2"}), "- 10.0.0.2 > 10.0.0.2");
  EXPECT_EQ(Search({"10.0.0.2", "10.0.0.3"}), "- 10.0.0.2 > 10.0.0.2");
  EXPECT_EQ(Search({"10.0.0.3"}), "- 10.0.0.2 10.0.0.3 > 10.0.0.3");
  EXPECT_EQ(Search({}), "- 10.0.0.2 10.0.0.3 > no route");
  // A kernel whose answer for the source leads elsewhere: what it says without one stands.
  EXPECT_EQ(Search({"-"}), "- 10.0.0.2 > 10.0.0.2");
}

TEST_F(RouteSearchTest, TheFlowsOwnSourceComesFirst) {
  EXPECT_EQ(Search({"-", "10.0.0.3"}, "10.0.0.3"), "- 10.0.0.3 > 10.0.0.3");
  EXPECT_EQ(Search({"-"}, "10.0.0.3"), "- 10.0.0.3 > 10.0.0.3");
  EXPECT_EQ(Search({"10.0.0.2"}, "10.0.0.3"), "- 10.0.0.3 10.0.0.2 > 10.0.0.2");
  // The interface does not have it any more.
  EXPECT_EQ(Search({"-"}, "10.0.0.4"), "- 10.0.0.2 > 10.0.0.2");
}

// The remote end must hear of the address that takes its place before it is gone.
TEST_F(RouteSearchTest, ADeprecatedSourceIsNoBetterThanOthers) {
  interface_.deprecated = {Ip("10.0.0.2")};
  EXPECT_EQ(Search({}, "10.0.0.2"), "- 10.0.0.3 10.0.0.2 > no route");
  EXPECT_EQ(Search({"-", "10.0.0.3"}, "10.0.0.3"), "- 10.0.0.3 > 10.0.0.3");
}

TEST_F(RouteSearchTest, ASourceHasTheScopeOfTheDestination) {
  destination_ = Ip("2001:db8:9::1");
  EXPECT_EQ(Search({}), "- 2001:db8::2 > no route");
  destination_ = Ip("fe80::9");
  EXPECT_EQ(Search({"fe80::2"}), "- fe80::2 > fe80::2");
}

TEST_F(RouteTest, CoversComparesTheBitsOfThePrefix) {
  EXPECT_TRUE(Covers(Ip("10.0.0.0"), 8, Ip("10.255.0.1")));
  EXPECT_FALSE(Covers(Ip("10.0.0.0"), 8, Ip("11.0.0.1")));
  EXPECT_TRUE(Covers(Ip("10.0.0.128"), 25, Ip("10.0.0.129")));
  EXPECT_FALSE(Covers(Ip("10.0.0.128"), 25, Ip("10.0.0.127")));
  EXPECT_TRUE(Covers(Ip("0.0.0.0"), 0, Ip("192.0.2.1")));
  EXPECT_TRUE(Covers(Ip("2001:db8::"), 33, Ip("2001:db8:7fff::1")));
  EXPECT_FALSE(Covers(Ip("2001:db8::"), 33, Ip("2001:db8:8000::1")));
  EXPECT_FALSE(Covers(Ip("10.0.0.1"), 32, Ip("10.0.0.2")));
}

}  // namespace
}  // namespace warp::control
