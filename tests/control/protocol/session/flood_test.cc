// Floods under the address of the very peer that wants to connect, which anybody can write into a datagram: they use up
// nothing that a peer needs who receives at its address.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/control/protocol/attacker.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;
using wire::MessageType;

// Addresses in the network of node 0's port 0.
wire::Endpoint BesideNode0(uint32_t number) {
  return {wire::IpAddress::V4({10, 0, 0, static_cast<uint8_t>(2 + number % 250)}),
          static_cast<uint16_t>(1024 + number % 60'000)};
}

// Milliseconds until both ends are connected.
int Connect(VirtualNet& net, const std::function<void()>& every_millisecond) {
  int waited = 0;
  for (; !(net.Connected(0, 1) && net.Connected(1, 0)) && waited < 20'000; ++waited) {
    every_millisecond();
    net.Run(1ms);
  }
  return waited;
}

TEST(Flood, NewInitiationsUnderThePeersAddressLeaveItsShare) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(1, 0, /*endpoints=*/false);
  std::mt19937_64 random(3);
  uint32_t number = 0;
  const auto flood = [&] {
    for (int i = 0; i < 6; ++i) {
      std::vector<uint8_t> noise(160);
      std::generate(noise.begin(), noise.end(), [&] { return static_cast<uint8_t>(random()); });
      auto junk = wire::EncodeInitiation({.sender_index = 9, .noise = noise});
      wire::WriteMacs(wire::Mac1Key(net.key(1)), nullptr, junk);
      net.Inject(1, 0, BesideNode0(++number), std::move(junk));
    }
  };
  for (int i = 0; i < 700; ++i) {
    flood();
    net.Run(1ms);
  }
  EXPECT_GT(net.Drops(1, Drop::kBadCookie), 1000u);
  net.AddPeer(0, 1);
  // The initiation, again with the cookie, and the confirms.
  EXPECT_LE(Connect(net, flood), 200);
}

TEST(Flood, CopiesOfOneRecordingTakeNobodysRetry) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.AddPeer(0, 1);
  net.Record(true);
  net.Run(2s);
  net.Record(false);
  std::vector<uint8_t> recording;
  for (Seen& seen : net.TakeSeen()) {
    if (seen.type() == static_cast<uint8_t>(MessageType::kInitiation)) recording = seen.datagram;
  }
  ASSERT_FALSE(recording.empty());
  uint32_t number = 0;
  const auto flood = [&] {
    for (int i = 0; i < 20; ++i) net.Inject(1, 0, BesideNode0(++number), recording);
  };
  for (int i = 0; i < 500; ++i) {
    flood();
    net.Run(1ms);
  }
  net.Restart(0);
  // The initiation, its retry, the next with the token, and the confirms.
  EXPECT_LE(Connect(net, flood), 100);
}

}  // namespace
}  // namespace warp::protocol
