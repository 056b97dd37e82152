// A configured peer that says what it likes with a key of its own: it takes nothing from the other peers.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dataplane/wire/handshake/noise.h"
#include "tests/control/protocol/attacker.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::MessageType;

// Answers each initiation of node 0 by a retry with another token, at once.
TEST(Liar, RetriesWithoutEndDriveNobody) {
  VirtualNet net({.ports = {2, 1}});
  const wire::KeyPair liar = wire::KeyPair::Generate();
  std::vector<wire::Endpoint> endpoints;
  for (uint8_t i = 1; i <= 16; ++i)
    endpoints.push_back({wire::IpAddress::V4({192, 0, 2, i}), wire::kDefaultPort});
  ASSERT_TRUE(net.node(0).AddPeer(
      net.now(), {.name = "liar", .public_key = liar.public_key(), .endpoints = endpoints}));
  net.Record(true);
  uint8_t tokens = 0;
  std::vector<uint8_t> answered;
  size_t attempts = 0;
  const auto lie = [&] {
    for (const Seen& seen : net.TakeSeen()) {
      if (seen.from_node != 0 || seen.type() != static_cast<uint8_t>(MessageType::kInitiation) ||
          seen.datagram == answered)
        continue;
      const auto message = wire::DecodeInitiation(seen.datagram);
      wire::NoiseResponder responder(liar,
                                     wire::HandshakePrologue(Role::kPeer, message->sender_index));
      if (!responder.ReadInitiation(message->noise).ok()) continue;  // it is for node 1
      answered = seen.datagram;
      ++attempts;
      net.Inject(0, seen.from_port, seen.to,
                 wire::EncodeRetry(message->sender_index, wire::Token{++tokens},
                                   responder.retry_secret()));
    }
  };
  for (int i = 0; i < 1000; ++i) {
    lie();
    net.Run(1ms);
  }
  EXPECT_LE(attempts, 20u);
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.AddPeer(0, 1);
  int waited = 0;
  for (; !(net.Connected(0, 1) && net.Connected(1, 0)) && waited < 20'000; ++waited) {
    lie();
    net.Run(1ms);
  }
  EXPECT_LE(waited, 100);
}

// Answers each initiation twice: first with a cipher that was not offered, then as it should.
TEST(Liar, CipherThatWasNotOfferedEndsNoAttempt) {
  VirtualNet net({.ports = {1, 1}, .ciphers = {wire::Cipher::kChaCha20Poly1305}});
  const wire::KeyPair liar = wire::KeyPair::Generate();
  const wire::Endpoint at{wire::IpAddress::V4({192, 0, 2, 1}), wire::kDefaultPort};
  net.Record(true);
  const auto id = net.node(0).AddPeer(
      net.now(), {.name = "liar", .public_key = liar.public_key(), .endpoints = {at}});
  ASSERT_TRUE(id);
  net.Run(1ms);
  const std::vector<Seen> seen = net.TakeSeen();
  ASSERT_FALSE(seen.empty());
  const auto initiation = wire::DecodeInitiation(seen.front().datagram);
  ASSERT_TRUE(initiation);
  const auto respond = [&](wire::Cipher cipher) {
    wire::NoiseResponder responder(liar,
                                   wire::HandshakePrologue(Role::kPeer, initiation->sender_index));
    EXPECT_TRUE(responder.ReadInitiation(initiation->noise).ok());
    const wire::Cookie cookie = wire::ResponseCookie(responder.retry_secret());
    const auto noise = responder.WriteResponse(
        wire::PresharedKey(), wire::EncodeResponsePayload({.sender_index = 5, .cipher = cipher}));
    auto response =
        wire::EncodeResponse({.receiver_index = initiation->sender_index, .noise = *noise});
    wire::WriteMacs(wire::Mac1Key(net.key(0)), &cookie, response);
    net.Inject(0, 0, at, response);
  };
  for (int i = 0; i < 3; ++i) respond(wire::Cipher::kAes256Gcm);
  EXPECT_EQ(net.Drops(0, wire::Drop::kHandshakeFailed), 3u);
  net.TakeSeen();
  respond(wire::Cipher::kChaCha20Poly1305);
  EXPECT_EQ(net.Drops(0, wire::Drop::kHandshakeFailed), 3u);
  net.Run(1ms);
  const std::vector<Seen> after = net.TakeSeen();
  EXPECT_TRUE(std::any_of(after.begin(), after.end(), [](const Seen& s) {
    return IsSealedOf(s, 2);
  })) << "a confirm at once";
}

}  // namespace
}  // namespace warp::protocol
