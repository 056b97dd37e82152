// A link in hostile hands that is faster than the whole one. Whoever holds it carries what suits the attack at once and
// lets the rest fall, so that both ends begin what only the whole link can finish. The whole link must carry the
// handshake as if the other were not there.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/control/protocol/attacker.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::MessageType;

// Link 1 is the attacker's: it carries the datagrams of the types that it likes within 20 ms, and no others.
class Relay {
 public:
  Relay(Duration whole_link_round_trip, std::vector<MessageType> carried, Timers timers = {})
      : net({.ports = {2, 2}, .timers = timers}), carried_(std::move(carried)) {
    net.DelayBoth(0, 0, 1, 0, whole_link_round_trip / 2);
    for (const auto& [a, b] : {std::pair(0, 1), std::pair(1, 0), std::pair(1, 1)}) {
      net.CutWay(0, a, 1, b);
      net.CutWay(1, a, 0, b);
    }
    net.Record(true);
  }

  void CarryOnce() {
    for (Seen& seen : net.TakeSeen()) {
      const int to = 1 - seen.from_node;
      if (seen.from_port != 1 || seen.to != net.EndpointOf(to, 1)) continue;
      for (const MessageType type : carried_) {
        if (seen.type() == static_cast<uint8_t>(type)) net.Inject(to, 1, seen.from, seen.datagram);
      }
    }
  }

  // Milliseconds until both ends can send, at most 100 s.
  int Connect() {
    int waited = 0;
    const auto able = [&] { return net.Peer(0, 1).session && net.Peer(1, 0).session; };
    for (; !able() && waited < 100'000; waited += 20) {
      CarryOnce();
      net.Run(20ms);
    }
    return waited;
  }

  VirtualNet net;

 private:
  const std::vector<MessageType> carried_;
};

// What the attacker carries, from the least to the most.
const std::vector<std::vector<MessageType>> kCarried = {
    {MessageType::kInitiation},
    {MessageType::kInitiation, MessageType::kRetry},
    {MessageType::kInitiation, MessageType::kResponse},
    {MessageType::kInitiation, MessageType::kRetry, MessageType::kResponse},
};

TEST(Relay, HandshakeThatItBeginsIsFinishedByTheWholeLink) {
  for (const bool both : {false, true}) {
    for (const Duration round_trip : {700ms, 5000ms, 8000ms}) {
      const auto connect = [&](const std::vector<MessageType>& carried) {
        Relay relay(round_trip, carried);
        relay.net.AddPeer(1, 0, /*endpoints=*/both);
        relay.net.AddPeer(0, 1);
        return relay.Connect();
      };
      const int without = connect({});
      for (size_t i = 0; i < kCarried.size(); ++i) {
        EXPECT_LE(connect(kCarried[i]), without + 300)
            << "round trip " << round_trip / 1ms << ", both " << both << ", carried " << i;
      }
    }
  }
}

TEST(Relay, RestartedNodeComesBackOverTheWholeLink) {
  for (const Duration round_trip : {700ms, 5000ms, 8000ms}) {
    const auto come_back = [&](const std::vector<MessageType>& carried) {
      Relay relay(round_trip, carried);
      relay.net.Introduce(0, 1);
      EXPECT_LT(relay.Connect(), 100'000);
      relay.net.Run(3s);
      relay.net.Restart(0);
      return relay.Connect();
    };
    const int without = come_back({});
    for (size_t i = 0; i < kCarried.size(); ++i) {
      EXPECT_LE(come_back(kCarried[i]), without + 300)
          << "round trip " << round_trip / 1ms << ", carried " << i;
    }
  }
}

// Datagrams that the attacker held back are new to us, however old they are. They are no sign that the peer lives.
TEST(Relay, HeldDatagramsDoNotHideARestart) {
  Relay relay(20ms, {});
  VirtualNet& net = relay.net;
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.AddPeer(0, 1);
  ASSERT_LT(relay.Connect(), 1000);
  // Node 1 knows the address of link 1, so that it probes it.
  net.RestoreWay(0, 1, 1, 1);
  net.Talk(0, 1);
  net.Run(2s);
  net.CutWay(0, 1, 1, 1);
  net.TakeSeen();
  net.Run(60s);
  net.Talk(0, 1, 0ms);
  std::vector<Seen> held;
  for (Seen& seen : net.TakeSeen()) {
    if (seen.from_node == 1 && seen.from_port == 1 && IsProbe(seen))
      held.push_back(std::move(seen));
  }
  ASSERT_GT(held.size(), 20u);
  net.Restart(1);
  int waited = 0;
  for (; !net.Peer(1, 0).session && waited < 30'000; ++waited) {
    if (waited % 500 == 0 && !held.empty()) {
      net.Inject(0, 1, held.back().from, held.back().datagram);
      held.pop_back();
    }
    net.Run(1ms);
  }
  EXPECT_LE(waited, 4000);
}

}  // namespace
}  // namespace warp::protocol
