#include "control/gate/unix/unix_seqpacket_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/control/gate/unix_gate_fixture.h"

namespace warp::control {
namespace {

using ::testing::ElementsAre;
using wire::Drop;

class Application : public UnixApplication {
 public:
  explicit Application(int flags = SOCK_NONBLOCK) : UnixApplication(SOCK_SEQPACKET, flags) {}
  int Unsent() const {
    int unsent = -1;
    ioctl(fd(), SIOCOUTQ, &unsent);
    return unsent;
  }
};

class UnixSeqpacketGateTest : public UnixGateTest<UnixSeqpacketGate, UnixSeqpacketGateOptions> {
 protected:
  void Open(size_t queue = 1) {
    options_.queue = queue;
    Use(UnixSeqpacketGate::Open({.loop = *loop_, .receiver = receiver_, .sink = tunnel_},
                                options_));
  }
  void Connect(Application& app) {
    ASSERT_EQ(app.Connect(path()), 0);
    const size_t before = gate_->status().clients;
    ASSERT_TRUE(Turn([&] { return gate_->status().clients > before; }));
  }
};

// --- Out of the applications ---

TEST_F(UnixSeqpacketGateTest, TheKernelCountsWhatIsNotSent) {
  Open();
  Application app;
  Connect(app);
  ASSERT_EQ(app.Send("one"), 0);
  ASSERT_EQ(app.Send("two"), 0);  // the client's own socket buffer has room for it
  ASSERT_TRUE(Gets(1));
  Settle(*loop_);
  EXPECT_THAT(tunnel_.got, ElementsAre("one"));
  Done();
  EXPECT_THAT(tunnel_.got, ElementsAre("one", "two"));
  EXPECT_GT(app.Unsent(), 0);
  Done();
  EXPECT_EQ(app.Unsent(), 0);
  EXPECT_EQ(gate_->status().holding, 0u);
}

TEST_F(UnixSeqpacketGateTest, ClientsTakeTurns) {
  Open();
  Application a, b, c;
  Connect(a);
  Connect(b);
  Connect(c);
  for (int i = 0; i < 50; ++i) a.Send("a");
  ASSERT_TRUE(Gets(1));
  for (int i = 0; i < 3; ++i) {
    b.Send("b");
    c.Send("c");
  }
  Settle(*loop_);
  for (int i = 0; i < 9; ++i) Done();
  tunnel_.got.resize(9);
  EXPECT_EQ(std::count(tunnel_.got.begin(), tunnel_.got.end(), "b"), 3);
  EXPECT_EQ(std::count(tunnel_.got.begin(), tunnel_.got.end(), "c"), 3);
}

TEST_F(UnixSeqpacketGateTest, TheQueueIsForAllTogether) {
  Open(5);
  Application a, b;
  Connect(a);
  Connect(b);
  for (int i = 0; i < 20; ++i) {
    a.Send("a");
    b.Send("b");
  }
  Settle(*loop_);
  EXPECT_EQ(tunnel_.got.size(), 5u);
  Done(2);
  EXPECT_EQ(tunnel_.got.size(), 7u);
  EXPECT_EQ(gate_->status().holding, 5u);
}

TEST_F(UnixSeqpacketGateTest, SizesFromNothingTo64KiB) {
  Open(16);
  Application app;
  Connect(app);
  size_t sent = 0;
  for (const size_t size : {1, 0, 1400, 65535, 65536, 0}) {
    ASSERT_EQ(app.Send(std::string(size, 'x')), 0);
    ASSERT_TRUE(Gets(++sent));
    EXPECT_EQ(tunnel_.got.back().size(), size);
    Done();
  }
  EXPECT_EQ(app.Send(std::string(65537, 'x')), 0);
  EXPECT_TRUE(Turn([&] { return Drops(Drop::kTooLarge) == 1; }));
  EXPECT_EQ(app.Send("next"), 0);
  EXPECT_TRUE(Gets(++sent));
  EXPECT_EQ(gate_->status().clients, 1u);
}

TEST_F(UnixSeqpacketGateTest, WhatTheDeadHaveSentIsSent) {
  Open();
  Application app;
  Connect(app);
  Deliver("unread: its end is an error here");
  for (int i = 0; i < 5; ++i) ASSERT_EQ(app.Send(absl::StrCat(i)), 0);
  app.Close();
  for (size_t i = 1; i <= 5; ++i) {
    EXPECT_TRUE(Gets(i));
    Done();
  }
  EXPECT_THAT(tunnel_.got, ElementsAre("0", "1", "2", "3", "4"));
  EXPECT_TRUE(Turn([&] { return gate_->status().clients == 0; }));
}

TEST_F(UnixSeqpacketGateTest, ClientsThatComeAndGoLeaveNothing) {
  // A client that has gone still counts while a payload of it is unsent.
  options_.max_clients = 1000;
  Open(4);
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 200; ++i) {
    Application app;
    ASSERT_EQ(app.Connect(path()), 0);
    app.Send("last words");
    loop_->RunOnce(64);
  }
  EXPECT_TRUE(Turn([&] {
    gate_->OnDone(gate_->status().holding);
    return tunnel_.got.size() == 200 && gate_->status().clients == 0;
  }));
  Settle(*loop_);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(UnixSeqpacketGateTest, OneTooManyIsClosed) {
  options_.max_clients = 2;
  Open();
  Application a, b, c;
  Connect(a);
  Connect(b);
  ASSERT_EQ(c.Connect(path()), 0);
  EXPECT_TRUE(Turn([&] { return c.Receive() == ""; }));  // the gate has closed the connection
  EXPECT_EQ(gate_->status().clients, 2u);
  a.Close();
  EXPECT_TRUE(Turn([&] { return gate_->status().clients == 1; }));
}

TEST_F(UnixSeqpacketGateTest, BlockedSendersLearnThatTheGateIsGone) {
  Open();
  std::atomic<bool> blocked = false;
  std::thread application([&] {
    Application app(0);
    EXPECT_EQ(app.Connect(path()), 0);
    int error = 0;
    for (int i = 0; error == 0; ++i) {
      blocked = i > 0;
      error = app.Send(std::string(10000, 'x'));
    }
    EXPECT_TRUE(error == EPIPE || error == ECONNRESET) << error;
  });
  EXPECT_TRUE(Gets(1));
  Settle(*loop_);
  gate_.reset();
  application.join();
  EXPECT_TRUE(blocked);
  EXPECT_NE(access(path().c_str(), F_OK), 0);
}

// --- To the applications ---

TEST_F(UnixSeqpacketGateTest, EveryClientGetsEveryPayload) {
  Open();
  Deliver("too early");
  EXPECT_EQ(Drops(Drop::kNoReceiver), 1u);
  Application a, b;
  Connect(a);
  Connect(b);
  Deliver("one");
  Deliver(std::string(65536, 'x'));
  EXPECT_THAT(a.ReceiveAll(), ElementsAre("one", std::string(65536, 'x')));
  EXPECT_THAT(b.ReceiveAll(), ElementsAre("one", std::string(65536, 'x')));
  EXPECT_EQ(gate_->counters().to_app, 4u);
}

TEST_F(UnixSeqpacketGateTest, WhoDoesNotReadLosesItsOwnAndDelaysNobody) {
  options_.deadline = std::chrono::milliseconds(300);
  Open();
  Application reader, sleeper;
  Connect(reader);
  Connect(sleeper);
  // So large that the outbox is full long before the first payload reaches its deadline.
  const std::string payload(60000, 'x');
  size_t got = 0;
  for (int i = 0; i < 200; ++i) {
    Deliver(payload);
    got += reader.ReceiveAll().size();
    loop_->RunOnce(64);
  }
  EXPECT_EQ(got, 200u);
  EXPECT_GT(gate_->status().waiting_to_app, 0u);
  EXPECT_TRUE(Turn([&] { return gate_->status().waiting_to_app == 0; }));
  EXPECT_GT(Drops(Drop::kReceiverFull), 0u);
  EXPECT_GT(Drops(Drop::kDeadline), 0u);
  // A client that begins to read gets the payloads that come from then on.
  sleeper.ReceiveAll();
  Deliver("awake");
  EXPECT_THAT(sleeper.ReceiveAll(), ElementsAre("awake"));
}

TEST_F(UnixSeqpacketGateTest, WhatIsReadLateArrivesInOrder) {
  options_.deadline = std::chrono::seconds(30);
  Open();
  Application app;
  Connect(app);
  std::vector<std::string> all, got;
  for (int i = 0; i < 800; ++i) {
    all.push_back(absl::StrCat(i, std::string(3000, '.')));
    Deliver(all.back());
  }
  EXPECT_GT(gate_->status().waiting_to_app, 0u);
  EXPECT_TRUE(Turn([&] {
    for (const std::string& payload : app.ReceiveAll()) got.push_back(payload);
    return got.size() == all.size();
  }));
  EXPECT_EQ(got, all);
}

TEST_F(UnixSeqpacketGateTest, WhoOnlySendsSaysSo) {
  Open();
  Application app;
  Connect(app);
  shutdown(app.fd(), SHUT_RD);
  Deliver("nobody listens");
  Deliver("nobody listens");
  EXPECT_EQ(Drops(Drop::kNoReceiver), 2u);
  EXPECT_EQ(app.Send("but I speak"), 0);
  EXPECT_TRUE(Gets(1));
}

}  // namespace
}  // namespace warp::control
