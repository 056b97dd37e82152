// A link in hostile hands, beside a whole one that is slow. Who holds the bad link sees one copy of each handshake
// message and answers it before the true peer can. The whole link must carry the handshake as if the other were not
// there.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/wire/handshake/noise.h"
#include "tests/control/protocol/attacker.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;
using wire::MessageType;

// Link 1 belongs to the attacker: nothing of it arrives, and it answers each initiation that it sees at both ends, a
// thousand times a second.
class BadLink {
 public:
  BadLink(NetOptions options, Duration whole_link_round_trip) : net(std::move(options)) {
    net.DelayBoth(0, 0, 1, 0, whole_link_round_trip / 2);
    for (const auto& [a, b] : {std::pair(0, 1), std::pair(1, 0), std::pair(1, 1)}) {
      net.CutWay(0, a, 1, b);
      net.CutWay(1, a, 0, b);
    }
    net.Introduce(0, 1);
    net.Record(true);
  }

  void AttackOnce() {
    for (Seen& seen : net.TakeSeen()) {
      if (seen.from_port != 1 || seen.type() != static_cast<uint8_t>(MessageType::kInitiation))
        continue;
      last_[seen.from_node] = std::move(seen.datagram);
    }
    for (const int n : {0, 1}) {
      if (last_[n].empty()) continue;
      const wire::PublicKey us = net.key(n);
      const wire::PublicKey remote = net.key(1 - n);
      // At either port, under its own address and under that of the whole link, which anybody can write.
      for (const int port : {0, 1}) {
        const wire::Endpoint from = net.EndpointOf(1 - n, port);
        net.Inject(n, port, from, ForgedCookie(last_[n], remote));
        net.Inject(n, port, from, ForgedRetry(last_[n], random_));
        net.Inject(n, port, from, ForgedResponse(last_[n], us, random_));
        net.Inject(n, port, from, ForgedConfirm(last_[n], random_));
      }
    }
  }

  // Milliseconds until both ends are connected.
  int Connect(bool attack) {
    int waited = 0;
    while (!(net.Connected(0, 1) && net.Connected(1, 0)) && waited < 60'000) {
      if (attack) AttackOnce();
      net.Run(1ms);
      ++waited;
    }
    return waited;
  }

  VirtualNet net;

 private:
  std::vector<uint8_t> last_[2];
  std::mt19937_64 random_{11};
};

TEST(BadLink, ConnectsAsFastAsWithoutIt) {
  for (const Duration round_trip : {200ms, 280ms, 600ms, 1500ms}) {
    const int without = BadLink({.ports = {2, 2}}, round_trip).Connect(false);
    const int with = BadLink({.ports = {2, 2}}, round_trip).Connect(true);
    // The copies that forged cookies hasten cost nothing; jitter of the retries makes the rest of the difference.
    EXPECT_LE(with, without + 300) << round_trip / 1ms;
    EXPECT_LT(without, 4 * (round_trip / 1ms) + 300) << round_trip / 1ms;
  }
}

TEST(BadLink, RekeysForEver) {
  Timers timers;
  timers.rekey_after = 4s;
  timers.rekey_after_responder = 5s;
  timers.session_lifetime = 9s;
  BadLink story({.ports = {2, 2}, .timers = timers}, 600ms);
  ASSERT_LT(story.Connect(true), 10'000);
  story.net.Run(2s);
  EXPECT_EQ(LostUnderAttack(story.net, 0, 1, 14s, [&] { story.AttackOnce(); }), 0u);
}

TEST(BadLink, RoundTripOfManySecondsConnects) {
  for (const Duration round_trip : {4s, 8s}) {
    VirtualNet net({.ports = {1, 1}});
    net.DelayBoth(0, 0, 1, 0, round_trip / 2);
    net.Introduce(0, 1);
    EXPECT_TRUE(net.RunUntil(
        [&] { return net.Peer(0, 1).session != nullptr && net.Peer(1, 0).session != nullptr; },
        4 * round_trip))
        << round_trip / 1s;
  }
}

// The true peer itself answers with nonsense: the next response to the same initiation still counts.
TEST(BadLink, ResponseWithACipherThatWasNotOfferedChangesNothing) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const auto chacha = wire::Cipher::kChaCha20Poly1305;
  IdentityOptions ours{.secret_key = wire::SecretKey::Generate(), .ciphers = {chacha}};
  Identity identity(std::move(ours));
  const wire::KeyPair peer = wire::KeyPair::Generate();
  const wire::PresharedKey psk;
  const HandshakeParams params{.remote = peer.public_key(), .psk = &psk};
  const InitiatorHandshake handshake(identity, params, 77, {});
  CookieJar cookies(120s);
  const std::vector<uint8_t> initiation = handshake.Copy(Instant(1s), {}, cookies);

  const auto respond = [&](wire::Cipher cipher) {
    wire::NoiseResponder responder(peer, wire::HandshakePrologue(Role::kPeer, 77));
    EXPECT_TRUE(responder.ReadInitiation(wire::DecodeInitiation(initiation)->noise).ok());
    const wire::Cookie cookie = wire::ResponseCookie(responder.retry_secret());
    const auto noise = responder.WriteResponse(
        psk, wire::EncodeResponsePayload({.sender_index = 5, .cipher = cipher}));
    auto response = wire::EncodeResponse({.receiver_index = 77, .noise = *noise});
    wire::WriteMacs(wire::Mac1Key(identity.public_key()), &cookie, response);
    return response;
  };
  EXPECT_TRUE(handshake.IsFromResponder(respond(wire::Cipher::kAes256Gcm)));
  EXPECT_EQ(handshake.ReadResponse(Instant(1s), params, respond(wire::Cipher::kAes256Gcm)).session,
            nullptr);
  const auto session = handshake.ReadResponse(Instant(1s), params, respond(chacha)).session;
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->remote_index(), 5u);
}

}  // namespace
}  // namespace warp::protocol
