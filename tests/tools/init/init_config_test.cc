#include "tools/init/init_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config/node_config.h"

namespace warp::tools {
namespace {

using testing::HasSubstr;

constexpr char kKey[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
constexpr char kOther[] = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

std::string Peer(const std::string& name, const std::string& rest = "") {
  return name + "=" + kKey + rest;
}

template <typename T>
std::string WhyNot(const absl::StatusOr<T>& parsed) {
  return parsed.ok() ? "it was accepted" : std::string(parsed.status().message());
}

TEST(InitConfigTest, ReadsAPeer) {
  const auto plain = ParseInitPeer(Peer("b"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->name, "b");
  EXPECT_EQ(plain->public_key, kKey);
  EXPECT_EQ(plain->endpoint, "");
  for (const auto& [said, meant] :
       std::vector<std::pair<std::string, std::string>>{{"198.51.100.7", "198.51.100.7:13116"},
                                                        {"198.51.100.7:7", "198.51.100.7:7"},
                                                        {"2001:db8::1", "[2001:db8::1]:13116"},
                                                        {"[2001:db8::1]:7", "[2001:db8::1]:7"},
                                                        {"b.example.net", "b.example.net:13116"}}) {
    const auto peer = ParseInitPeer(Peer("b", "@" + said));
    ASSERT_TRUE(peer.ok()) << peer.status();
    EXPECT_EQ(peer->endpoint, meant);
  }
}

TEST(InitConfigTest, SaysWhatIsNoPeer) {
  EXPECT_THAT(WhyNot(ParseInitPeer("b")), HasSubstr("no public key"));
  EXPECT_THAT(WhyNot(ParseInitPeer("b=short")), HasSubstr("\"short\": no public key"));
  EXPECT_THAT(WhyNot(ParseInitPeer(Peer("a b"))), HasSubstr("a name has letters"));
  EXPECT_THAT(WhyNot(ParseInitPeer(Peer(""))), HasSubstr("a name has letters"));
  EXPECT_THAT(WhyNot(ParseInitPeer(Peer("b", "@no such:place"))), HasSubstr("no such:place"));
}

TEST(InitConfigTest, ReadsPortsMapsAndTunnels) {
  EXPECT_EQ(ParseInitPort("eth0")->name, "eth0");
  EXPECT_EQ(ParseInitPort("fibre=eth0")->name, "fibre");
  EXPECT_EQ(ParseInitPort("fibre=eth0")->interface, "eth0");
  EXPECT_FALSE(ParseInitPort("fibre=").ok());
  EXPECT_FALSE(ParseInitPort("").ok());
  const auto map = ParseInitMap(std::string("map.example.net=") + kKey);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->address, "map.example.net:13116");
  EXPECT_FALSE(ParseInitMap("map.example.net").ok());
  const auto tunnel = ParseInitTunnel("video=127.0.0.1:9000,127.0.0.1:9001@b");
  ASSERT_TRUE(tunnel.ok()) << tunnel.status();
  EXPECT_EQ(tunnel->peer, "b");
  EXPECT_EQ(tunnel->gate, "loopback: {listen: \"127.0.0.1:9000\", deliver: \"127.0.0.1:9001\"}");
  EXPECT_EQ(ParseInitTunnel("lan=tun:warp0")->gate, "tun: {interface: \"warp0\"}");
  for (const char* wrong :
       {"video", "video=", "video=9000", "video=tun:", "video=127.0.0.1:9000,x"}) {
    EXPECT_FALSE(ParseInitTunnel(wrong).ok()) << wrong;
  }
}

InitConfig TwoPeers() {
  return {.private_key_file = "private.key",
          .ports = {{"fibre", "eth0"}, {"lte", "usb0"}},
          .peers = {{"b", kKey, "b.example.net:13116"}, {"c", kOther, ""}},
          .maps = {{"map.example.net:13116", kKey}}};
}

TEST(InitConfigTest, WritesWhatWarpdReads) {
  InitConfig config = TwoPeers();
  ASSERT_EQ(config.Complete(), absl::OkStatus());
  const auto read = config::ParseNodeConfig(config.ToYaml(), "test");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->node.private_key_file, "private.key");
  ASSERT_EQ(read->ports.size(), 2u);
  EXPECT_EQ(read->ports[1].name, "lte");
  EXPECT_EQ(read->ports[1].kernel_side(), "usb0");
  ASSERT_EQ(read->peers.size(), 2u);
  ASSERT_EQ(read->peers[0].endpoints.size(), 1u);
  EXPECT_EQ(read->peers[0].endpoints[0].ToString(), "b.example.net:13116");
  EXPECT_EQ(read->maps.size(), 1u);
  // One tunnel to each, of the same number: the other end of each pair counts in the same way.
  ASSERT_EQ(read->tunnels.size(), 2u);
  EXPECT_EQ(read->tunnels[0].id, 1);
  EXPECT_EQ(read->tunnels[1].id, 1);
  EXPECT_EQ(read->tunnels[1].peer, "c");
  EXPECT_EQ(read->tunnels[1].gate.loopback->listen.ToString(), "127.0.0.1:9001");
}

TEST(InitConfigTest, TunnelsFindTheirPeers) {
  InitConfig config = TwoPeers();
  config.tunnels = {*ParseInitTunnel("video=127.0.0.1:9000")};
  EXPECT_THAT(std::string(config.Complete().message()), HasSubstr("which peer?"));
  config.tunnels = {*ParseInitTunnel("video=127.0.0.1:9000@d")};
  EXPECT_THAT(std::string(config.Complete().message()), HasSubstr("\"d\""));
  config.peers.pop_back();
  config.tunnels = {*ParseInitTunnel("video=127.0.0.1:9000"), *ParseInitTunnel("lan=tun:warp0")};
  ASSERT_EQ(config.Complete(), absl::OkStatus());
  const auto read = config::ParseNodeConfig(config.ToYaml(), "test");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->tunnels[1].id, 2);
  EXPECT_EQ(read->tunnels[1].peer, "b");
}

// Whatever a word holds, it is a word of the file and no YAML.
TEST(InitConfigTest, AWordCannotBecomeAKey) {
  InitConfig config = TwoPeers();
  config.ports = {{"a", "x\", driver: \"udp"}};
  const absl::Status status = config.Complete();
  EXPECT_THAT(std::string(status.message()), HasSubstr("interface"));
  config = TwoPeers();
  config.private_key_file = "a\\b\": c";
  ASSERT_EQ(config.Complete(), absl::OkStatus());
  EXPECT_EQ(config::ParseNodeConfig(config.ToYaml(), "test")->node.private_key_file, "a\\b\": c");
  config.ports.clear();
  EXPECT_FALSE(config.Complete().ok());
}

}  // namespace
}  // namespace warp::tools
