// The peers and maps of a configuration: their names, which are asked where they fall silent, and their keys.
#include "control/daemon/remotes.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
  std::unique_ptr<Name> WatchServices(absl::string_view name, ServicesHandler) override {
    return std::make_unique<FakeName>(silent[std::string(name)]);
  }
  std::unique_ptr<Name> WatchPrefixes(absl::string_view, PrefixesHandler) override {
    return nullptr;
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
    void Describe(std::vector<NameStatus>&) const override {}

   private:
    bool& silent_;
  };
  std::map<std::string, Handler> handlers_;
};

config::HostPort Host(const std::string& host) { return {.host = host, .port = 13116}; }

class RemotesTest : public testing::Test {
 protected:
  static protocol::NodeOptions Options() {
    EXPECT_TRUE(wire::InitCrypto().ok());
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }
  // One that nobody knows yet.
  static config::PeerConfig Peer(const std::string& name) {
    config::PeerConfig peer;
    peer.name = name;
    peer.public_key = wire::SecretKey::Generate().Public();
    return peer;
  }
  static config::MapServerConfig Map(const std::string& host) {
    config::MapServerConfig map;
    map.address = Host(host);
    map.public_key = wire::SecretKey::Generate().Public();
    return map;
  }
  void OpenPort() {
    node_.SetPort(loop_->now(), 3, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
  }

  const std::unique_ptr<Loop> loop_ = MakeLoop();
  protocol::Node node_{Options()};
  FakeResolver resolver_;
  Remotes remotes_{*loop_, resolver_, node_};
};

TEST_F(RemotesTest, SayWhichNamesStandForWhoIsSilent) {
  for (const std::string name : {"a", "b"}) {
    config::PeerConfig peer = Peer(name);
    peer.endpoints = {Host(name + "1.example"), Host(name + "2.example")};
    ASSERT_TRUE(remotes_.AddPeer(peer, {}).ok());
  }
  remotes_.AddMap(Map("map.example"), {});
  // Nobody has been heard yet.
  EXPECT_EQ(resolver_.silent, (std::map<std::string, bool>{{"a1.example:13116", true},
                                                           {"a2.example:13116", true},
                                                           {"b1.example:13116", true},
                                                           {"b2.example:13116", true},
                                                           {"map.example:13116", true}}));
  remotes_.SetSilent(1, false);
  EXPECT_TRUE(resolver_.silent["a1.example:13116"]);
  EXPECT_FALSE(resolver_.silent["b1.example:13116"]);
  EXPECT_FALSE(resolver_.silent["b2.example:13116"]);
  remotes_.SetSilent(1, true);
  EXPECT_TRUE(resolver_.silent["b2.example:13116"]);
}

// Also in the middle of a handshake with it.
TEST_F(RemotesTest, AMapGoesAndComesBack) {
  OpenPort();
  const config::MapServerConfig one = Map("one.example"), two = Map("two.example");
  remotes_.AddMap(one, {});
  remotes_.AddMap(two, {});
  resolver_.Find("one.example:13116", *wire::Endpoint::Parse("10.0.0.9:13116"));
  node_.HandleTimeout(loop_->now());
  ASSERT_EQ(node_.initiations(), 1u);
  remotes_.RemoveMap(one.public_key);
  remotes_.RemoveMap(one.public_key);  // is none any more
  ASSERT_EQ(node_.Maps().size(), 1u);
  EXPECT_EQ(node_.Maps()[0].public_key, two.public_key);
  while (node_.NextTransmit().has_value()) continue;
  node_.HandleTimeout(loop_->now() + std::chrono::hours(1));
  EXPECT_FALSE(node_.has_transmits());
  remotes_.AddMap(one, {});
  EXPECT_EQ(node_.Maps().size(), 2u);
}

// The session of the peer goes on.
TEST_F(RemotesTest, APeerHasAnotherNameAndPresharedKey) {
  config::PeerConfig peer = Peer("hq");
  ASSERT_TRUE(remotes_.AddPeer(peer, {}).ok());
  const auto id = remotes_.Find(peer.public_key);
  peer.name = "head";
  peer.preshared_key.emplace(std::array<uint8_t, wire::kKeySize>{7});
  remotes_.RetunePeer(peer, {});
  EXPECT_EQ(remotes_.Find(peer.public_key), id);
  ASSERT_EQ(node_.Peers().size(), 1u);
  EXPECT_EQ(node_.Peers()[0].name, "head");
}

// In the name of an old key of ours it is known for as long as that serves.
TEST_F(RemotesTest, AMapKnowsTheNodeByItsOldKeyToo) {
  config::NodeConfig config;
  config.maps.push_back(Map("map.example"));
  remotes_.AddMap(config.maps[0], config.node);
  config::PeerConfig peer = Peer("hq");
  ASSERT_TRUE(remotes_.AddPeer(peer, config).ok());
  const wire::PublicKey before = node_.public_key();
  config.node.private_key = wire::SecretKey::Generate();
  remotes_.SetOwnKey(config, protocol::Replaced::kServes);
  ASSERT_EQ(node_.Maps().size(), 2u);
  EXPECT_EQ(node_.Maps()[0].own, before);
  EXPECT_EQ(node_.Maps()[1].own, config.node.private_key.Public());
  remotes_.SetOwnKey(config, protocol::Replaced::kServes);
  EXPECT_EQ(node_.Maps().size(), 2u);
  remotes_.SetOldKeysFor(wire::Duration::zero());
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return node_.Maps().size() == 1; }));
  EXPECT_EQ(node_.Maps()[0].own, config.node.private_key.Public());
  // Back and forth, at once: one registration for each that serves.
  remotes_.SetOldKeysFor(std::chrono::hours(1));
  const wire::SecretKey first = config.node.private_key.Clone();
  for (int i = 0; i < 3; ++i) {
    config.node.private_key = i % 2 == 0 ? wire::SecretKey::Generate() : first.Clone();
    remotes_.SetOwnKey(config,
                       i % 2 == 0 ? protocol::Replaced::kServes : protocol::Replaced::kMistaken);
  }
  EXPECT_EQ(node_.Maps().size(), 2u);
  remotes_.RemoveMap(config.maps[0].public_key);
  EXPECT_TRUE(node_.Maps().empty());
}

// A reload gives the peer other endpoints; names that it keeps are not asked anew.
TEST_F(RemotesTest, APeerHasOtherEndpointsAndGoes) {
  OpenPort();
  config::PeerConfig peer = Peer("hub");
  peer.endpoints = {Host("kept.example"), *config::HostPort::Parse("10.0.0.2:1")};
  ASSERT_TRUE(remotes_.AddPeer(peer, {}).ok());
  const std::optional<wire::PeerId> id = remotes_.Find(peer.public_key);
  ASSERT_TRUE(id.has_value());
  const auto remote = [&] {
    const auto paths = node_.Peers().at(0).paths;
    return paths.size() == 1 ? paths[0].remote.ToString() : std::to_string(paths.size()) + " paths";
  };
  EXPECT_EQ(remote(), "10.0.0.2:1");
  remotes_.SetSilent(*id, false);
  peer.endpoints = {*config::HostPort::Parse("10.0.0.3:1"), Host("kept.example"),
                    Host("new.example")};
  remotes_.RetunePeer(peer, {});
  EXPECT_EQ(remote(), "10.0.0.3:1");
  EXPECT_FALSE(resolver_.silent["kept.example:13116"]);
  EXPECT_FALSE(resolver_.silent["new.example:13116"]);  // as the peer is
  remotes_.RemovePeer(*id);
  EXPECT_EQ(remotes_.Find(peer.public_key), std::nullopt);
  EXPECT_TRUE(node_.Peers().empty());
  ASSERT_TRUE(remotes_.AddPeer(peer, {}).ok());
  EXPECT_NE(remotes_.Find(peer.public_key), id);  // no id is given twice
}

// In the middle of a reload both configurations name it. What was before that, nobody names, also while it serves yet:
// it may be another peer's.
TEST_F(RemotesTest, KeysOfEarlierChangesAreForgotten) {
  config::PeerConfig peer = Peer("hub");
  ASSERT_TRUE(remotes_.AddPeer(peer, {}).ok());
  const auto id = remotes_.Find(peer.public_key);
  std::vector<wire::PublicKey> earlier;
  for (int i = 0; i < 10; ++i) {
    const config::PeerConfig after = Peer(peer.name);
    ASSERT_TRUE(remotes_.ChangePeerKey(peer, after, protocol::Replaced::kServes).ok());
    EXPECT_EQ(remotes_.Find(peer.public_key), id) << i;
    EXPECT_EQ(remotes_.Find(after.public_key), id) << i;
    for (const wire::PublicKey& key : earlier) EXPECT_EQ(remotes_.Find(key), std::nullopt) << i;
    earlier.push_back(peer.public_key);
    peer.public_key = after.public_key;
  }
  // The step back names both, too.
  config::PeerConfig before = Peer(peer.name);
  before.public_key = earlier.back();
  ASSERT_TRUE(remotes_.ChangePeerKey(peer, before, protocol::Replaced::kMistaken).ok());
  EXPECT_EQ(remotes_.Find(before.public_key), id);
  EXPECT_EQ(remotes_.Find(peer.public_key), id);
  // A key that another peer has got is that one's.
  config::PeerConfig other = Peer("other");
  other.public_key = earlier[8];
  ASSERT_TRUE(remotes_.AddPeer(other, {}).ok());
  EXPECT_NE(remotes_.Find(other.public_key), id);
  const config::PeerConfig again = Peer(peer.name);
  ASSERT_TRUE(remotes_.ChangePeerKey(before, again, protocol::Replaced::kServes).ok());
  EXPECT_TRUE(remotes_.Find(other.public_key).has_value());
}

// Where a change was undone there is the key that was one too many; where it was not, nothing of that is left.
TEST_F(RemotesTest, WhatAChangeHasDisplacedIsKeptUntilItIsCertain) {
  config::NodeConfig config;
  std::vector<wire::SecretKey> keys;
  const wire::PublicKey first = node_.public_key();
  const auto change = [&](const wire::SecretKey& key, protocol::Replaced replaced) {
    config.node.private_key = key.Clone();
    remotes_.SetOwnKey(config, replaced);
  };
  // A peer that knows none of them, so that all serve.
  ASSERT_TRUE(remotes_.AddPeer(Peer("hq"), {}).ok());
  for (int i = 0; i < 4; ++i) keys.push_back(wire::SecretKey::Generate());
  for (int i = 0; i < 3; ++i) {
    change(keys[static_cast<size_t>(i)], protocol::Replaced::kServes);
    remotes_.SettleKeys();
  }
  for (const bool certain : {false, true}) {
    ASSERT_TRUE(remotes_.IsOwn(first));
    change(keys[3], protocol::Replaced::kServes);
    EXPECT_FALSE(remotes_.IsOwn(first));
    if (certain) remotes_.SettleKeys();
    change(keys[2], protocol::Replaced::kMistaken);
    EXPECT_EQ(remotes_.IsOwn(first), !certain);
  }
}

}  // namespace
}  // namespace warp::control
