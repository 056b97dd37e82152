// Tests of what is kept of a peer's ports and of the totals that it reports, where there is no room for more.
#include <gtest/gtest.h>

#include <vector>

#include "control/protocol/handshake/identity.h"
#include "control/protocol/path/arrival_book.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/newest_probes.h"
#include "control/protocol/path/path_set.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;
using wire::Endpoint;
using wire::IpAddress;

constexpr Instant kStart{1000s};

// --- Ports of the peer. ---

bool Note(NewestProbes& probes, Instant now, uint16_t port, uint64_t session, uint64_t number) {
  return probes.Note(now, session, Probe{.port = port, .number = number});
}

TEST(NewestProbes, FurtherPortTakesThePlaceOfTheOneThatWasSilentForLongest) {
  NewestProbes probes;
  uint64_t number = 0;
  for (uint16_t port = 0; port < 3 * kMaxRemotePorts; ++port) {
    EXPECT_TRUE(Note(probes, kStart + 1s * port, port, 1, ++number)) << port;
    EXPECT_TRUE(Note(probes, kStart + 1s * port, 0, 1, ++number)) << "it is not silent";
  }
  EXPECT_FALSE(Note(probes, kStart + 1h, 0, 1, number)) << "it is remembered";
}

TEST(NewestProbes, PortThatIsHeardMakesNoRoom) {
  NewestProbes probes;
  EXPECT_TRUE(Note(probes, kStart, 1, 1, 500)) << "heard once";
  for (uint16_t port = 2; port <= kMaxRemotePorts; ++port)
    EXPECT_TRUE(Note(probes, kStart + 1s, port, 1, port));
  EXPECT_TRUE(Note(probes, kStart + 2s, 1000, 1, 501));
  EXPECT_FALSE(Note(probes, kStart + 3s, 1001, 1, 400)) << "older than one of port 1";
  EXPECT_TRUE(Note(probes, kStart + 3s, 2, 1, 400)) << "but not than one of its own port";
}

TEST(NewestProbes, OldProbeOfAForgottenPortTeachesNothing) {
  NewestProbes probes;
  EXPECT_TRUE(Note(probes, kStart, 7, 1, 100));
  for (uint16_t port = 100; port < 100 + kMaxRemotePorts; ++port)
    EXPECT_TRUE(Note(probes, kStart + 1s, port, 1, 101 + port));
  EXPECT_FALSE(Note(probes, kStart + 2s, 7, 1, 99)) << "somebody has held it back";
  EXPECT_TRUE(Note(probes, kStart + 2s, 7, 1, 1000));
  EXPECT_TRUE(Note(probes, kStart + 2s, 8, 2, 1)) << "a new session: the peer's next run";
}

// --- Totals. ---

// One path, over which payloads leave and arrive.
class Totals {
 public:
  Totals() {
    paths_.Reconcile(kStart, {{0, {true, {IpAddress::V4({10, 0, 0, 1})}}}}, known_, &next_);
    Path& path = paths_.paths()[0];
    const Challenge challenge = path.SendProbe(kStart, timers_, identity_);
    path.HandleAnswer(kStart, timers_, {.port = 7, .challenge = challenge}, path.route());
    paths_.Elect(kStart);
  }
  void Report(uint32_t packets, uint64_t counter) {
    now_ += 1s;
    traffic_.sent += 200;
    book_.HandleReport(now_, timers_, {.receipts = {{.from = 0, .to = 7, .packets = packets}}},
                       {1, counter}, paths_);
  }
  // A report of pairs that nobody has.
  void ReportOthers(uint16_t first, uint64_t counter) {
    protocol::Report report;
    for (uint16_t i = 0; i < kMaxReceipts; ++i)
      report.receipts.push_back({.from = 9, .to = static_cast<uint16_t>(first + i), .packets = 1});
    book_.HandleReport(now_, timers_, report, {1, counter}, paths_);
  }
  bool blocked() const { return paths_.paths()[0].blocked(now_); }

 private:
  Timers timers_;
  Identity identity_{
      {.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return uint64_t{1}; }}};
  std::vector<EndpointBook::Known> known_ = {
      {.endpoint = {IpAddress::V4({192, 0, 2, 1}), 13116}, .port = std::nullopt}};
  PathSet paths_;
  PathId next_ = 0;
  Instant now_ = kStart;
  PathTraffic traffic_;
  ArrivalBook book_{[this](PathId) { return traffic_; }};
};

TEST(ArrivalTotals, TotalThatBeginsAnewBlocksNothing) {
  Totals totals;
  uint64_t counter = 0;
  for (uint32_t i = 1; i <= 10; ++i) totals.Report(1'000'000 + 200 * i, ++counter);
  ASSERT_FALSE(totals.blocked());
  for (uint32_t i = 1; i <= 30; ++i) {
    totals.Report(200 * i, ++counter);
    EXPECT_FALSE(totals.blocked()) << i;
  }
}

// What arrived before says nothing for a path that now loses all.
TEST(ArrivalTotals, TotalThatBeginsAnewIsNoArrival) {
  const auto until_blocked = [](Totals& totals, uint64_t counter) {
    int reports = 0;
    for (; !totals.blocked() && reports < 100; ++reports) totals.Report(5, ++counter);
    return reports;
  };
  Totals fresh;
  Totals anew;
  for (uint32_t i = 1; i <= 11; ++i) anew.Report(1000 + 200 * i, i);
  EXPECT_EQ(until_blocked(anew, 11), until_blocked(fresh, 0));
}

TEST(ArrivalTotals, ReportThatWasOvertakenIsNoNewBeginning) {
  Totals totals;
  for (uint32_t i = 1; i <= 30; ++i) {
    totals.Report(10'000, 100 + i);
    totals.Report(10'000 - i, i);
  }
  EXPECT_TRUE(totals.blocked()) << "nothing has arrived since the first";
}

TEST(ArrivalTotals, PairsOfNoPathTakeNoRoomOfOnesThatHaveOne) {
  Totals totals;
  uint64_t counter = 0;
  for (uint16_t i = 0; i < 2 * kMaxPaths; i += kMaxReceipts) totals.ReportOthers(i, ++counter);
  for (uint32_t i = 1; i <= 30; ++i) {
    totals.Report(200 * i, ++counter);
    EXPECT_FALSE(totals.blocked()) << i;
  }
}

// Two addresses of the peer's port 7, of which the second has begun to carry: what a report brings soon after that came
// by the first one, and says nothing of the probes that the second leaves unanswered.
TEST(ArrivalTotals, WhatAnotherAddressHasBroughtIsNoAnswer) {
  Timers timers;
  Identity identity(
      {.secret_key = wire::SecretKey::Generate(), .wall_clock = [] { return uint64_t{1}; }});
  PathSet paths;
  PathId next = 0;
  const std::vector<EndpointBook::Known> known = {
      {.endpoint = {IpAddress::V4({192, 0, 2, 1}), 13116}, .port = std::nullopt},
      {.endpoint = {IpAddress::V4({192, 0, 2, 2}), 13116}, .port = std::nullopt}};
  paths.Reconcile(kStart, {{0, {true, {IpAddress::V4({10, 0, 0, 1})}}}}, known, &next);
  for (Path& path : paths.paths()) {
    const Challenge challenge = path.SendProbe(kStart, timers, identity);
    path.HandleAnswer(kStart + 10ms, timers, {.port = 7, .challenge = challenge}, path.route());
  }
  Path& first = paths.paths()[0];
  Path& second = paths.paths()[1];
  first.SetCarries(kStart, true);
  ArrivalBook book([](PathId) { return PathTraffic{.sent = 1000}; });
  uint32_t packets = 0;
  const auto report = [&](Instant now) {
    book.HandleReport(now, timers, {.receipts = {{.from = 0, .to = 7, .packets = ++packets}}},
                      {1, packets}, paths);
  };
  const Instant change = kStart + 5s;
  first.SetCarries(change, false);
  second.SetCarries(change, true);
  for (int i = 0; i < 3; ++i) second.SendProbe(change, timers, identity);
  report(change + 100ms);
  report(change + 200ms);
  EXPECT_TRUE(second.worries());
  report(change + 1s);
  EXPECT_FALSE(second.worries()) << "by then it is what the second has brought";
}

}  // namespace
}  // namespace warp::protocol
