#include "control/gate/unix/unix_datagram_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/control/gate/unix_gate_fixture.h"

namespace warp::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::Drop;

class UnixDatagramGateTest : public UnixGateTest<UnixDatagramGate, UnixDatagramGateOptions> {
 protected:
  void SetUp() override {
    auto sockets = ShortQueueSockets::Open();
    if (!sockets.ok()) GTEST_SKIP() << sockets.status();
    sockets_ = *std::move(sockets);
  }
  void Open(size_t queue = 1) {
    options_.queue = queue;
    Use(UnixDatagramGate::Open({.loop = *loop_, .receiver = receiver_, .sink = tunnel_}, *sockets_,
                               options_));
  }

  std::unique_ptr<ShortQueueSockets> sockets_;
};

// --- Out of the application ---

TEST_F(UnixDatagramGateTest, OnePayloadIsOnItsWayAtATime) {
  Open();
  UnixApplication a, b;
  ASSERT_EQ(a.Connect(path()), 0);
  ASSERT_EQ(b.Connect(path()), 0);
  EXPECT_EQ(a.Send("one"), 0);
  EXPECT_EQ(a.Send("two"), EAGAIN);
  EXPECT_EQ(b.Send("two"), EAGAIN);
  ASSERT_TRUE(Gets(1));
  Settle(*loop_);
  // The gate has read the payload but left it in the queue, which is therefore full for every client.
  EXPECT_EQ(a.Send("two"), EAGAIN);
  EXPECT_EQ(b.Send("two"), EAGAIN);
  EXPECT_FALSE(a.Writable());
  EXPECT_FALSE(b.Writable());
  EXPECT_EQ(gate_->status().holding, 1u);
  Done();
  EXPECT_EQ(gate_->status().holding, 0u);
  EXPECT_TRUE(a.Writable());
  EXPECT_EQ(b.Send("two"), 0);
  ASSERT_TRUE(Gets(2));
  EXPECT_THAT(tunnel_.got, ElementsAre("one", "two"));
  EXPECT_EQ(gate_->counters().from_app, 2u);
}

TEST_F(UnixDatagramGateTest, TheKernelCountsWhatIsOnItsWay) {
  Open();
  UnixApplication app;
  ASSERT_EQ(app.Connect(path()), 0);
  ASSERT_EQ(app.Send("one"), 0);
  ASSERT_TRUE(Gets(1));
  int unsent = 0;
  ASSERT_EQ(ioctl(app.fd(), SIOCOUTQ, &unsent), 0);
  EXPECT_GT(unsent, 0);
  Done();
  ASSERT_EQ(ioctl(app.fd(), SIOCOUTQ, &unsent), 0);
  EXPECT_EQ(unsent, 0);
}

TEST_F(UnixDatagramGateTest, ABlockedSenderIsWokenWhenItsPredecessorIsDone) {
  Open();
  std::atomic<int> sent = 0;
  std::thread application([&] {
    UnixApplication app(SOCK_DGRAM, 0);
    app.Connect(path());
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(app.Send(absl::StrCat(i)), 0);
      ++sent;
    }
  });
  for (size_t i = 1; i <= 20; ++i) {
    EXPECT_TRUE(Gets(i));
    EXPECT_LE(sent, static_cast<int>(i));  // when the i-th send returns, i - 1 payloads are done
    gate_->OnDone(1);
  }
  application.join();
  EXPECT_EQ(tunnel_.got.back(), "19");
}

// A queue of N payloads is divided between the socket and the gate. However it is divided, N payloads that are not done
// find room, and no more than N.
TEST_F(UnixDatagramGateTest, AQueueHoldsWhatItSaysAndNoMore) {
  for (const size_t queue : {2, 3, 8, 64, 257}) {
    gate_.reset();
    tunnel_.got.clear();
    Open(queue);
    UnixApplication app;
    ASSERT_EQ(app.Connect(path()), 0);
    size_t sent = 0, done = 0;
    for (int round = 0; round < 3; ++round) {
      EXPECT_TRUE(Turn([&] {
        while (app.Send(absl::StrCat(sent)) == 0) ++sent;
        return sent >= done + queue;
      }));
      Settle(*loop_);
      while (app.Send(absl::StrCat(sent)) == 0) ++sent;
      EXPECT_EQ(sent, done + queue);
      gate_->OnDone(1 + queue / 3);
      done += 1 + queue / 3;
    }
    for (size_t i = 0; i < tunnel_.got.size(); ++i) ASSERT_EQ(tunnel_.got[i], absl::StrCat(i));
  }
}

TEST_F(UnixDatagramGateTest, SizesFromNothingTo64KiB) {
  Open();
  UnixApplication app;
  ASSERT_EQ(app.Connect(path()), 0);
  size_t sent = 0;
  for (const size_t size : {0, 1, 1400, 65535, 65536}) {
    EXPECT_EQ(app.Send(std::string(size, 'x')), 0);
    ASSERT_TRUE(Gets(++sent));
    EXPECT_EQ(tunnel_.got.back().size(), size);
    Done();
  }
  EXPECT_EQ(app.Send(std::string(65537, 'x')), 0);
  EXPECT_TRUE(Turn([&] { return Drops(Drop::kTooLarge) == 1; }));
  EXPECT_EQ(app.Send("next"), 0);  // the payload that is too large was removed
  ASSERT_TRUE(Gets(++sent));
  EXPECT_EQ(tunnel_.got.back(), "next");
}

// docs/gates.md advises a send buffer of just the largest payload. The kernel then refuses what is larger.
TEST_F(UnixDatagramGateTest, ASendBufferOfItsOwnTellsAnApplicationWhatIsTooLarge) {
  Open();
  UnixApplication app;
  ASSERT_EQ(app.Connect(path()), 0);
  const int size = 32784;
  ASSERT_EQ(setsockopt(app.fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
  EXPECT_EQ(app.Send(std::string(65537, 'x')), EMSGSIZE);
  EXPECT_EQ(app.Send(std::string(65536, 'x')), 0);
  EXPECT_TRUE(Gets(1));
}

TEST_F(UnixDatagramGateTest, DescriptorsSentAlongAreClosed) {
  Open(4);
  UnixApplication app;
  ASSERT_EQ(app.Connect(path()), 0);
  const size_t before = OpenDescriptors();
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  char byte = 'x';
  iovec vector{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  std::memcpy(CMSG_DATA(header), &pipe_ends[1], sizeof(int));
  ASSERT_EQ(sendmsg(app.fd(), &message, 0), 1);
  close(pipe_ends[1]);
  ASSERT_TRUE(Gets(1));
  Done();
  // The last copy of the descriptor is gone, so the pipe has ended.
  EXPECT_EQ(read(pipe_ends[0], &byte, 1), 0);
  close(pipe_ends[0]);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(UnixDatagramGateTest, ClientsThatDieOrReconnectLeaveNothing) {
  Open();
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 200; ++i) {
    UnixApplication app;
    ASSERT_EQ(app.Connect(path()), 0);
    app.Send("last words");  // the client sends and dies
    if (i % 3 == 0) Done(gate_->status().holding);
  }
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_TRUE(Turn([&] {
    gate_->OnDone(gate_->status().holding);
    return gate_->status().holding == 0 && gate_->counters().from_app > 1;
  }));
}

TEST_F(UnixDatagramGateTest, BlockedSendersLearnThatTheGateIsGone) {
  Open();
  UnixApplication first;
  ASSERT_EQ(first.Connect(path()), 0);
  ASSERT_EQ(first.Send("one"), 0);
  ASSERT_TRUE(Gets(1));
  std::vector<std::thread> blocked;
  std::atomic<int> woken = 0;
  for (int i = 0; i < 3; ++i) {
    blocked.emplace_back([&] {
      UnixApplication app(SOCK_DGRAM, 0);
      app.Connect(path());
      EXPECT_EQ(app.Send("two"), ECONNREFUSED);
      ++woken;
    });
  }
  Settle(*loop_);
  EXPECT_EQ(woken, 0);
  gate_.reset();
  for (std::thread& thread : blocked) thread.join();
  EXPECT_NE(access(path().c_str(), F_OK), 0);
  // A new gate is found at the same path.
  Open();
  ASSERT_EQ(first.Connect(path()), 0);
  EXPECT_EQ(first.Send("again"), 0);
  EXPECT_TRUE(Gets(2));
}

TEST_F(UnixDatagramGateTest, KeepsWhatTheSinkDoesNotTake) {
  Open(16);
  tunnel_.room = 2;
  UnixApplication app;
  ASSERT_EQ(app.Connect(path()), 0);
  for (int i = 0; i < 6; ++i) ASSERT_EQ(app.Send(absl::StrCat(i)), 0);
  Settle(*loop_);
  EXPECT_THAT(tunnel_.got, ElementsAre("0", "1"));
  tunnel_.room = SIZE_MAX;
  gate_->Resume();
  EXPECT_TRUE(Gets(6));
  EXPECT_THAT(tunnel_.got, ElementsAre("0", "1", "2", "3", "4", "5"));
}

// send() has returned for the payloads that the gate keeps, so a shutdown must still send them. Those that are only
// in the kernel's queue are lost with the socket.
TEST_F(UnixDatagramGateTest, GivesWhatItKeptWhenItIsDrained) {
  Open(16);
  tunnel_.room = 2;
  UnixApplication app;
  ASSERT_EQ(app.Connect(path()), 0);
  for (int i = 0; i < 6; ++i) ASSERT_EQ(app.Send(absl::StrCat(i)), 0);
  Settle(*loop_);
  tunnel_.room = SIZE_MAX;
  gate_->Drain();
  EXPECT_THAT(tunnel_.got, ElementsAre("0", "1", "2", "3", "4", "5"));
  EXPECT_EQ(gate_->counters().from_app, 6u);
  gate_->Drain();
  EXPECT_EQ(tunnel_.got.size(), 6u);
}

// --- To the application ---

TEST_F(UnixDatagramGateTest, AnswersWhoSentLastFromAPath) {
  Open();
  UnixApplication app, nameless;
  ASSERT_EQ(app.Bind(directory_ / "app.sock"), 0);
  Deliver("too early");
  gate_->Flush();
  EXPECT_EQ(Drops(Drop::kNoReceiver), 1u);
  ASSERT_EQ(app.SendTo(path(), "here"), 0);
  ASSERT_TRUE(Gets(1));
  Done();
  ASSERT_EQ(nameless.SendTo(path(), "me too"), 0);
  ASSERT_TRUE(Gets(2));
  EXPECT_EQ(gate_->status().receiver, directory_ / "app.sock");
  Deliver("one");
  Deliver("");
  Deliver(std::string(65536, 'x'));
  gate_->Flush();
  EXPECT_THAT(app.ReceiveAll(), ElementsAre("one", "", std::string(65536, 'x')));
  EXPECT_EQ(gate_->counters().to_app, 3u);
}

TEST_F(UnixDatagramGateTest, DeliversToAFixedPathWhoeverSends) {
  options_.deliver = directory_ / "player.sock";
  Open();
  UnixApplication sender, player;
  ASSERT_EQ(sender.Bind(directory_ / "sender.sock"), 0);
  ASSERT_EQ(player.Bind(directory_ / "player.sock"), 0);
  ASSERT_EQ(sender.SendTo(path(), "x"), 0);
  ASSERT_TRUE(Gets(1));
  Deliver("one");
  gate_->Flush();
  EXPECT_THAT(player.ReceiveAll(), ElementsAre("one"));
  EXPECT_THAT(sender.ReceiveAll(), IsEmpty());
  player.Close();
  Deliver("two");
  gate_->Flush();
  EXPECT_EQ(Drops(Drop::kNoReceiver), 1u);
}

TEST_F(UnixDatagramGateTest, WhatIsNotReadWaitsAndArrivesInOrder) {
  Open();
  UnixApplication app;
  ASSERT_EQ(app.Bind(directory_ / "app.sock"), 0);
  ASSERT_EQ(app.SendTo(path(), "here"), 0);
  ASSERT_TRUE(Gets(1));
  std::vector<std::string> all, got;
  for (int i = 0; i < 300; ++i) {
    all.push_back(absl::StrCat(i));
    Deliver(all.back());
    if (i % 7 == 0) gate_->Flush();
  }
  gate_->Flush();
  EXPECT_GT(gate_->status().waiting_to_app, 0u);
  EXPECT_TRUE(Turn([&] {
    for (const std::string& payload : app.ReceiveAll()) got.push_back(payload);
    return got.size() == all.size();
  }));
  EXPECT_EQ(got, all);
  EXPECT_EQ(gate_->counters().to_app, 300u);
}

TEST_F(UnixDatagramGateTest, WhoNeverReadsLosesItsOwnByName) {
  options_.deadline = std::chrono::milliseconds(20);
  Open();
  UnixApplication app;
  ASSERT_EQ(app.Bind(directory_ / "app.sock"), 0);
  ASSERT_EQ(app.SendTo(path(), "here"), 0);
  ASSERT_TRUE(Gets(1));
  for (size_t i = 0; i < UnixOutbox::kMaxPayloads + 100; ++i) Deliver(absl::StrCat(i));
  gate_->Flush();
  EXPECT_GT(Drops(Drop::kReceiverFull), 0u);
  EXPECT_TRUE(Turn([&] { return gate_->status().waiting_to_app == 0; }));
  EXPECT_EQ(Drops(Drop::kReceiverFull) + Drops(Drop::kDeadline) + gate_->counters().to_app,
            UnixOutbox::kMaxPayloads + 100);
  // The client still sends, although it never reads.
  Done();
  EXPECT_EQ(app.SendTo(path(), "still here"), 0);
  EXPECT_TRUE(Gets(2));
}

}  // namespace
}  // namespace warp::control
