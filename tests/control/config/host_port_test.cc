#include "control/config/text/host_port.h"

#include <gtest/gtest.h>

namespace warp::config {
namespace {

TEST(HostPortTest, TakesAddressesAndNames) {
  struct Case {
    const char* text;
    const char* host;
    uint16_t port;
    bool literal;
    const char* again;
  };
  constexpr Case kCases[] = {
      {"192.0.2.1:13116", "192.0.2.1", 13116, true, "192.0.2.1:13116"},
      {"[2001:DB8::0:1]:1", "2001:db8::1", 1, true, "[2001:db8::1]:1"},
      {"[fe80::B%wan0]:9", "fe80::b", 9, true, "[fe80::b%wan0]:9"},
      {"map.example.net:65535", "map.example.net", 65535, false, "map.example.net:65535"},
      {"localhost:9", "localhost", 9, false, "localhost:9"},
      {"a_b-c.1x:9", "a_b-c.1x", 9, false, "a_b-c.1x:9"},
  };
  for (const Case& c : kCases) {
    const absl::StatusOr<HostPort> got = HostPort::Parse(c.text);
    ASSERT_TRUE(got.ok()) << c.text << ": " << got.status();
    EXPECT_EQ(got->host, c.host);
    EXPECT_EQ(got->port, c.port);
    EXPECT_EQ(got->literal.has_value(), c.literal) << c.text;
    EXPECT_EQ(got->ToString(), c.again);
  }
}

TEST(HostPortTest, SaysWhatIsWrong) {
  const std::string long_label(64, 'a');
  const std::pair<std::string, const char*> cases[] = {
      {"", "has no port: write host:port"},
      {"http://192.0.2.1:13116", "is a URL: write host:port alone"},
      {"udp://[2001:db8::1]:13116", "is a URL: write host:port alone"},
      {"https://example.net", "is a URL: write host:port alone"},
      {"example.net", "has no port: write host:port"},
      {"[2001:db8::1]", "has no port: write host:port"},
      {"example.net:", "has no port from 1 to 65535 behind its last colon"},
      {"example.net:0", "has no port from 1 to 65535 behind its last colon"},
      {"example.net:65536", "has no port from 1 to 65535 behind its last colon"},
      {"example.net:-1", "has no port from 1 to 65535 behind its last colon"},
      {"example.net:+1", "has no port from 1 to 65535 behind its last colon"},
      {"example.net: 1", "has no port from 1 to 65535 behind its last colon"},
      {"example.net:1 ", "has no port from 1 to 65535 behind its last colon"},
      {"2001:db8::1:80", "needs brackets around an IPv6 address: [2001:db8::1]:13116"},
      {":80", "has neither an IP address nor a name before its port"},
      {"[]:80", "has neither an IP address nor a name before its port"},
      {"[192.0.2.1]:80", "has neither an IP address nor a name before its port"},
      {"[example.net]:80", "has neither an IP address nor a name before its port"},
      {"[fe80::b%]:80", "has no interface behind its %: [fe80::b%wan0]:13116"},
      {"[2001:db8::1%wan0]:80", "names an interface, which only a link-local address (fe80::) may"},
      {"[fe80::zz%wan0]:80", "has neither an IP address nor a name before its port"},
      {"169.254.0.1%wan0:80", "has neither an IP address nor a name before its port"},
      {"[169.254.0.1%wan0]:80", "has neither an IP address nor a name before its port"},
      {"192.0.2.256:80", "has neither an IP address nor a name before its port"},
      {"exa mple.net:80", "has neither an IP address nor a name before its port"},
      {"-a.net:80", "has neither an IP address nor a name before its port"},
      {"a..net:80", "has neither an IP address nor a name before its port"},
      {long_label + ".net:80", "has neither an IP address nor a name before its port"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(HostPort::Parse(text).status().message(), message) << text;
  }
}

// Of a server, a domain alone has records that say where it is.
TEST(HostPortTest, AServerMayBeADomain) {
  const absl::StatusOr<HostPort> domain = HostPort::ParseServer("example.net");
  ASSERT_TRUE(domain.ok()) << domain.status();
  EXPECT_EQ(*domain, (HostPort{.host = "example.net", .port = 0}));
  EXPECT_EQ(domain->ToString(), "example.net");
  EXPECT_EQ(HostPort::ParseServer("example.net:7")->ToString(), "example.net:7");
  for (const char* text : {"192.0.2.1", "[2001:db8::1]", "2001:db8::1", "", "-a.net", "a b"})
    EXPECT_FALSE(HostPort::ParseServer(text).ok()) << text;
}

}  // namespace
}  // namespace warp::config
