// Sessions of a map at their ceiling, and whose network a node is counted in: with real handshakes, without a network.
#include "map-server/session/client_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <variant>
#include <vector>

#include "control/protocol/control_message.h"
#include "control/protocol/handshake/handshake.h"
#include "tests/map-server/map_node.h"

namespace warp::map {
namespace {

using namespace std::chrono_literals;  // NOLINT: for 3600s
using wire::Drop;

constexpr size_t kMost = 4;

class ClientTableTest : public testing::Test {
 protected:
  explicit ClientTableTest(size_t most = kMost) : table_(map_, most, 3600s) {}

  // A node, as far as it shakes hands.
  struct Node {
    explicit Node(const char* address) : at{Ip(address), 13116} {}
    protocol::Identity identity{{.secret_key = wire::SecretKey::Generate()}};
    Endpoint at;
    wire::Token token{};
    std::shared_ptr<wire::Session> session;
  };

  std::vector<uint8_t> Initiation(Node& node) {
    handshake_ = std::make_unique<protocol::InitiatorHandshake>(node.identity, params_, ++index_,
                                                                node.token);
    return handshake_->Copy(now_, {0, at_}, no_cookies_);
  }
  Drop Deliver(Node& node, const Endpoint& from, const std::vector<uint8_t>& datagram) {
    auto initiation = protocol::ReadInitiation(map_.keys(), wire::Role::kMap, datagram);
    const auto result = table_.HandleInitiation(now_, {0, from, {}}, *initiation, &node.token);
    if (const auto* drop = std::get_if<Drop>(&result)) return *drop;
    const auto& response = std::get<protocol::Association::Response>(result);
    node.session = handshake_->ReadResponse(now_, params_, response.datagram).session;
    return Drop::kNone;
  }
  // A handshake as a node makes it: it knows no token, or echoes the one that it is told.
  Drop Greet(Node& node) {
    Drop drop = Deliver(node, node.at, Initiation(node));
    if (drop == Drop::kHandshakeStale) drop = Deliver(node, node.at, Initiation(node));
    return drop;
  }
  // Whether the map takes something that is sealed with this session.
  bool Hears(const Node& node, const std::shared_ptr<wire::Session>& session) {
    auto sealed = session->Seal(now_, engine_, EncodeControlMessage(protocol::Confirm{}));
    return std::holds_alternative<ClientTable::Opened>(
        table_.Open(now_, {0, node.at, {}}, *sealed));
  }
  bool Hears(const Node& node) { return Hears(node, node.session); }
  Id Find(const Node& node) const { return table_.Find(node.identity.public_key()); }

  Instant now_{1000s};
  protocol::Identity map_{
      {.secret_key = wire::SecretKey::Generate(), .ciphers = {wire::Cipher::kChaCha20Poly1305}}};
  wire::AeadEngine& engine_ = map_.engine();
  ClientTable table_;

 private:
  const Endpoint at_ = At("198.51.100.1:13116");
  const wire::PresharedKey psk_;
  const protocol::HandshakeParams params_{
      .remote = map_.public_key(), .psk = &psk_, .role = wire::Role::kMap};
  protocol::CookieJar no_cookies_{120s};
  std::unique_ptr<protocol::InitiatorHandshake> handshake_;
  uint32_t index_ = 0;
};

TEST_F(ClientTableTest, AtTheCeilingNewcomersAreRefusedByNameAndThoseWhoAreInLoseNothing) {
  std::vector<std::unique_ptr<Node>> live;
  for (size_t i = 0; i < kMost; ++i) {
    live.push_back(std::make_unique<Node>("192.0.2.1"));
    ASSERT_EQ(Greet(*live.back()), Drop::kNone);
    ASSERT_TRUE(Hears(*live.back()));
  }
  // Newcomers, each with as many sessions as nobody has confirmed as it may have.
  std::vector<std::unique_ptr<Node>> strangers;
  while (table_.sessions() < ClientTable::Sessions(kMost)) {
    if (table_.sessions() % protocol::kMaxUnconfirmedSessions == 0)
      strangers.push_back(std::make_unique<Node>("203.0.113.7"));
    ASSERT_EQ(Greet(*strangers.back()), Drop::kNone);
    ASSERT_LE(strangers.size(), ClientTable::Newcomers(kMost));
  }
  Node late("203.0.113.8");
  EXPECT_EQ(Greet(late), Drop::kMapFull);
  EXPECT_EQ(Find(late), kNoId) << "who is refused leaves nothing behind";

  for (const auto& node : live) EXPECT_TRUE(Hears(*node));
  for (const auto& node : live) {
    const auto old = node->session;
    ASSERT_EQ(Greet(*node), Drop::kNone) << "those who are in rekey";
    EXPECT_TRUE(Hears(*node, old)) << "the old session lives until the new one is in use";
    EXPECT_TRUE(Hears(*node));
    EXPECT_TRUE(Hears(*node, old)) << "and what was under way in it still arrives";
  }
  EXPECT_LE(table_.sessions(), ClientTable::Sessions(kMost));
  EXPECT_EQ(table_.size(), kMost);
  EXPECT_EQ(Greet(late), Drop::kNone) << "a session that another follows makes room";
  EXPECT_TRUE(Hears(*strangers.back())) << "of the strangers, the newest are still waited for";
}

class ManyClientsTest : public ClientTableTest {
 protected:
  ManyClientsTest() : ClientTableTest(64) {}
};

// Whoever has recorded initiations plays them to a map that has lost all it knew, before their nodes are back.
TEST_F(ManyClientsTest, ARecordingDoesNotPutANodeIntoAnothersNetwork) {
  Node node("192.0.2.1");
  const Endpoint thief = At("203.0.113.7:13116");
  ASSERT_EQ(Deliver(node, thief, Initiation(node)), Drop::kNone);
  node.token = {};
  ASSERT_EQ(Greet(node), Drop::kNone);
  ASSERT_TRUE(Hears(node));

  // The thief's network uses up what it may say.
  bool taken = true;
  for (size_t i = 0; i < 40 && taken; ++i) {
    Node other("203.0.113.8");
    ASSERT_EQ(Greet(other), Drop::kNone);
    ASSERT_TRUE(Hears(other));
    for (uint32_t said = 0; said < kMessageBurst && taken; ++said)
      taken = table_.TakeMessage(now_, Find(other));
  }
  ASSERT_FALSE(taken);
  EXPECT_TRUE(table_.TakeMessage(now_, Find(node)));
}

}  // namespace
}  // namespace warp::map
