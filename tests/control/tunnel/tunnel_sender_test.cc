#include "control/tunnel/tunnel_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control/tunnel/reassembler.h"
#include "dataplane/wire/message.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/tunnel/tunnel_sender_fixture.h"

namespace warp::control {
namespace {

using lcore::FakeDataplane;
using std::chrono::milliseconds;
using testing::ElementsAre;
using wire::Drop;
using wire::Instant;

TEST_F(TunnelSenderTest, SendsAtOnceWhereItCan) {
  Send("one");
  Send("");
  EXPECT_THAT(Sent(), ElementsAre("one", ""));
  EXPECT_EQ(sender_.accepted(), 2u);
  EXPECT_EQ(sender_.in_flight(), 2u);
}

TEST_F(TunnelSenderTest, SendsFromAHomeOfTheRoute) {
  Send("one");
  submitter_.Flush();
  EXPECT_EQ(dataplane_.submitted.at(0).home, 2);  // the home of tunnel index 5 is homes[5 % 2]
}

TEST_F(TunnelSenderTest, ATunnelLeavesASilentHomeAndComesBack) {
  const auto home = [this] {
    dataplane_.submitted.clear();
    Send("x");
    submitter_.Flush();
    return dataplane_.submitted.at(0).home;
  };
  submitter_.SetSilent(2, true);
  EXPECT_EQ(home(), 0);
  submitter_.SetSilent(0, true);
  EXPECT_EQ(home(), 2);  // none is better than another
  submitter_.SetSilent(2, false);
  EXPECT_EQ(home(), 2);
}

TEST_F(TunnelSenderTest, KeepsWhatComesWhileThereIsNoPathAndSendsItInOrder) {
  Disconnect();
  Send("one");
  Send("two");
  EXPECT_THAT(Sent(), ElementsAre());
  Connect();
  Pass(1);
  EXPECT_THAT(Sent(), ElementsAre("one", "two"));
}

TEST_F(TunnelSenderTest, KeepsTheOldestWhenFullAndCountsTheRest) {
  Disconnect();
  for (const char* payload : {"1", "2", "3", "4", "5"}) Send(payload);
  EXPECT_EQ(sender_.drops().Get(Drop::kGateFull), 2u);
  Connect();
  Pass(1);
  EXPECT_THAT(Sent(), ElementsAre("1", "2", "3"));
}

TEST_F(TunnelSenderTest, BoundsTheBytesThatWaitToo) {
  Disconnect();
  Send(std::string(6000, 'a'));
  Send(std::string(6000, 'b'));
  EXPECT_EQ(sender_.waiting(), 1u);
  EXPECT_EQ(sender_.drops().Get(Drop::kGateFull), 1u);
}

TEST_F(TunnelSenderTest, DropsWhatWaitsPastItsDeadline) {
  Disconnect();
  Send("old");
  Pass(60);
  Send("new");
  Pass(60);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 1u);
  Connect();
  Pass(1);
  EXPECT_THAT(Sent(), ElementsAre("new"));
}

TEST_F(TunnelSenderTest, LetsNoMoreBeInFlightThanItsLimit) {
  for (int i = 0; i < 61; ++i) Send("x");
  EXPECT_EQ(Sent().size(), 60u);
  EXPECT_EQ(sender_.waiting(), 1u);
  sender_.HandleCompletion(now_, Report(10, true));
  Pass(1);
  EXPECT_EQ(Sent().size(), 1u);
  EXPECT_EQ(sender_.sent(), 1u);
}

TEST_F(TunnelSenderTest, CountsAPayloadAsSentOnceHoweverManyLcoresTookIt) {
  Send("x");
  Sent();
  sender_.HandleCompletion(now_, Report(0, true));
  sender_.HandleCompletion(now_, Report(0, true));
  EXPECT_EQ(sender_.sent(), 1u);
  EXPECT_TRUE(sender_.idle());
}

TEST_F(TunnelSenderTest, SendsTheSameSealedBytesAgainWhenEveryPathRefusedThem) {
  Send("x");
  Sent();
  const size_t before = FakeDataplane::LivePackets();
  lcore::Completion refused = Report(0, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  EXPECT_GT(sender_.NextTimeout(), now_);
  EXPECT_LE(sender_.NextTimeout(), now_ + milliseconds(1));
  EXPECT_EQ(done_, 0u);
  Pass(1);
  ASSERT_EQ(dataplane_.resubmitted.size(), 1u);
  EXPECT_EQ(dataplane_.resubmitted[0].request.ticket, requests_[0].ticket);
  EXPECT_EQ(dataplane_.resubmitted[0].packet.bytes().size(), 6u);
  sender_.HandleCompletion(now_, Report(0, true));
  EXPECT_EQ(sender_.sent(), 1u);
  EXPECT_EQ(done_, 1u);
  dataplane_.resubmitted.clear();
  EXPECT_EQ(FakeDataplane::LivePackets(), before);
}

TEST_F(TunnelSenderTest, GivesUpARefusedPayloadAtItsDeadline) {
  Send("x");
  Sent();
  Disconnect();
  lcore::Completion refused = Report(0, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  Pass(50);
  EXPECT_FALSE(sender_.idle());
  Pass(60);
  Pass(1);
  EXPECT_TRUE(sender_.idle());
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 1u);
  EXPECT_TRUE(dataplane_.resubmitted.empty());
}

// What a silent worker has is of no use past its deadline, and limits nothing. But only the worker knows whether it was
// sent, so it is not counted before the worker says so.
TEST_F(TunnelSenderTest, ASilentLcoreHoldsUpNothing) {
  for (int i = 0; i < 60; ++i) Send("x");
  Sent();
  Pass(100);
  EXPECT_TRUE(sender_.idle());
  EXPECT_EQ(done_, 60u);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 0u);
  EXPECT_EQ(sender_.in_flight(), 60u);
  for (int i = 0; i < 60; ++i) Send("y");
  EXPECT_EQ(Sent().size(), 60u);
  for (size_t i = 60; i < 120; ++i) sender_.HandleCompletion(now_, Report(i, true));

  Pass(5000);
  for (size_t i = 0; i < 59; ++i) sender_.HandleCompletion(now_, Late(i));
  sender_.HandleCompletion(now_, Report(59, true));  // it had left just in time
  EXPECT_EQ(sender_.sent(), 61u);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 59u);
  EXPECT_EQ(sender_.accepted(), 120u);
  EXPECT_EQ(sender_.in_flight(), 0u);
  EXPECT_EQ(done_, 120u);
}

TEST_F(TunnelSenderTest, EveryPacketCarriesWhatIsLeftOfItsTime) {
  Send("at once");
  Disconnect();
  Send("later");
  Pass(70);
  Connect();
  Pass(1);
  Sent();
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[0].time_left, milliseconds(100));
  EXPECT_EQ(requests_[1].time_left, milliseconds(29));
  lcore::Completion refused = Report(1, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  Pass(2);
  ASSERT_EQ(dataplane_.resubmitted.size(), 1u);
  EXPECT_EQ(dataplane_.resubmitted[0].request.time_left, milliseconds(27));
}

TEST_F(TunnelSenderTest, WhatNoPathLetsThroughForItsSizeEndsAsTooLarge) {
  Send("x");
  Sent();
  lcore::Completion refused = Report(0, false);
  refused.reason = Drop::kTooLarge;
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  EXPECT_EQ(sender_.drops().Get(Drop::kTooLarge), 1u);
  EXPECT_EQ(done_, 1u);
  EXPECT_TRUE(sender_.idle());
  Pass(50);
  EXPECT_TRUE(dataplane_.resubmitted.empty());
}

// What a worker took back to control past its deadline is control's to count, and is counted once.
TEST_F(TunnelSenderTest, WhatComesBackLateIsCountedOnce) {
  Send("x");
  Sent();
  Pass(100);
  lcore::Completion refused = Report(0, false);
  refused.sealed = FakeDataplane::MakeSealed(BytesOf("sealed"));
  sender_.HandleCompletion(now_, std::move(refused));
  Pass(100);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 1u);
  EXPECT_EQ(done_, 1u);
  EXPECT_TRUE(dataplane_.resubmitted.empty());
}

TEST_F(TunnelSenderTest, CutsWhatExceedsThePathsAndItComesTogetherAgain) {
  std::string payload;
  for (int i = 0; i < 60000; ++i) payload.push_back(static_cast<char>(i * 7));
  route_.session->ReserveCounters(100);  // fragments need not begin at 0
  Send(payload);
  submitter_.Flush();
  ASSERT_EQ(dataplane_.submitted.size(), 43u);  // 60000 / (1404 - 8), rounded up

  Reassembler reassembler(Reassembler::LimitsFor(wire::kDefaultWindow));
  std::optional<Reassembler::Payload> whole;
  uint64_t counter = 100;
  for (const FakeDataplane::Submitted& item : dataplane_.submitted) {
    EXPECT_LE(item.packet.bytes().size(), 1404u);
    EXPECT_TRUE(item.request.counter_reserved);
    EXPECT_EQ(item.request.session_index, 99u);
    EXPECT_EQ(item.request.counter, counter++);
    auto result = reassembler.Add(0, 1, item.request.counter, item.packet.bytes());
    EXPECT_FALSE(result.drop.has_value());
    if (result.payload.has_value()) whole = std::move(result.payload);
  }
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->tunnel_id, kTunnelId);
  EXPECT_EQ(std::string(whole->bytes.begin(), whole->bytes.end()), payload);
}

TEST_F(TunnelSenderTest, FragmentsWaitTogetherForRoomInFlight) {
  for (int i = 0; i < 20; ++i) Send("x");
  Sent();
  Send(std::string(9000, 'a'));  // 7 fragments fit the 40 free slots
  Send(std::string(9999, 'b'));
  submitter_.Flush();
  EXPECT_EQ(dataplane_.submitted.size(), 15u);
}

// By the narrowest path, and with the longest header that a policy may put in front.
TEST_F(TunnelSenderTest, SaysWhatGoesInOnePiece) {
  route_.max_fragment = 1300;
  const size_t room = sender_.room_in_one_piece();
  EXPECT_EQ(room, 1300 - wire::kParityHeaderSize);
  Send(std::string(room, 'a'));
  EXPECT_EQ(Sent().size(), 1u);
  route_.max_fragment = 5;
  EXPECT_EQ(sender_.room_in_one_piece(), 0u);
  route_.max_fragment = 1300;
  Disconnect();
  EXPECT_EQ(sender_.room_in_one_piece(), 0u);
}

TEST_F(TunnelSenderTest, RefusesWhatNoPeerMaySend) {
  Send(std::string(65537, 'a'));
  EXPECT_EQ(sender_.drops().Get(Drop::kTooLarge), 1u);
  EXPECT_TRUE(sender_.idle());
}

TEST_F(TunnelSenderTest, WaitsForBuffersWithoutTakingACounter) {
  dataplane_.buffers = 2;
  Send(std::string(9000, 'a'));
  EXPECT_EQ(route_.session->sent(), 0u);
  EXPECT_EQ(sender_.waiting(), 1u);
  dataplane_.buffers = 100;
  Pass(1);
  submitter_.Flush();
  EXPECT_EQ(dataplane_.submitted.size(), 7u);
}

// --- When payloads finish. ---

TEST_F(TunnelSenderTest, TellsOfEachPayloadOnce) {
  Send("taken");
  Send("expired");
  Send(std::string(65537, 'x'));  // too large
  EXPECT_EQ(done_, 1u);
  Sent();
  sender_.HandleCompletion(now_, Report(0, true));
  EXPECT_EQ(done_, 2u);
  Disconnect();
  for (int i = 0; i < 4; ++i) Send("waits");  // only three may wait
  EXPECT_EQ(done_, 3u);
  Pass(100);
  EXPECT_EQ(done_, 7u);
  sender_.HandleCompletion(now_, Report(1, true));  // this report comes late
  EXPECT_EQ(done_, 7u);
  EXPECT_EQ(sender_.sent(), 2u);
  EXPECT_TRUE(sender_.idle());
}

TEST_F(TunnelSenderTest, ACutPayloadIsDoneWhenAllOfItWasTaken) {
  Send(std::string(9000, 'a'));
  submitter_.Flush();
  ASSERT_EQ(dataplane_.submitted.size(), 7u);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(done_, 0u);
    const lcore::SendRequest& request = dataplane_.submitted[6 - i].request;
    sender_.HandleCompletion(now_, {.ticket = request.ticket, .taken = true});
  }
  EXPECT_EQ(done_, 1u);
  EXPECT_EQ(sender_.sent(), 1u);
}

TEST_F(TunnelSenderTest, ACutPayloadIsDroppedOnce) {
  Send(std::string(9000, 'a'));
  submitter_.Flush();
  Pass(100);
  EXPECT_EQ(done_, 1u);
  EXPECT_EQ(sender_.in_flight(), 7u);
  for (const FakeDataplane::Submitted& item : dataplane_.submitted) {
    EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 0u);
    sender_.HandleCompletion(now_, {.ticket = item.request.ticket, .reason = Drop::kDeadline});
  }
  EXPECT_EQ(done_, 1u);
  EXPECT_EQ(sender_.drops().Get(Drop::kDeadline), 1u);
  EXPECT_EQ(sender_.in_flight(), 0u);
}

// --- Back-pressure: a port in virtual time. ---

// A port that takes a given number of packets a second, one at a time, and refuses the others. A packet reaches it
// after a latency, and its report needs as long to come back. The application sends its next payload `thinks` after the
// gate lets it.
class SlowPort {
 public:
  struct Options {
    double rate;
    wire::Duration latency = std::chrono::microseconds(5);  // in each direction
    wire::Duration thinks = std::chrono::microseconds(5);
    size_t queue = 1;  // the queue of the gate
  };
  SlowPort(const Options& options, PeerRoute& route)
      : options_(options),
        period_(static_cast<int64_t>(1e9 / options.rate)),
        sender_({.tunnel_index = 5,
                 .tunnel_id = kTunnelId,
                 .deadline = std::chrono::seconds(10),
                 .max_waiting = 2000},
                route, dataplane_, submitter_, [this](size_t payloads) {
                  for (size_t i = 0; i < payloads; ++i) At(options_.thinks, [this] { Offer(); });
                }) {}

  void Run(wire::Duration time) {
    for (size_t i = 0; i < options_.queue; ++i) At({}, [this] { Offer(); });
    const Instant end = now_ + time;
    while (now_ < end) {
      const Instant next = events_.empty() ? end : events_.begin()->first;
      const Instant timeout = sender_.NextTimeout();
      now_ = std::max(now_, std::min({next, timeout, end}));
      if (!events_.empty() && events_.begin()->first <= now_) {
        const auto event = events_.extract(events_.begin());
        event.mapped()();
      } else {
        sender_.Pump(now_);
      }
      Collect();
    }
  }
  uint64_t taken() const { return taken_.size(); }
  // The payloads' numbers, in the order in which the port took them.
  const std::vector<uint32_t>& order() const { return taken_; }
  uint64_t attempts() const { return attempts_; }
  const TunnelSender& sender() const { return sender_; }

 private:
  void At(wire::Duration delay, std::function<void()> what) {
    events_.emplace(now_ + delay, std::move(what));
  }
  void Offer() {
    const uint32_t number = offered_++;
    sender_.Send(now_, BytesOf(std::string(reinterpret_cast<const char*>(&number), 4)));
  }
  void Collect() {
    submitter_.Flush();
    for (FakeDataplane::Submitted& item : dataplane_.submitted) {
      uint32_t number = 0;
      std::memcpy(&number, item.packet.bytes().data() + wire::kInnerHeaderSize, 4);
      numbers_[item.request.ticket.slot] = number;
      Arrive(item.request);
    }
    for (FakeDataplane::Resubmitted& item : dataplane_.resubmitted) Arrive(item.request);
    dataplane_.submitted.clear();
    dataplane_.resubmitted.clear();
  }
  void Arrive(const lcore::SendRequest& request) {
    At(options_.latency, [this, request] {
      ++attempts_;
      const bool takes = now_ >= free_at_;
      if (takes) {
        free_at_ = now_ + period_;
        taken_.push_back(numbers_[request.ticket.slot]);
      }
      At(options_.latency, [this, request, takes] {
        lcore::Completion report{.ticket = request.ticket, .taken = takes};
        if (!takes) report.sealed = FakeDataplane::MakeSealed(BytesOf("x"));
        sender_.HandleCompletion(now_, std::move(report));
      });
    });
  }

  const Options options_;
  const wire::Duration period_;
  Instant now_{milliseconds(1000)};
  Instant free_at_{};
  std::multimap<Instant, std::function<void()>> events_;
  FakeDataplane dataplane_;
  Submitter submitter_{dataplane_};
  TunnelSender sender_;
  std::map<uint32_t, uint32_t> numbers_;  // a payload's number by its slot
  uint32_t offered_ = 0;
  uint64_t attempts_ = 0;
  std::vector<uint32_t> taken_;
};

struct Congestion {
  double rate;
  size_t queue;
};
class BackPressureTest : public TunnelSenderTest, public testing::WithParamInterface<Congestion> {};
INSTANTIATE_TEST_SUITE_P(, BackPressureTest,
                         testing::Values(Congestion{100, 1}, Congestion{1000, 1},
                                         Congestion{10000, 1}, Congestion{1000, 64},
                                         Congestion{1000, 1500}, Congestion{10000, 1500}));

TEST_P(BackPressureTest, ASlowPortIsKeptBusyByFewAttemptsAndInOrder) {
  SlowPort port({.rate = GetParam().rate, .queue = GetParam().queue}, route_);
  port.Run(std::chrono::seconds(4));
  const double possible = 4 * GetParam().rate;
  EXPECT_GT(static_cast<double>(port.taken()), 0.95 * possible);
  RecordProperty("attempts", static_cast<int>(port.attempts()));
  // In the beginning the port refuses once whatever may be in flight. Later each packet that it takes costs a few
  // attempts.
  EXPECT_LT(static_cast<double>(port.attempts()), 10 * possible + 1100);
  // Two packets may be under way at once, and the port may become free just in time for the second one.
  for (size_t i = 1; i < port.order().size(); ++i) {
    ASSERT_GT(port.order()[i] + (i < 1100 ? 1100 : 4), port.order()[i - 1]) << "of " << i;
  }
  EXPECT_EQ(port.sender().drops().Get(Drop::kGateFull), 0u);
}

// The window measures service times, so reports that take long to arrive must not look like a slow port.
TEST_F(TunnelSenderTest, ALongWayDoesNotSlowDownMoreThanItMust) {
  SlowPort port({.rate = 1000, .latency = std::chrono::microseconds(100)}, route_);
  port.Run(std::chrono::seconds(4));
  EXPECT_GT(port.taken(), 3300u);
}

TEST_F(TunnelSenderTest, ARefusingPortIsAskedOnceAMillisecond) {
  SlowPort port({.rate = 0.0001, .queue = 1000}, route_);
  port.Run(std::chrono::seconds(4));
  EXPECT_EQ(port.taken(), 1u);
  EXPECT_LT(port.attempts(), 1000 + 4 * 1000 + 1000u);  // the first retries come faster
}

// --- Paths that stand by. ---

TEST_F(TunnelSenderTest, WhatIsReplicatedLeavesOutPathsThatStandBy) {
  const auto paths_of_next = [this] {
    sender_.RouteChanged();
    Send("payload");
    EXPECT_EQ(Sent().size(), 1u);
    return requests_.back().paths;
  };
  route_.paths = {{.id = 1, .slot = 0, .max_plaintext = 1404},
                  {.id = 2, .slot = 1, .max_plaintext = 1404}};
  EXPECT_EQ(paths_of_next(), wire::kAllPaths);
  route_.paths[1].stands_by = true;
  EXPECT_EQ(paths_of_next(), wire::MaskOf(0));
  // The tunnel may use that one alone.
  sender_.SetAllowed([](const RoutePath& path) { return path.slot == 1; });
  EXPECT_EQ(paths_of_next(), wire::MaskOf(1));
}

}  // namespace
}  // namespace warp::control
