// A worker refuses payloads before it seals them when the last path or the session went while they were in the ring. A
// full ring refuses them too. They come back as they were submitted, cost no counter, and may be submitted again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using wire::Drop;

class Refused : public testing::TestWithParam<size_t> {
 protected:
  std::string Payload() const { return std::string(GetParam(), 'p'); }
};
INSTANTIATE_TEST_SUITE_P(, Refused, testing::Values(100, 1200));

std::string TextOf(const Packet& packet) { return {packet.bytes().begin(), packet.bytes().end()}; }

// Does control's part: submits every payload that came back again, as the type that it has. Returns how many.
size_t SubmitAgain(Node& node, std::vector<Completion> completions, WorkerId home = 0) {
  size_t again = 0;
  for (Completion& completion : completions) {
    EXPECT_FALSE(completion.sealed && completion.plaintext);
    const SendRequest request = {
        .peer = Node::kPeer, .completion = true, .ticket = completion.ticket};
    again += completion.sealed || completion.plaintext ? 1 : 0;
    if (completion.sealed) node.plane().SubmitSealed(home, std::move(completion.sealed), request);
    if (completion.plaintext) node.plane().Submit(home, {&completion.plaintext, 1}, {&request, 1});
  }
  return again;
}

// The last path goes, and then the session, while payloads are in the ring. They come back unsealed and in order, and
// arrive once both are back.
TEST_P(Refused, NoSessionAndNoPath) {
  for (const uint16_t workers : {1, 2}) {
    Network net({.ports = 2, .workers = workers}, {.ports = 2});
    net.a().SendTracked(Payload() + "1", 1, 1);
    net.a().SetActive([](size_t, size_t) { return false; });
    net.a().Publish();
    net.a().Turn();
    net.a().SendTracked(Payload() + "2", 2, 2);
    net.a().SetSendSession(nullptr);
    net.a().Publish();
    net.a().Turn();
    std::vector<Completion> completions = net.a().Completions();
    ASSERT_EQ(completions.size(), 2u);
    EXPECT_EQ(completions[0].reason, Drop::kNoPath);
    EXPECT_EQ(completions[1].reason, Drop::kNoSession);
    for (const Completion& completion : completions) {
      EXPECT_FALSE(completion.taken);
      EXPECT_FALSE(completion.sealed);
      EXPECT_EQ(completion.reports, 1u);
      EXPECT_EQ(TextOf(completion.plaintext), Payload() + std::to_string(completion.ticket.slot));
    }
    EXPECT_EQ(net.sessions().a->sent(), 0u);  // the refusals cost no counter
    EXPECT_EQ(net.a().BuffersInUse(), 2u);

    net.a().SetActive([](size_t, size_t) { return true; });
    net.a().SetSendSession(net.sessions().a);
    net.a().Publish();
    EXPECT_EQ(SubmitAgain(net.a(), std::move(completions)), 2u);
    net.Settle();
    EXPECT_THAT(net.b().Received(), ElementsAre(Payload() + "1", Payload() + "2"));
    EXPECT_EQ(net.sessions().a->sent(), 2u);
    EXPECT_EQ(net.a().Drops(Drop::kNoPath) + net.a().Drops(Drop::kNoSession), 0u);
    EXPECT_EQ(SubmitAgain(net.a(), net.a().Completions()), 0u);
    EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
  }
}

// Nobody asked for a completion, so the payloads end here, and are counted by name.
TEST_P(Refused, WhatNobodyAskedAboutIsDropped) {
  Network net({.ports = 1, .ring_size = 64}, {.ports = 1});
  net.a().SetActive([](size_t, size_t) { return false; });
  net.a().Publish();
  net.a().Send(Payload());
  net.a().Turn();
  net.a().SetSendSession(nullptr);
  net.a().Publish();
  for (int i = 0; i < 300; ++i) net.a().Send(Payload());
  net.a().Turn();
  EXPECT_EQ(net.a().Drops(Drop::kNoPath), 1u);
  EXPECT_EQ(net.a().Drops(Drop::kNoSession) + net.a().Drops(Drop::kRingFull), 300u);
  EXPECT_GT(net.a().Drops(Drop::kRingFull), 100u);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

// Control reserved a counter under one session, which then goes. The counter must not be spent under another session.
TEST_P(Refused, SessionOfAReservedCounterIsGone) {
  Network net({.ports = 1}, {.ports = 1});
  const SessionPair next = MakeSessions(2);
  Plaintext packet = net.a().plane().AllocatePlaintext();
  std::ranges::copy(Payload(), packet.Append(Payload().size()).begin());
  const SendRequest request = {.peer = Node::kPeer,
                               .completion = true,
                               .counter_reserved = true,
                               .session_index = net.sessions().a->local_index(),
                               .counter = *net.sessions().a->ReserveCounters(1)};
  net.a().plane().Submit(0, {&packet, 1}, {&request, 1});
  net.a().ForgetReceiveSessions();
  net.a().AddReceiveSession(next.a);
  net.a().SetSendSession(next.a);
  net.a().Publish();
  net.a().Turn();
  std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].reason, Drop::kNoSession);
  EXPECT_EQ(TextOf(completions[0].plaintext), Payload());
  EXPECT_EQ(next.a->sent(), 0u);
  completions.clear();
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

TEST_P(Refused, TooLargeDoesNotComeBack) {
  Network net({.ports = 1}, {.ports = 1});
  ASSERT_TRUE(net.a().SendTracked(std::string(net.a().plane().max_plaintext() + 1, 'l'), 1, 1));
  net.a().Turn();
  const std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].reason, Drop::kTooLarge);
  EXPECT_FALSE(completions[0].plaintext);
  // The drop is counted by whoever asked for the completion.
  EXPECT_EQ(net.a().Drops(Drop::kTooLarge), 0u);
  EXPECT_EQ(net.a().BuffersInUse(), 0u);
}

TEST_P(Refused, RingToTheWorkerIsFull) {
  Network net({.ports = 1, .ring_size = 64}, {.ports = 1});
  for (uint32_t i = 0; i < 300; ++i) ASSERT_TRUE(net.a().SendTracked(Payload(), i, i));
  EXPECT_FALSE(net.a().plane().ArmSleep());  // control has something to read already
  std::vector<Completion> refused = net.a().Completions();
  EXPECT_GT(refused.size(), 100u);
  for (const Completion& completion : refused) EXPECT_EQ(completion.reason, Drop::kRingFull);
  // The payloads are submitted again and again, as the worker gets on.
  size_t received = 0;
  for (int round = 0; round < 10; ++round) {
    SubmitAgain(net.a(), std::move(refused));
    net.Settle();
    received += net.b().Received().size();
    refused = net.a().Completions();
  }
  EXPECT_EQ(received, 300u);
  EXPECT_EQ(net.a().Drops(Drop::kRingFull), 0u);
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

TEST_P(Refused, UsedUpSession) {
  Network net({.ports = 1}, {.ports = 1});
  while (net.sessions().a->ReserveCounters(uint32_t{1} << 31)) {
  }
  net.a().SendTracked(Payload(), 1, 1);
  net.a().Turn();
  std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].reason, Drop::kNoSession);

  const SessionPair next = MakeSessions(2);
  net.b().AddReceiveSession(next.b);
  net.b().Publish();
  net.a().SetSendSession(next.a);
  net.a().Publish();
  EXPECT_EQ(SubmitAgain(net.a(), std::move(completions)), 1u);
  net.Settle();
  EXPECT_THAT(net.b().Received(), ElementsAre(Payload()));
  EXPECT_EQ(next.a->sent(), 1u);
  net.a().Completions();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// Plays a part of control that may lose nothing. It keeps a number of payloads under way, and submits again what comes
// back.
class Persistent {
 public:
  explicit Persistent(Node& node, WorkerId workers) : node_(node), workers_(workers) {}

  void Send(size_t most) {
    for (; most > 0 && under_way_.size() < 60; --most) {
      const uint32_t number = sent_++;
      ASSERT_TRUE(node_.SendTracked(std::to_string(number) + std::string(random_() % 1300, '.'),
                                    number, 0, AnyWorker()));
      under_way_.insert(number);
    }
  }
  void HandleCompletions() {
    for (Completion& completion : node_.Completions()) {
      ASSERT_FALSE(completion.sealed && completion.plaintext);
      if (completion.taken) under_way_.erase(completion.ticket.slot);
      const SendRequest request = {
          .peer = Node::kPeer, .completion = true, .ticket = completion.ticket};
      if (completion.sealed) {
        ++sealed_;
        node_.plane().SubmitSealed(AnyWorker(), std::move(completion.sealed), request);
      } else if (completion.plaintext) {
        ++plain_;
        node_.plane().Submit(AnyWorker(), {&completion.plaintext, 1}, {&request, 1});
      }
    }
  }
  void TurnSomeWorkers() {
    for (size_t turns = random_() % 4; turns > 0; --turns) {
      node_.plane().worker(AnyWorker()).RunOnce();
    }
  }

  std::mt19937& random() { return random_; }
  bool idle() const { return under_way_.empty(); }
  uint32_t sent() const { return sent_; }
  uint32_t sealed() const { return sealed_; }  // how many payloads came back sealed
  uint32_t plain() const { return plain_; }

 private:
  WorkerId AnyWorker() { return static_cast<WorkerId>(random_() % workers_); }

  Node& node_;
  const WorkerId workers_;
  std::mt19937 random_{workers_};
  std::set<uint32_t> under_way_;
  uint32_t sent_ = 0, sealed_ = 0, plain_ = 0;
};

// Paths and the session come and go while payloads are in every ring.
TEST(Refusals, NothingIsLostWhilePathsComeAndGo) {
  for (const uint16_t workers : {1, 2}) {
    Network net({.ports = 2, .workers = workers, .ring_size = 64}, {.ports = 2});
    Persistent control(net.a(), workers);
    const auto publish = [&](uint32_t paths, bool session) {
      net.a().SetActive([=](size_t i, size_t j) { return (paths >> (2 * i + j) & 1) != 0; });
      net.a().SetSendSession(session ? net.sessions().a : nullptr);
      net.a().Publish();
    };
    std::map<std::string, int> received;
    const auto settle = [&] {
      net.Settle();
      for (const std::string& payload : net.b().Received()) ++received[payload];
    };
    for (int turn = 0; turn < 2000; ++turn) {
      control.Send(control.random()() % 40);
      publish(control.random()() % 2 == 0 ? control.random()() % 16 : 0,
              control.random()() % 4 != 0);
      control.TurnSomeWorkers();
      control.HandleCompletions();
      if (turn % 8 == 0) settle();
    }
    publish(15, true);
    for (int turn = 0; turn < 10; ++turn) {
      control.HandleCompletions();
      settle();
    }
    EXPECT_TRUE(control.idle());
    EXPECT_EQ(received.size(), control.sent());
    for (const auto& [payload, times] : received) ASSERT_EQ(times, 1) << payload;
    EXPECT_EQ(net.sessions().a->sent(), control.sent());  // each was sealed once
    EXPECT_GT(control.plain(), 1000u);
    EXPECT_GE(control.sealed(), workers == 1 ? 0u : 10u);
    for (const Drop drop : {Drop::kNoPath, Drop::kNoSession, Drop::kRingFull, Drop::kControlFull}) {
      EXPECT_EQ(net.a().Drops(drop), 0u) << wire::DropName(drop);
    }
    EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
  }
}

}  // namespace
}  // namespace warp::lcore
