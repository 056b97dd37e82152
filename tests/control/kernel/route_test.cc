#include "control/kernel/route.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
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
    return ReadRoute(reinterpret_cast<nlmsghdr*>(aligned.data()), in_tables, destination_,
                     interface_);
  }

  const wire::IpAddress destination_ = Ip("192.0.2.1");
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

TEST_F(RouteTest, ADestinationOnTheLinkIsItsOwnGateway) {
  EXPECT_EQ(Read(Answer().Put(RTA_PREFSRC, Ip("10.0.0.2"))).gateway, destination_);
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
