#include "dataplane/wire/endpoint.h"

#include <gtest/gtest.h>

#include "absl/container/flat_hash_set.h"

namespace warp::wire {
namespace {

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

TEST(IpAddress, ParsesAndPrintsCanonically) {
  const struct {
    const char* text;
    const char* canonical;
  } kCases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"::", "::"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"fe80::1", "fe80::1"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Ip(c.text).ToString(), c.canonical);
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "192.0.2", "192.0.2.256", "1.2.3.4.5", " 192.0.2.1", "192.0.2.1 ",
                           "[::1]", "fe80::1%eth0", "2001:db8::/32", "::1::2", "localhost"}) {
    EXPECT_EQ(IpAddress::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("192.0.2.1\0x", 11)).ok());
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(Ip("192.0.2.1").is_v4());
  EXPECT_FALSE(Ip("::").is_v4());
  EXPECT_FALSE(Ip("::1.2.3.4").is_v4());  // IPv4-compatible, which is not IPv4-mapped
  EXPECT_EQ(Ip("192.0.2.1"), IpAddress::V4({192, 0, 2, 1}));

  const struct {
    const char* text;
    bool unspecified, loopback, multicast, link_local;
  } kCases[] = {
      {"::", true, false, false, false},          {"0.0.0.0", true, false, false, false},
      {"::1", false, true, false, false},         {"127.0.0.1", false, true, false, false},
      {"127.255.0.9", false, true, false, false}, {"224.0.0.1", false, false, true, false},
      {"239.1.2.3", false, false, true, false},   {"255.255.255.255", false, false, true, false},
      {"240.0.0.1", false, false, false, false},  {"ff02::1", false, false, true, false},
      {"fe80::1", false, false, false, true},     {"febf::1", false, false, false, true},
      {"fec0::1", false, false, false, false},    {"169.254.3.4", false, false, false, true},
      {"192.0.2.1", false, false, false, false},  {"2001:db8::1", false, false, false, false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Ip(c.text).is_unspecified(), c.unspecified) << c.text;
    EXPECT_EQ(Ip(c.text).is_loopback(), c.loopback) << c.text;
    EXPECT_EQ(Ip(c.text).is_multicast(), c.multicast) << c.text;
    EXPECT_EQ(Ip(c.text).is_link_local(), c.link_local) << c.text;
  }
}

TEST(Endpoint, ParsesAndPrints) {
  for (const char* text : {"192.0.2.1:13116", "[2001:db8::1]:1", "0.0.0.0:65535"}) {
    const absl::StatusOr<Endpoint> endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->ToString(), text);
  }
}

TEST(Endpoint, RefusesWhatIsNone) {
  for (const char* text : {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
                           "192.0.2.1:+5", "192.0.2.1: 5", "192.0.2.1:5 ", "[192.0.2.1]:5", "::1:5",
                           "[::1]", "[::1]5", "[]:5", "host:5", "192.0.2.1:999999999999"}) {
    EXPECT_EQ(Endpoint::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Endpoint, IsAKey) {
  absl::flat_hash_set<Endpoint> set;
  set.insert(Endpoint::Parse("192.0.2.1:1").value());
  set.insert(Endpoint::Parse("192.0.2.1:2").value());
  set.insert(Endpoint::Parse("[::ffff:192.0.2.1]:1").value());
  EXPECT_EQ(set.size(), 2u);
}

}  // namespace
}  // namespace warp::wire
