// Random failures, chosen by a seed. Whatever has happened, the nodes recover once the network is whole.
#include <gtest/gtest.h>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

class Chaos : public testing::TestWithParam<uint64_t> {};

TEST_P(Chaos, HealsWithinSeconds) {
  std::mt19937_64 random(GetParam());
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<uint64_t>(below));
  };
  const std::vector<int> ports = {2, 3, 1};
  VirtualNet net({.ports = ports, .ipv6 = pick(2) == 0, .seed = GetParam()});
  net.Introduce(0, 1);
  net.Introduce(1, 2);
  net.AddPeer(0, 2);
  net.AddPeer(2, 0, /*endpoints=*/false);
  std::vector<bool> alive(3, true);

  for (int event = 0; event < 120; ++event) {
    const int n = pick(3);
    const int port = pick(ports[static_cast<size_t>(n)]);
    const int other = (n + 1 + pick(2)) % 3;
    const int other_port = pick(ports[static_cast<size_t>(other)]);
    switch (pick(10)) {
      case 0:
        net.Cut(n, port);
        break;
      case 1:
        net.Restore(n, port);
        break;
      case 2:
        if (alive[static_cast<size_t>(n)]) net.PortDown(n, port);
        break;
      case 3:
        if (alive[static_cast<size_t>(n)]) net.PortUp(n, port);
        break;
      case 4:
        net.CutWay(n, port, other, other_port);
        break;
      case 5:
        net.RestoreWay(n, port, other, other_port);
        break;
      case 6:
        net.DelayBoth(n, port, other, other_port, 1ms * pick(400));
        break;
      case 7:
        if (alive[static_cast<size_t>(n)]) {
          net.Kill(n);
        } else {
          net.SetClock(n, pick(2) == 0 ? 0 : 1'700'000'000'000'000'000);
          net.Start(n);
        }
        alive[static_cast<size_t>(n)] = !alive[static_cast<size_t>(n)];
        break;
      case 8:
        net.Loss(pick(60) / 100.0);
        net.Jitter(1ms * pick(100));
        net.Duplicate(pick(30) / 100.0);
        break;
      default:
        if (alive[static_cast<size_t>(n)] && alive[static_cast<size_t>(other)])
          net.Send(n, other, "noise");
    }
    net.Run(1ms * pick(event % 20 == 0 ? 20'000 : 1500));
    for (int i = 0; i < 3; ++i) {
      if (!alive[static_cast<size_t>(i)]) continue;
      EXPECT_LE(net.node(i).sessions().taken(), 40u);
    }
  }

  net.Loss(0);
  net.Duplicate(0);
  net.Jitter(0s);
  for (int n = 0; n < 3; ++n) {
    if (!alive[static_cast<size_t>(n)]) net.Start(n);
    for (int port = 0; port < ports[static_cast<size_t>(n)]; ++port) {
      net.Restore(n, port);
      net.PortUp(n, port);
      for (int other = 0; other < 3; ++other) {
        for (int other_port = 0; other != n && other_port < ports[static_cast<size_t>(other)];
             ++other_port) {
          net.RestoreWay(n, port, other, other_port);
        }
      }
    }
  }
  const auto whole = [&] {
    for (int a = 0; a < 3; ++a) {
      for (int b = 0; b < 3; ++b) {
        if (a != b && !net.Connected(a, b)) return false;
      }
    }
    return net.ActivePaths(0, 1) == 6 && net.ActivePaths(1, 0) == 6 && net.ActivePaths(1, 2) == 3 &&
           net.ActivePaths(2, 1) == 3 && net.ActivePaths(0, 2) == 2;
  };
  EXPECT_TRUE(net.RunUntil(whole, 6s));
  net.Run(2s);  // lets the datagrams under way arrive
  for (int n = 0; n < 3; ++n) net.TakeReceived(n);
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    ASSERT_TRUE(net.Send(0, 1, sent.back()));
    net.Run(50ms);
  }
  net.Run(1s);
  EXPECT_EQ(net.TakeReceived(1), sent);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Chaos, testing::Range<uint64_t>(1, 17));

}  // namespace
}  // namespace warp::protocol
