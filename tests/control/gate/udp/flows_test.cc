// Gates that tell their applications apart, over real sockets: A has the clients, and B delivers to a server.
#include "control/gate/udp/flows.h"

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/gate/udp/udp_gate.h"
#include "tests/control/gate/udp/joined_gates.h"

namespace warp::control {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;
using wire::Drop;

class FlowsTest : public testing::TestWithParam<const char*> {
 protected:
  FlowsTest() : any_{*wire::IpAddress::Parse(GetParam()), 0}, server_(any_) {}

  void Open(size_t flows, wire::Duration idle = Flows::kIdle) {
    a_ = OpenOne({.listen = any_, .flows = flows, .flow_idle = idle}, to_b_);
    b_ = OpenOne({.listen = any_, .deliver = server_.local(), .flows = flows, .flow_idle = idle},
                 to_a_);
    to_b_.other = b_.get();
    to_a_.other = a_.get();
  }
  std::unique_ptr<UdpGate> OpenOne(const UdpGateOptions& options, Wire& sink) {
    auto gate = UdpGate::Open(*loop_, options, sink);
    EXPECT_TRUE(gate.ok()) << gate.status();
    return *std::move(gate);
  }
  std::vector<std::string> Receive(UdpApplication& app, size_t count = 1) {
    return control::Receive(*loop_, app, count);
  }
  // The traffic class of the next datagram, whose sender is then `from_`; -1: none is there.
  int ReceiveClass(UdpApplication& app) {
    char buffer[100];
    alignas(cmsghdr) char control[100];
    iovec vector{buffer, sizeof(buffer)};
    os::SocketAddress from;
    msghdr header{.msg_name = from.get(),
                  .msg_namelen = os::SocketAddress::capacity(),
                  .msg_iov = &vector,
                  .msg_iovlen = 1,
                  .msg_control = control,
                  .msg_controllen = sizeof(control),
                  .msg_flags = 0};
    if (recvmsg(app.fd(), &header, MSG_DONTWAIT) < 0) return -1;
    from_ = *from.ToEndpoint();
    const cmsghdr* const first = CMSG_FIRSTHDR(&header);
    return first == nullptr ? 0 : *CMSG_DATA(first);
  }
  // The address at which the server sees who sent this.
  wire::Endpoint Ask(UdpApplication& client, const std::string& text) {
    EXPECT_TRUE(client.Send(a_->local(), text));
    EXPECT_THAT(Receive(server_), ElementsAre(text));
    return server_.from;
  }

  const wire::Endpoint any_;
  std::unique_ptr<Loop> loop_ = MakeLoop();
  UdpApplication server_;
  Wire to_b_, to_a_;
  wire::Endpoint from_;
  std::unique_ptr<UdpGate> a_, b_;
};

INSTANTIATE_TEST_SUITE_P(Families, FlowsTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return *family.param == ':' ? "V6" : "V4"; });

TEST_P(FlowsTest, EachClientHasItsAnswersAndTheServerTellsThemApart) {
  Open(16);
  std::vector<std::unique_ptr<UdpApplication>> clients;
  for (size_t i = 0; i < 16; ++i) clients.push_back(std::make_unique<UdpApplication>(any_));
  std::map<std::string, wire::Endpoint> seen;  // by what they said
  for (size_t i = 0; i < 16; ++i) {
    const std::string name = "client " + std::to_string(i);
    seen[name] = Ask(*clients[i], name);
  }
  std::set<wire::Endpoint> addresses;
  for (const auto& [name, address] : seen) addresses.insert(address);
  EXPECT_EQ(addresses.size(), 16u);
  EXPECT_EQ(a_->status().flows, 16u);
  EXPECT_EQ(b_->status().flows_of_peer, 16u);
  // In another order than they asked.
  for (size_t i = 16; i-- > 0;) {
    const std::string name = "client " + std::to_string(i);
    ASSERT_TRUE(server_.Send(seen[name], "to " + name));
  }
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_THAT(Receive(*clients[i]), ElementsAre("to client " + std::to_string(i)));
    EXPECT_EQ(clients[i]->from, a_->local()) << "answers come from where the client sends to";
  }
  EXPECT_EQ(a_->counters().takeovers, 0u);
}

// All at once, so that several senders are in one receive.
TEST_P(FlowsTest, BurstsOfSeveralClientsAreToldApart) {
  Open(4);
  std::vector<std::unique_ptr<UdpApplication>> clients;
  for (size_t i = 0; i < 4; ++i) clients.push_back(std::make_unique<UdpApplication>(any_));
  for (size_t round = 0; round < 8; ++round) {
    for (size_t i = 0; i < 4; ++i) {
      const std::string text = std::to_string(i);
      ASSERT_TRUE(clients[i]->SendSegmented(a_->local(), text + text + text, 1));
    }
  }
  std::map<wire::Endpoint, std::set<std::string>> heard;
  size_t count = 0;
  ASSERT_TRUE(TurnUntil(*loop_, [&] {
    std::string buffer(100, ' ');
    os::SocketAddress from;
    socklen_t size = os::SocketAddress::capacity();
    for (ssize_t n;
         (n = recvfrom(server_.fd(), buffer.data(), buffer.size(), 0, from.get(), &size)) >= 0;
         size = os::SocketAddress::capacity()) {
      heard[*from.ToEndpoint()].insert(buffer.substr(0, static_cast<size_t>(n)));
      ++count;
    }
    return count == 96;
  }));
  EXPECT_EQ(heard.size(), 4u);
  for (const auto& [from, texts] : heard) EXPECT_EQ(texts.size(), 1u) << from.ToString();
}

TEST_P(FlowsTest, BothSidesMayHaveClients) {
  UdpApplication server_of_a(any_), here(any_), there(any_);
  a_ = OpenOne({.listen = any_, .deliver = server_of_a.local(), .flows = 4}, to_b_);
  b_ = OpenOne({.listen = any_, .deliver = server_.local(), .flows = 4}, to_a_);
  to_b_.other = b_.get();
  to_a_.other = a_.get();
  ASSERT_TRUE(here.Send(a_->local(), "from here"));
  EXPECT_THAT(Receive(server_), ElementsAre("from here"));
  ASSERT_TRUE(there.Send(b_->local(), "from there"));
  EXPECT_THAT(Receive(server_of_a), ElementsAre("from there"));
  // Both have the number 0 at their own side.
  EXPECT_THAT(to_b_.flows, ElementsAre(wire::Flow{}));
  EXPECT_THAT(to_a_.flows, ElementsAre(wire::Flow{}));
  ASSERT_TRUE(server_.Send(server_.from, "to here"));
  ASSERT_TRUE(server_of_a.Send(server_of_a.from, "to there"));
  EXPECT_THAT(Receive(here), ElementsAre("to here"));
  EXPECT_THAT(Receive(there), ElementsAre("to there"));
  EXPECT_EQ(to_a_.flows.back(), (wire::Flow{.number = 0, .answer = true}));
}

// As TFTP does.
TEST_P(FlowsTest, AServerMayAnswerFromAnotherPort) {
  Open(4);
  UdpApplication client(any_), other_client(any_), transfer(any_);
  const wire::Endpoint flow = Ask(client, "read");
  ASSERT_TRUE(transfer.Send(flow, "block 1"));
  EXPECT_THAT(Receive(client), ElementsAre("block 1"));
  ASSERT_TRUE(client.Send(a_->local(), "got 1"));
  EXPECT_THAT(Receive(transfer), ElementsAre("got 1"));
  EXPECT_TRUE(server_.Receive().empty());
  Ask(other_client, "begins at deliver, as each flow does");
}

// A program that asks again by the socket that it has must reach the server, and not a transfer that has ended.
TEST_P(FlowsTest, AFlowBeginsAnewWhenTheServersOtherPortIsGone) {
  Open(4);
  UdpApplication client(any_);
  auto transfer = std::make_unique<UdpApplication>(any_);
  const wire::Endpoint flow = Ask(client, "read");
  ASSERT_TRUE(transfer->Send(flow, "block 1"));
  EXPECT_THAT(Receive(client), ElementsAre("block 1"));
  transfer.reset();
  ASSERT_TRUE(client.Send(a_->local(), "got 1"));  // nobody waits for it
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return b_->counters().drops.Get(Drop::kNoReceiver) == 1; }));
  EXPECT_EQ(Ask(client, "read another"), flow);
  EXPECT_EQ(Ask(client, "and another"), flow);
}

TEST_P(FlowsTest, NobodyElseMaySendToAFlow) {
  if (!any_.address.is_v4()) GTEST_SKIP() << "IPv6 has one loopback address";
  Open(4);
  UdpApplication client(any_);
  UdpApplication stranger({*wire::IpAddress::Parse("127.0.0.9"), 0});
  const wire::Endpoint flow = Ask(client, "hello");
  ASSERT_TRUE(stranger.Send(flow, "I am the server"));
  ASSERT_TRUE(
      TurnUntil(*loop_, [&] { return b_->counters().drops.Get(Drop::kForeignSender) == 1; }));
  EXPECT_EQ(Ask(client, "still to the server"), flow);
  EXPECT_TRUE(client.Receive().empty());
}

TEST_P(FlowsTest, AFurtherClientGetsNoneAndTakesNone) {
  Open(2);
  UdpApplication one(any_), two(any_), three(any_);
  const wire::Endpoint first = Ask(one, "one");
  Ask(two, "two");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(three.Send(a_->local(), "three"));
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return a_->counters().drops.Get(Drop::kNoFlow) == 3; }));
  EXPECT_TRUE(server_.Receive().empty());
  ASSERT_TRUE(server_.Send(first, "to one"));
  EXPECT_THAT(Receive(one), ElementsAre("to one"));
  EXPECT_EQ(a_->counters().from_app, 2u);
  EXPECT_EQ(a_->counters().takeovers, 0u);
}

TEST_P(FlowsTest, NumbersOutOfRangeAndOfNobodyAreCounted) {
  Open(2);
  b_->Deliver(PayloadOf("x", {.number = 2}));
  b_->Deliver(PayloadOf("x", {.number = 255}));
  b_->Deliver(PayloadOf("x", {.number = 1, .answer = true}));  // nobody has asked here
  a_->Deliver(PayloadOf("x", {.number = 0}));                  // A has no `deliver`
  b_->Flush();
  EXPECT_EQ(b_->counters().drops.Get(Drop::kUnknownFlow), 3u);
  EXPECT_EQ(a_->counters().drops.Get(Drop::kNoReceiver), 1u);
  EXPECT_EQ(b_->status().flows_of_peer, 0u);
}

TEST_P(FlowsTest, AnIdleFlowEnds) {
  Open(2, std::chrono::milliseconds(40));
  UdpApplication client(any_);
  const wire::Endpoint flow = Ask(client, "hello");
  ASSERT_TRUE(TurnUntil(
      *loop_, [&] { return a_->status().flows == 0 && b_->status().flows_of_peer == 0; }));
  // What comes later finds nobody, and its address is free.
  a_->Deliver(PayloadOf("late", {.number = 0, .answer = true}));
  EXPECT_EQ(a_->counters().drops.Get(Drop::kUnknownFlow), 1u);
  UdpApplication same(flow);
  EXPECT_EQ(same.local(), flow);
}

TEST_P(FlowsTest, APeerThatStartsAnewHasNoFlows) {
  Open(2);
  a_->SetPeer({.has_flows = true, .life = 7});
  b_->SetPeer({.has_flows = true, .life = 5});
  UdpApplication client(any_);
  const wire::Endpoint before = Ask(client, "hello");
  UdpApplication server_of_before(any_);
  b_->SetPeer({.has_flows = true, .life = 5});
  EXPECT_EQ(Ask(client, "the same life"), before);
  b_->SetPeer({.has_flows = true, .life = 6});
  EXPECT_EQ(b_->status().flows_of_peer, 0u);
  // Its socket is closed, so that a late answer to the client of before finds nobody.
  server_.Send(before, "late");
  Settle(*loop_);
  EXPECT_TRUE(client.Receive().empty());
  Ask(client, "hello again");
  EXPECT_EQ(b_->status().flows_of_peer, 1u);
}

// The number that they would come under is another client's now.
TEST_P(FlowsTest, AnswersThatHadNoRoomEndWithThePeersLife) {
  Open(2);
  b_->SetPeer({.has_flows = true, .life = 5});
  UdpApplication client(any_), other(any_);
  const wire::Endpoint flow = Ask(client, "hello");
  to_a_.room = 1;
  for (const char* text : {"one", "two", "three"}) ASSERT_TRUE(server_.Send(flow, text));
  EXPECT_THAT(Receive(client), ElementsAre("one"));
  Settle(*loop_);
  b_->SetPeer({.has_flows = true, .life = 6});
  to_a_.room = SIZE_MAX;
  b_->Resume();
  Settle(*loop_);
  EXPECT_TRUE(client.Receive().empty());
  EXPECT_EQ(b_->counters().drops.Get(Drop::kUnknownFlow), 2u);
  Ask(client, "hello again");
  ASSERT_TRUE(server_.Send(server_.from, "answer"));
  EXPECT_THAT(Receive(client), ElementsAre("answer"));
}

// Else another client would get the number, and with it what the server goes on sending.
TEST_P(FlowsTest, OursDoNotEndWhileThePeerIsOutOfReach) {
  constexpr auto kIdle = std::chrono::milliseconds(40);
  Open(2, kIdle);
  UdpApplication client(any_);
  Ask(client, "hello");
  a_->SetPeer({.has_flows = true, .life = 7, .reached = false});
  const wire::Instant end = loop_->ReadClock() + 4 * kIdle;
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return loop_->ReadClock() > end; }));
  EXPECT_EQ(b_->status().flows_of_peer, 0u);
  EXPECT_EQ(a_->status().flows, 1u);
  a_->SetPeer({.has_flows = true, .life = 7, .reached = true});
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return a_->status().flows == 0; }));
}

TEST_P(FlowsTest, WithAnOldPeerAllClientsAreOne) {
  Open(4);
  a_->SetPeer({.has_flows = false});
  UdpApplication one(any_), two(any_);
  Ask(one, "one");
  Ask(two, "two");
  EXPECT_THAT(to_b_.flows, ElementsAre(wire::Flow{}, wire::Flow{}));
  a_->Deliver(PayloadOf("answer"));
  a_->Flush();
  EXPECT_THAT(Receive(two), ElementsAre("answer"));
  EXPECT_TRUE(one.Receive().empty());
  EXPECT_EQ(a_->counters().takeovers, 1u);
  EXPECT_FALSE(a_->status().peer_has_flows);
}

// Of one flow, and of several.
TEST_P(FlowsTest, MarksAreCarriedBothWays) {
  const bool v4 = any_.address.is_v4();
  const auto mark = [&](UdpApplication& app, int dscp) {
    const int traffic_class = dscp << 2;
    ASSERT_EQ(
        v4 ? setsockopt(app.fd(), IPPROTO_IP, IP_TOS, &traffic_class, sizeof(traffic_class))
           : setsockopt(app.fd(), IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class)),
        0);
  };
  for (const size_t flows : {1, 2}) {
    to_b_.flows.clear();
    to_a_.flows.clear();
    a_ = OpenOne({.listen = any_, .flows = flows, .marks = true}, to_b_);
    b_ =
        OpenOne({.listen = any_, .deliver = server_.local(), .flows = flows, .marks = true}, to_a_);
    to_b_.other = b_.get();
    to_a_.other = a_.get();
    const int on = 1;
    UdpApplication client(any_);
    for (UdpApplication* app : {&client, &server_}) {
      ASSERT_EQ(v4 ? setsockopt(app->fd(), IPPROTO_IP, IP_RECVTOS, &on, sizeof(on))
                   : setsockopt(app->fd(), IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)),
                0);
    }
    mark(client, 46);
    ASSERT_TRUE(client.SendSegmented(a_->local(), "aabbcc", 2));
    mark(client, 0);
    ASSERT_TRUE(client.Send(a_->local(), "dd"));
    std::vector<int> classes;
    const auto next = [&](UdpApplication& app) {
      TurnUntil(*loop_, [&] {
        const int traffic_class = ReceiveClass(app);
        if (traffic_class >= 0) classes.push_back(traffic_class);
        return traffic_class >= 0;
      });
    };
    for (int i = 0; i < 4; ++i) next(server_);
    EXPECT_THAT(classes, ElementsAre(46 << 2, 46 << 2, 46 << 2, 0)) << flows;
    classes.clear();
    mark(server_, 34);
    ASSERT_TRUE(server_.Send(from_, "answer"));
    next(client);
    mark(server_, 0);
    EXPECT_THAT(classes, ElementsAre(34 << 2)) << flows;
  }
}

TEST_P(FlowsTest, AClientThatHasGoneCostsOthersNothing) {
  Open(2);
  auto gone = std::make_unique<UdpApplication>(any_);
  UdpApplication here(any_);
  Ask(*gone, "one");
  Ask(here, "two");
  gone.reset();
  for (int i = 0; i < 20; ++i) {
    for (uint8_t number : {0, 1}) {
      a_->Deliver(PayloadOf("a", {.number = number, .answer = true}));
      a_->Deliver(PayloadOf("of another size", {.number = number, .answer = true}));
    }
    a_->Flush();
  }
  Settle(*loop_);
  EXPECT_EQ(here.Receive().size(), 40u);
  EXPECT_EQ(a_->counters().drops.Get(Drop::kNoReceiver), 40u);
}

TEST_P(FlowsTest, WhatTheTunnelHasNoRoomForWaitsInEachSocket) {
  Open(4);
  std::vector<std::unique_ptr<UdpApplication>> clients;
  std::vector<wire::Endpoint> flows;
  for (size_t i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<UdpApplication>(any_));
    flows.push_back(Ask(*clients[i], "hello"));
  }
  to_a_.room = 3;
  for (int i = 0; i < 10; ++i) {
    for (const wire::Endpoint& flow : flows) ASSERT_TRUE(server_.Send(flow, std::to_string(i)));
  }
  Settle(*loop_);
  EXPECT_EQ(to_a_.flows.size(), 3u);
  to_a_.room = SIZE_MAX;
  b_->Resume();
  for (const auto& client : clients) {
    EXPECT_THAT(Receive(*client, 10),
                ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"));
  }
}

}  // namespace
}  // namespace warp::control
