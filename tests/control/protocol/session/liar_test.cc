// A configured peer that says what it likes with a key of its own: it takes nothing from the other peers.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace warp::protocol
