// A peer or map that falls silent has its names asked.
#include "control/daemon/remotes.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/control/turning.h"

namespace warp::control {
namespace {

// Knows no name, and whether each is said to be silent.
class FakeResolver : public Resolver {
 public:
  std::unique_ptr<Name> Watch(absl::string_view host_port, Handler handler) override {
    handlers_[std::string(host_port)] = std::move(handler);
    return std::make_unique<FakeName>(silent[std::string(host_port)]);
  }
  // The name stands for this endpoint.
  void Find(const std::string& host_port, const wire::Endpoint& endpoint) {
    handlers_.at(host_port)(std::vector<wire::Endpoint>{endpoint});
  }
  std::map<std::string, bool> silent;

 private:
  class FakeName : public Name {
   public:
    explicit FakeName(bool& silent) : silent_(silent) {}
    void SetSilent(bool silent) override { silent_ = silent; }

   private:
    bool& silent_;
  };
  std::map<std::string, Handler> handlers_;
};

config::HostPort Host(const std::string& host) { return {.host = host, .port = 13116}; }

TEST(Remotes, SayWhichNamesStandForWhoIsSilent) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const std::unique_ptr<Loop> loop = MakeLoop();
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  FakeResolver resolver;
  Remotes remotes(*loop, resolver, node);
  for (const std::string name : {"a", "b"}) {
    config::PeerConfig peer;
    peer.name = name;
    peer.public_key = wire::SecretKey::Generate().Public();
    peer.endpoints = {Host(name + "1.example"), Host(name + "2.example")};
    ASSERT_TRUE(remotes.AddPeer(peer, {}).ok());
  }
  config::MapServerConfig map;
  map.address = Host("map.example");
  map.public_key = wire::SecretKey::Generate().Public();
  remotes.AddMap(map, {});
  // Nobody has been heard yet.
  EXPECT_EQ(resolver.silent, (std::map<std::string, bool>{{"a1.example:13116", true},
                                                          {"a2.example:13116", true},
                                                          {"b1.example:13116", true},
                                                          {"b2.example:13116", true},
                                                          {"map.example:13116", true}}));
  remotes.SetSilent(1, false);
  EXPECT_TRUE(resolver.silent["a1.example:13116"]);
  EXPECT_FALSE(resolver.silent["b1.example:13116"]);
  EXPECT_FALSE(resolver.silent["b2.example:13116"]);
  remotes.SetSilent(1, true);
  EXPECT_TRUE(resolver.silent["b2.example:13116"]);
}

// Also in the middle of a handshake with it.
TEST(Remotes, AMapGoesAndComesBack) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const std::unique_ptr<Loop> loop = MakeLoop();
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  node.SetPort(loop->now(), 3, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
  FakeResolver resolver;
  Remotes remotes(*loop, resolver, node);
  config::MapServerConfig one, two;
  one.address = Host("one.example");
  one.public_key = wire::SecretKey::Generate().Public();
  two.address = Host("two.example");
  two.public_key = wire::SecretKey::Generate().Public();
  remotes.AddMap(one, {});
  remotes.AddMap(two, {});
  resolver.Find("one.example:13116", *wire::Endpoint::Parse("10.0.0.9:13116"));
  node.HandleTimeout(loop->now());
  ASSERT_EQ(node.initiations(), 1u);
  remotes.RemoveMap(one.public_key);
  remotes.RemoveMap(one.public_key);  // is none any more
  ASSERT_EQ(node.Maps().size(), 1u);
  EXPECT_EQ(node.Maps()[0].public_key, two.public_key);
  while (node.NextTransmit().has_value()) continue;
  node.HandleTimeout(loop->now() + std::chrono::hours(1));
  EXPECT_FALSE(node.has_transmits());
  remotes.AddMap(one, {});
  EXPECT_EQ(node.Maps().size(), 2u);
}

// The session of the peer goes on.
TEST(Remotes, APeerHasAnotherNameAndPresharedKey) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const std::unique_ptr<Loop> loop = MakeLoop();
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  FakeResolver resolver;
  Remotes remotes(*loop, resolver, node);
  config::PeerConfig peer;
  peer.name = "hq";
  peer.public_key = wire::SecretKey::Generate().Public();
  ASSERT_TRUE(remotes.AddPeer(peer, {}).ok());
  const auto id = remotes.Find(peer.public_key);
  peer.name = "head";
  peer.preshared_key.emplace(std::array<uint8_t, wire::kKeySize>{7});
  remotes.RetunePeer(peer, {});
  EXPECT_EQ(remotes.Find(peer.public_key), id);
  ASSERT_EQ(node.Peers().size(), 1u);
  EXPECT_EQ(node.Peers()[0].name, "head");
}

// In the name of an old key of ours it is known for as long as that serves.
TEST(Remotes, AMapKnowsTheNodeByItsOldKeyToo) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const std::unique_ptr<Loop> loop = MakeLoop();
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  FakeResolver resolver;
  Remotes remotes(*loop, resolver, node);
  config::NodeConfig config;
  config.maps.resize(1);
  config.maps[0].address = Host("map.example");
  config.maps[0].public_key = wire::SecretKey::Generate().Public();
  remotes.AddMap(config.maps[0], config.node);
  config::PeerConfig peer;
  peer.name = "hq";
  peer.public_key = wire::SecretKey::Generate().Public();
  ASSERT_TRUE(remotes.AddPeer(peer, config).ok());
  const wire::PublicKey before = node.public_key();
  config.node.private_key = wire::SecretKey::Generate();
  remotes.SetOwnKey(config, protocol::Replaced::kServes);
  ASSERT_EQ(node.Maps().size(), 2u);
  EXPECT_EQ(node.Maps()[0].own, before);
  EXPECT_EQ(node.Maps()[1].own, config.node.private_key.Public());
  remotes.SetOwnKey(config, protocol::Replaced::kServes);
  EXPECT_EQ(node.Maps().size(), 2u);
  remotes.SetOldKeysFor(wire::Duration::zero());
  EXPECT_TRUE(TurnUntil(*loop, [&] { return node.Maps().size() == 1; }));
  EXPECT_EQ(node.Maps()[0].own, config.node.private_key.Public());
  // Back and forth, at once: one registration for each that serves.
  remotes.SetOldKeysFor(std::chrono::hours(1));
  const wire::SecretKey first = config.node.private_key.Clone();
  for (int i = 0; i < 3; ++i) {
    config.node.private_key = i % 2 == 0 ? wire::SecretKey::Generate() : first.Clone();
    remotes.SetOwnKey(config,
                      i % 2 == 0 ? protocol::Replaced::kServes : protocol::Replaced::kMistaken);
  }
  EXPECT_EQ(node.Maps().size(), 2u);
  remotes.RemoveMap(config.maps[0].public_key);
  EXPECT_TRUE(node.Maps().empty());
}

// A reload gives the peer other endpoints; names that it keeps are not asked anew.
TEST(Remotes, APeerHasOtherEndpointsAndGoes) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const std::unique_ptr<Loop> loop = MakeLoop();
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  node.SetPort(loop->now(), 3, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
  FakeResolver resolver;
  Remotes remotes(*loop, resolver, node);
  config::PeerConfig peer;
  peer.name = "hub";
  peer.public_key = wire::SecretKey::Generate().Public();
  peer.endpoints = {Host("kept.example"), *config::HostPort::Parse("10.0.0.2:1")};
  ASSERT_TRUE(remotes.AddPeer(peer, {}).ok());
  const std::optional<wire::PeerId> id = remotes.Find(peer.public_key);
  ASSERT_TRUE(id.has_value());
  const auto remote = [&] {
    const auto paths = node.Peers().at(0).paths;
    return paths.size() == 1 ? paths[0].remote.ToString() : std::to_string(paths.size()) + " paths";
  };
  EXPECT_EQ(remote(), "10.0.0.2:1");
  remotes.SetSilent(*id, false);
  peer.endpoints = {*config::HostPort::Parse("10.0.0.3:1"), Host("kept.example"),
                    Host("new.example")};
  remotes.RetunePeer(peer, {});
  EXPECT_EQ(remote(), "10.0.0.3:1");
  EXPECT_FALSE(resolver.silent["kept.example:13116"]);
  EXPECT_FALSE(resolver.silent["new.example:13116"]);  // as the peer is
  remotes.RemovePeer(*id);
  EXPECT_EQ(remotes.Find(peer.public_key), std::nullopt);
  EXPECT_TRUE(node.Peers().empty());
  ASSERT_TRUE(remotes.AddPeer(peer, {}).ok());
  EXPECT_NE(remotes.Find(peer.public_key), id);  // no id is given twice
}

// In the middle of a reload both configurations name it. What was before that, nobody names.
TEST(Remotes, KeysOfEarlierChangesAreForgotten) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const std::unique_ptr<Loop> loop = MakeLoop();
  protocol::NodeOptions options;
  options.identity.secret_key = wire::SecretKey::Generate();
  options.identity.wall_clock = [] { return uint64_t{1}; };
  protocol::Node node(std::move(options));
  FakeResolver resolver;
  Remotes remotes(*loop, resolver, node);
  config::PeerConfig peer;
  peer.name = "hub";
  peer.public_key = wire::SecretKey::Generate().Public();
  const wire::PublicKey first = peer.public_key;
  ASSERT_TRUE(remotes.AddPeer(peer, {}).ok());
  for (int i = 0; i < 10; ++i) {
    config::PeerConfig after;
    after.name = peer.name;
    after.public_key = wire::SecretKey::Generate().Public();
    ASSERT_TRUE(remotes.ChangePeerKey(peer, after, protocol::Replaced::kServes).ok());
    EXPECT_TRUE(remotes.Find(peer.public_key));
    EXPECT_TRUE(remotes.Find(after.public_key));
    EXPECT_EQ(remotes.Find(first).has_value(), i == 0);
    peer.public_key = after.public_key;
  }
}

}  // namespace
}  // namespace warp::control
