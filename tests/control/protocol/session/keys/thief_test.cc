// Stories of somebody who has stolen a key that is being replaced: what it is worth to him while it serves, and after.
#include <algorithm>
#include <memory>
#include <optional>

#include "control/protocol/control_message.h"
#include "control/protocol/handshake/handshake.h"
#include "tests/control/protocol/session/keys/key_story.h"

namespace warp::protocol {
namespace {

// Has the key of node 0 from before it was changed, and its preshared one, and speaks with node 1.
class Thief {
 public:
  Thief(VirtualNet& net, const wire::SecretKey& stolen)
      : net_(net),
        identity_({.secret_key = stolen.Clone(), .wall_clock = [] { return uint64_t{1}; }}),
        jar_(identity_.timers().cookie_lifetime) {}

  // Begins a handshake, and follows what it is answered with. True: there is a session now.
  bool Shake() {
    const HandshakeParams params{.remote = net_.key(1), .psk = &psk_};
    InitiatorHandshake handshake(identity_, params, ++index_, token_);
    session_ = nullptr;
    for (const Seen& seen : Say(handshake.Copy(net_.now(), route_, jar_))) {
      if (seen.type() == static_cast<uint8_t>(wire::MessageType::kCookieReply))
        handshake.ReadCookieReply(net_.now(), route_, seen.datagram, jar_);
      if (const auto token = handshake.ReadRetry(seen.datagram)) token_ = *token;
      if (handshake.IsFromResponder(seen.datagram))
        session_ = handshake.ReadResponse(net_.now(), params, seen.datagram).session;
      if (session_ != nullptr) return true;
    }
    return false;
  }
  void Steal() {
    for (int i = 0; i < 1000 && session_ == nullptr; ++i) {
      Shake();
      net_.Run(10ms);
    }
    ASSERT_NE(session_, nullptr);
  }
  void Say(const ControlMessage& message) { SealAndSay(EncodeControlMessage(message)); }
  void Pay(const std::string& text) {
    std::vector<uint8_t> plaintext(wire::kInnerHeaderSize);
    wire::WritePayloadHeader({.tunnel_id = 1}, plaintext.data());
    plaintext.insert(plaintext.end(), text.begin(), text.end());
    SealAndSay(plaintext);
  }

 private:
  void SealAndSay(wire::Bytes plaintext) {
    auto sealed = session_->Seal(net_.now(), identity_.engine(), plaintext);
    ASSERT_TRUE(sealed);
    Say(std::move(*sealed));
  }
  std::vector<Seen> Say(std::vector<uint8_t> datagram) {
    net_.Record(true);
    net_.Inject(1, 0, route_.remote, std::move(datagram));
    net_.Record(false);
    std::vector<Seen> seen = net_.TakeSeen();
    std::erase_if(seen, [this](const Seen& one) { return one.to != route_.remote; });
    return seen;
  }

  VirtualNet& net_;
  Identity identity_;
  CookieJar jar_;
  const Route route_{0, {wire::IpAddress::V4({192, 0, 2, 66}), 4000}};
  const wire::PresharedKey psk_{[] {
    std::array<uint8_t, wire::kKeySize> psk;
    psk.fill(1);
    return psk;
  }()};
  uint32_t index_ = 0;
  wire::Token token_{};
  std::shared_ptr<wire::Session> session_;
};

class ThiefTest : public KeyStory {
 protected:
  ThiefTest() {
    net_.ChangeKey(0, stolen_);
    net_.LearnKey(1, 0, stolen_.Public());
    net_.Run(5s);
    EXPECT_EQ(net_.Peer(1, 0).session_remote, stolen_.Public());
  }
  bool HasShown(const wire::SecretKey& key) {
    return Connected() && net_.Peer(1, 0).session_remote == key.Public();
  }

  const wire::SecretKey stolen_ = wire::SecretKey::Generate();
  const wire::SecretKey next_ = wire::SecretKey::Generate();
  const wire::SecretKey last_ = wire::SecretKey::Generate();
};

// He uses up all that node 1 has for handshakes of this peer, and takes each token first.
TEST_F(ThiefTest, HeDoesNotKeepTheNewKeyOut) {
  net_.LearnKey(1, 0, next_.Public());
  OnlyInitiator(0);
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 50ms);
  }
  Thief thief(net_, stolen_);
  size_t shaken = 0;
  const auto shake = [&](Duration duration) {
    for (Duration t{0}; t < duration && !HasShown(next_); t += 2ms) {
      shaken += thief.Shake();
      net_.Run(2ms);
    }
  };
  shake(10s);
  EXPECT_GT(shaken, 50u);
  net_.ChangeKey(0, next_);
  const Instant changed = net_.now();
  shake(60s);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_LE(net_.now() - changed, 5s) << (net_.now() - changed) / 1ms;
}

// Made after the session by which node 0 shows its new key, and confirmed before that.
TEST_F(ThiefTest, HisSessionEndsSoonAfterTheNewKeyHasServed) {
  net_.LearnKey(1, 0, next_.Public());
  Thief thief(net_, stolen_);
  thief.Steal();
  thief.Say(Confirm{});
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  net_.Run(30s);
  net_.TakeReceived(1);
  thief.Pay("stolen");
  net_.Run(1s);
  EXPECT_TRUE(net_.TakeReceived(1).empty());
}

TEST_F(ThiefTest, HisCloseEndsNoSessionOfTheNewKey) {
  net_.LearnKey(1, 0, next_.Public());
  OnlyInitiator(0);
  // Node 1 has answered node 0, and does not hear the confirm for a moment.
  bool deaf = true;
  net_.Filter([&](const Seen& seen) {
    return seen.type() == 2 ? seen.from_node == 0 : !(deaf && seen.from_node == 0);
  });
  Thief thief(net_, stolen_);
  net_.ChangeKey(0, next_);
  net_.Run(500ms);
  thief.Steal();
  thief.Say(Confirm{});
  deaf = false;
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  const auto session = net_.Peer(1, 0).session;
  thief.Say(Close{});
  net_.Run(1s);
  EXPECT_EQ(net_.Peer(1, 0).session, session);
  EXPECT_TRUE(Connected());
}

// Node 1 is one change ahead of node 0.
TEST_F(ThiefTest, AKeyEndsAsSoonAsALaterOneHasServed) {
  net_.LearnKey(1, 0, next_.Public());
  net_.LearnKey(1, 0, last_.Public());
  ASSERT_EQ(net_.Peer(1, 0).old_keys.size(), 2u);
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  const std::vector<OldKey> old = net_.Peer(1, 0).old_keys;
  ASSERT_EQ(old.size(), 1u) << "the stolen one serves nobody any more";
  EXPECT_EQ(old[0].key, next_.Public());
  ExpectNothingLost(200s);
  net_.ChangeKey(0, last_);
  ExpectNothingLost(10s);
  EXPECT_TRUE(HasShown(last_));
}

// He confirms sessions while node 1 asks for the new key, and node 0 cannot begin.
TEST_F(ThiefTest, HeDoesNotStopHandshakesForTheNewKey) {
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) net_.DelayBoth(0, from, 1, to, 150ms);
  }
  OnlyInitiator(1);
  net_.ChangeKey(0, next_);
  net_.Run(5s);
  Thief thief(net_, stolen_);
  const auto shake = [&](Duration duration) {
    for (Duration t{0}; t < duration && !HasShown(next_); t += 10ms) {
      if (thief.Shake()) thief.Say(Confirm{});
      net_.Run(10ms);
    }
  };
  shake(10s);
  net_.LearnKey(1, 0, next_.Public());
  const Instant changed = net_.now();
  shake(10s);
  EXPECT_TRUE(HasShown(next_)) << (net_.now() - changed) / 1ms;
}

// Node 1 changes its own key as well, of which he knows and node 0 does not.
TEST_F(ThiefTest, HeDoesNotEndWhatNode0Needs) {
  const wire::SecretKey own = wire::SecretKey::Generate();
  net_.LearnKey(1, 0, next_.Public());
  net_.ChangeKey(1, own);
  net_.Run(5s);
  Thief thief(net_, stolen_);
  thief.Steal();
  thief.Say(Confirm{});
  net_.Run(300s);
  EXPECT_EQ(net_.node(1).OldKeys().size(), 1u);
  EXPECT_TRUE(Connected());
  net_.ChangeKey(0, next_);
  net_.LearnKey(0, 1, own.Public());
  net_.Run(10s);
  EXPECT_TRUE(HasShown(next_));
  EXPECT_EQ(net_.node(1).OldKeys().size(), 0u);
}

// --- At a map. ---

// Says what it is told to say.
class LyingMap : public MapDriver {
 public:
  LyingMap(Identity& identity, SessionTable& table)
      : association_(identity, table,
                     {.remote = wire::SecretKey::Generate().Public(), .role = Role::kMap}) {}
  Association& association() override { return association_; }
  void SetPorts(Instant, const std::map<PortId, PortState>&) override {}
  void SetPeers(Instant, std::span<const wire::PublicKey>) override {}
  void LookUpAgain(Instant, const wire::PublicKey&) override {}
  wire::Drop HandleControl(Instant, const OpenedMessage&, Outbox&) override {
    return wire::Drop::kNone;
  }
  Instant NextTimeout() const override { return found.empty() ? kNever : Instant{}; }
  void HandleTimeout(Instant, Outbox&) override {}
  std::vector<FoundEndpoints> TakeFound() override { return std::exchange(found, {}); }
  void Shutdown(Instant, Outbox&) override {}
  MapStatus Status() const override { return {}; }

  std::vector<FoundEndpoints> found;

 private:
  Association association_;
};

// He registers by the stolen key elsewhere.
TEST_F(ThiefTest, HeDoesNotMoveThePeerAtAMap) {
  Node& node = net_.node(1);
  auto owned = std::make_unique<LyingMap>(node.identity(), node.sessions());
  LyingMap& map = *owned;
  const MapId id = node.AddMap(net_.now(), std::move(owned));
  const wire::Endpoint truly{wire::IpAddress::V4({10, 77, 0, 1}), 13116};
  const wire::Endpoint falsely{wire::IpAddress::V4({10, 66, 0, 1}), 13116};
  const auto knows = [&](const wire::Endpoint& endpoint) { return net_.HasPath(1, 0, endpoint); };
  net_.LearnKey(1, 0, next_.Public());
  map.found = {{next_.Public(), {truly}}, {stolen_.Public(), {falsely}}};
  net_.Run(100ms);
  EXPECT_TRUE(knows(truly));
  EXPECT_TRUE(knows(falsely));
  net_.ChangeKey(0, next_);
  EXPECT_TRUE(net_.RunUntil([this] { return HasShown(next_); }, 10s));
  net_.Run(3s);
  EXPECT_TRUE(knows(truly));
  EXPECT_FALSE(knows(falsely)) << "its key has ended";
  node.RemoveMap(net_.now(), id);
  EXPECT_FALSE(knows(truly));
}

}  // namespace
}  // namespace warp::protocol
