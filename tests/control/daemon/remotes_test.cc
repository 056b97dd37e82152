// A peer or map that falls silent has its names asked.
#include "control/daemon/remotes.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "tests/control/turning.h"

namespace warp::control {
namespace {

// Knows no name, and whether each is said to be silent.
class FakeResolver : public Resolver {
 public:
  std::unique_ptr<Name> Watch(absl::string_view host_port, Handler) override {
    return std::make_unique<FakeName>(silent[std::string(host_port)]);
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

}  // namespace
}  // namespace warp::control
