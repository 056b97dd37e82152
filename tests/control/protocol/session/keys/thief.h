// Somebody who has stolen a key of node 0's, and the story that he is in.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_SESSION_KEYS_THIEF_H_
#define WARP_TESTS_CONTROL_PROTOCOL_SESSION_KEYS_THIEF_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/protocol/control_message.h"
#include "control/protocol/handshake/handshake.h"
#include "tests/control/protocol/session/keys/key_story.h"

namespace warp::protocol {

// Has the key of node 0 from before it was changed, and its preshared one, and speaks with node 1.
class Thief {
 public:
  Thief(VirtualNet& net, const wire::SecretKey& stolen, uint8_t psk = 1)
      : net_(net),
        psk_([psk] {
          std::array<uint8_t, wire::kKeySize> bytes;
          bytes.fill(psk);
          return wire::PresharedKey(bytes);
        }()),
        identity_({.secret_key = stolen.Clone(), .wall_clock = [] { return uint64_t{1}; }}),
        jar_(identity_.timers().cookie_lifetime) {}

  // Begins a handshake, and follows what it is answered with. True: there is a new session.
  bool Shake() {
    const HandshakeParams params{.remote = net_.key(1), .psk = &psk_};
    InitiatorHandshake handshake(identity_, params, ++index_, token_);
    for (const Seen& seen : Say(handshake.Copy(net_.now(), route_, jar_))) {
      if (seen.type() == static_cast<uint8_t>(wire::MessageType::kCookieReply))
        handshake.ReadCookieReply(net_.now(), route_, seen.datagram, jar_);
      if (const auto token = handshake.ReadRetry(seen.datagram)) token_ = *token;
      if (!handshake.IsFromResponder(seen.datagram)) continue;
      if (auto session = handshake.ReadResponse(net_.now(), params, seen.datagram).session) {
        session_ = std::move(session);
        return true;
      }
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
  // The other end begins, and he answers what it asks of the stolen key, if he can open that. The answer comes from
  // where it was sent to.
  bool Answer(const Seen& seen) {
    std::optional<ReceivedInitiation> initiation = Open(seen);
    if (!initiation) return false;
    const HandshakeParams params{.remote = initiation->remote, .psk = &psk_};
    auto answer = AnswerInitiation(net_.now(), identity_, params, *initiation, ++index_);
    if (!answer) return false;
    session_ = std::move(answer->session);
    net_.Inject(1, seen.from_port, seen.to, std::move(answer->response));
    Say(Confirm{});
    return true;
  }
  // The same, with another token each time.
  bool Retry(const Seen& seen) {
    const std::optional<ReceivedInitiation> initiation = Open(seen);
    if (!initiation) return false;
    ++made_up_[0];
    net_.Inject(1, seen.from_port, seen.to, MakeRetry(*initiation, made_up_));
    return true;
  }
  bool has_session() const { return session_ != nullptr; }
  void Say(const ControlMessage& message) { SealAndSay(EncodeControlMessage(message)); }
  void Pay(const std::string& text) {
    std::vector<uint8_t> plaintext(wire::kInnerHeaderSize);
    wire::WritePayloadHeader({.tunnel_id = 1}, plaintext.data());
    plaintext.insert(plaintext.end(), text.begin(), text.end());
    SealAndSay(plaintext);
  }

 private:
  std::optional<ReceivedInitiation> Open(const Seen& seen) {
    if (seen.type() != static_cast<uint8_t>(wire::MessageType::kInitiation)) return std::nullopt;
    const OwnKey& own = identity_.own().newest().key;
    if (!wire::VerifyMac1(own.mac1_key, seen.datagram)) return std::nullopt;
    return ReadInitiation(own.pair, Role::kPeer, seen.datagram);
  }
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
  const wire::PresharedKey psk_;
  Identity identity_;
  CookieJar jar_;
  const Route route_{0, {wire::IpAddress::V4({192, 0, 2, 66}), 4000}};
  uint32_t index_ = 0;
  wire::Token token_{};
  wire::Token made_up_{};
  std::shared_ptr<wire::Session> session_;
};

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

class ThiefStory : public KeyStory {
 protected:
  ThiefStory() {
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

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_SESSION_KEYS_THIEF_H_
