// What a sender makes of receivers that are gone, and of what the kernel does not take.
#include "control/gate/udp/gso_sender.h"

#include <gmock/gmock.h>
#include <netinet/udp.h>

#include <memory>
#include <string>

#include "tests/control/gate/udp/joined_gates.h"
#include "tests/control/network_namespace.h"

namespace warp::control {
namespace {

using testing::ElementsAre;
using wire::Drop;

class GsoSenderTest : public testing::TestWithParam<const char*> {
 protected:
  GsoSenderTest()
      : any_{*wire::IpAddress::Parse(GetParam()), 0}, door_(any_), receiver_(any_), gone_([this] {
          return UdpApplication(any_).local();  // its socket is closed at once
        }()) {}

  void Send(GsoSender& sender, const std::string& text) {
    sender.Add(PayloadOf(text));
    sender.Flush();
  }
  // Of a sender to whomever is gone, by the same socket. The refusal comes at once.
  void SendToNobody() { ASSERT_TRUE(door_.Send(gone_, "nobody")); }

  const wire::Endpoint any_;
  UdpApplication door_, receiver_;
  const wire::Endpoint gone_;
  GateCounters counters_;
};

INSTANTIATE_TEST_SUITE_P(Families, GsoSenderTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return *family.param == ':' ? "V6" : "V4"; });

TEST_P(GsoSenderTest, ARefusalIsOfTheReceiverThatItIsAbout) {
  GsoSender sender(door_.fd(), counters_, {.shared = true});
  sender.SetReceiver(os::SocketAddress(receiver_.local()));
  Send(sender, "one");
  SendToNobody();
  Send(sender, "two");
  SendToNobody();
  const GsoSender::Refusals refusals = sender.TakeRefusals();
  EXPECT_EQ(refusals.any, 1);
  EXPECT_FALSE(refusals.ours);
  EXPECT_FALSE(sender.TakeGone());
  EXPECT_THAT(receiver_.Receive(), ElementsAre("one", "two"));
  EXPECT_EQ(counters_.drops.Get(Drop::kNoReceiver), 0u);
  EXPECT_EQ(counters_.to_app, 2u);
}

TEST_P(GsoSenderTest, ItsOwnIsCountedAndTold) {
  GsoSender sender(door_.fd(), counters_, {.shared = true});
  sender.SetReceiver(os::SocketAddress(gone_));
  Send(sender, "one");
  EXPECT_EQ(counters_.drops.Get(Drop::kNoReceiver), 1u);
  EXPECT_TRUE(sender.TakeGone());
  EXPECT_FALSE(sender.TakeGone());
  // What was sent to the one before is no concern of the next one.
  GsoSender alone(door_.fd(), counters_, {});
  alone.SetReceiver(os::SocketAddress(gone_));
  Send(alone, "two");
  alone.SetReceiver(os::SocketAddress(receiver_.local()));
  EXPECT_EQ(counters_.drops.Get(Drop::kNoReceiver), 2u);
  EXPECT_FALSE(alone.TakeGone());
  Send(alone, "three");
  Send(alone, "four");
  EXPECT_THAT(receiver_.Receive(), ElementsAre("three", "four"));
  EXPECT_EQ(counters_.drops.Get(Drop::kNoReceiver), 2u);
}

TEST_P(GsoSenderTest, NobodyIsAtPort0) {
  GsoSender sender(door_.fd(), counters_, {});
  sender.SetReceiver(os::SocketAddress(any_));
  sender.Add(PayloadOf("one"));
  Send(sender, "two");
  EXPECT_EQ(counters_.drops.Get(Drop::kNoReceiver), 2u);
  EXPECT_EQ(counters_.drops.Get(Drop::kTooLarge), 0u);
}

// On a network of the usual MTU, payloads that need fragments leave one by one. Those that do not still leave joined.
TEST(GsoSenderOnANetworkTest, PayloadsThatNeedFragmentsCostOthersNothing) {
  NetworkNamespace home;
  if (!home.valid()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  home.Do([] {
    ASSERT_TRUE(NetworkNamespace::Run("ip link set lo mtu 1500"));
    const wire::Endpoint any{wire::IpAddress::V4({127, 0, 0, 1}), 0};
    UdpApplication door(any), receiver(any);
    const int on = 1;
    ASSERT_EQ(setsockopt(receiver.fd(), SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
    GateCounters counters;
    GsoSender sender(door.fd(), counters, {});
    sender.SetReceiver(os::SocketAddress(receiver.local()));
    const auto send = [&](size_t size) {
      for (int i = 0; i < 3; ++i) sender.Add(PayloadOf(std::string(size, 'x')));
      sender.Flush();
      std::vector<size_t> sizes;
      for (const std::string& one : receiver.Receive()) sizes.push_back(one.size());
      return sizes;
    };
    EXPECT_THAT(send(1000), ElementsAre(3000));
    EXPECT_THAT(send(3000), ElementsAre(3000, 3000, 3000));
    EXPECT_THAT(send(2999), ElementsAre(2999, 2999, 2999));
    EXPECT_THAT(send(1000), ElementsAre(3000)) << "one system call, as before";
    EXPECT_EQ(counters.to_app, 12u);
    EXPECT_EQ(counters.drops.Get(Drop::kTooLarge), 0u);
  });
}

}  // namespace
}  // namespace warp::control
