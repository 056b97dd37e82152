// Tests the gauge over loopback sockets. All expectations refer to the run's own figures, so they do not depend on the
// speed of the machine.
#include "tools/gauge/gauge.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "dataplane/os/unique_fd.h"
#include "tools/gauge/gauge_datagram.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_wait.h"

namespace warp::tools {
namespace {

const wire::Endpoint kAnyPort4{wire::IpAddress::V4({127, 0, 0, 1}), 0};
const wire::Endpoint kAnyPort6{
    wire::IpAddress::V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 0};

// A descriptor with which the test ends a run.
class Stop {
 public:
  Stop() : fd_(::eventfd(0, EFD_CLOEXEC)) {}
  int fd() const { return fd_.get(); }
  void Now() { ::eventfd_write(fd_.get(), 1); }

 private:
  os::UniqueFd fd_;
};

// Returns a port that was free a moment ago.
wire::Endpoint FreePort(const wire::Endpoint& any) { return GaugeSocket::Listen(any)->local(); }

// An echo that runs until the end of the test. It can play a network: `treat` says how often each datagram returns.
class Echo {
 public:
  using Treat = std::function<int(uint64_t sequence)>;

  explicit Echo(
      const wire::Endpoint& any, Treat treat = [](uint64_t) { return 1; })
      : socket_(*GaugeSocket::Listen(any)), treat_(std::move(treat)), thread_([this] { Run(); }) {}
  ~Echo() {
    stop_.Now();
    thread_.join();
  }
  wire::Endpoint address() const { return socket_.local(); }

 private:
  void Run() {
    while (true) {
      const unsigned readable = WaitReadable({socket_.fd(), stop_.fd()}, kNever);
      if ((readable & 2) != 0) return;
      std::array<uint8_t, 2048> buffer;
      sockaddr_storage sender;
      socklen_t size = sizeof(sender);
      const ssize_t got = ::recvfrom(socket_.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&sender), &size);
      if (got < 0) continue;
      GaugeStamp stamp;
      ReadGauge(std::span(buffer).first(static_cast<size_t>(got)), stamp);
      for (int copies = treat_(stamp.sequence); copies > 0; --copies) {
        ::sendto(socket_.fd(), buffer.data(), static_cast<size_t>(got), 0,
                 reinterpret_cast<const sockaddr*>(&sender), size);
      }
    }
  }

  GaugeSocket socket_;
  Treat treat_;
  Stop stop_;
  std::thread thread_;
};

GaugeTxOptions Tx(const wire::Endpoint& to) {
  return {.to = to, .rate = 2000, .size = 200, .seconds = 0.2, .await_echo = true, .drain = 10};
}

TEST(GaugeTest, WhatReturnsIsNotLost) {
  for (const wire::Endpoint& any : {kAnyPort4, kAnyPort6}) {
    Echo echo(any);
    Stop stop;
    const absl::StatusOr<GaugeReport> report = RunGaugeTx(Tx(echo.address()), stop.fd());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GT(report->sent, 0u);
    EXPECT_LE(report->sent, 401u);
    EXPECT_EQ(report->tally->received(), report->sent);
    EXPECT_EQ(report->lost(), 0u);
    EXPECT_EQ(report->tally->duplicated(), 0u);
    EXPECT_EQ(report->tally->reordered(), 0u);
    EXPECT_EQ(report->tally->corrupt(), 0u);
    EXPECT_EQ(report->tally->latency().count(), report->sent);
  }
}

TEST(GaugeTest, LossesAndCopiesAreCounted) {
  // Every tenth datagram is lost, and another tenth comes three times.
  Echo echo(kAnyPort4, [](uint64_t sequence) {
    return sequence % 10 == 0 ? 0 : sequence % 10 == 5 ? 3 : 1;
  });
  Stop stop;
  GaugeTxOptions options = Tx(echo.address());
  options.drain = 0.5;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop.fd());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->lost(), (report->sent + 9) / 10);
  EXPECT_EQ(report->tally->duplicated(), 2 * ((report->sent + 4) / 10));
}

TEST(GaugeTest, NobodyThereIsLossAndNoError) {
  Stop stop;
  GaugeTxOptions options = Tx(FreePort(kAnyPort4));
  options.drain = 0;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop.fd());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->sent, 0u);
  EXPECT_EQ(report->lost(), report->sent);
}

TEST(GaugeTest, OneByOneSendsTheNextWhenTheLastIsBack) {
  // One datagram at a time cannot be reordered, however long the echo takes. A lost one delays the next by a second.
  Echo echo(kAnyPort4, [](uint64_t sequence) { return sequence == 3 ? 0 : 1; });
  Stop stop;
  GaugeTxOptions options = Tx(echo.address());
  options.one_by_one = true;
  options.rate = 0;
  options.distribution = true;
  options.seconds = 1.5;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop.fd());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->sent, 4u);
  EXPECT_EQ(report->lost(), 1u);
  EXPECT_EQ(report->tally->reordered(), 0u);
  const nlohmann::json json = nlohmann::json::parse(ReportJson(*report));
  uint64_t listed = 0;
  for (const nlohmann::json& bucket : json.at("latencies")) listed += bucket.at(1).get<uint64_t>();
  EXPECT_EQ(listed, report->tally->received());
}

TEST(GaugeTest, StopsWhenToldWithWhatItHas) {
  Echo echo(kAnyPort4);
  Stop stop;
  GaugeTxOptions options = Tx(echo.address());
  options.seconds = 0;
  std::thread interrupt([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.Now();
  });
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop.fd());
  interrupt.join();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->tally->received(), report->sent);
}

TEST(GaugeTest, WaitsUntilSomebodyAnswers) {
  Echo echo(kAnyPort4);
  Stop stop;
  GaugeTxOptions options = Tx(echo.address());
  options.wait_ready = 30;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop.fd());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->lost(), 0u);

  options.to = FreePort(kAnyPort4);
  options.wait_ready = 0.12;
  EXPECT_EQ(RunGaugeTx(options, stop.fd()).status().message(),
            "no echo from " + options.to.ToString() + " within 0.12 s");
}

TEST(GaugeTest, AReceiverCountsARunUntilItIsIdle) {
  const wire::Endpoint address = FreePort(kAnyPort4);
  Stop stop;
  absl::StatusOr<GaugeReport> received = absl::UnknownError("not run");
  std::thread receiver([&] { received = RunGaugeRx({.listen = address, .idle = 0.5}, stop.fd()); });
  // The receiver may bind its socket late. The sender sends a refused datagram again.
  GaugeTxOptions options = Tx(address);
  options.await_echo = false;
  const absl::StatusOr<GaugeReport> sent = RunGaugeTx(options, stop.fd());
  receiver.join();
  ASSERT_TRUE(sent.ok() && received.ok()) << sent.status() << received.status();
  EXPECT_FALSE(sent->tally.has_value());
  EXPECT_EQ(received->sent, sent->sent);  // the highest sequence number tells how many were sent
  EXPECT_GT(received->tally->received(), 0u);
  EXPECT_LE(received->tally->received(), sent->sent);
  EXPECT_EQ(received->tally->duplicated(), 0u);
}

TEST(GaugeTest, AReceiverIsToldHowManyToExpect) {
  Stop stop;
  stop.Now();
  const absl::StatusOr<GaugeReport> report =
      RunGaugeRx({.listen = kAnyPort4, .expect = 17}, stop.fd());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->lost(), 17u);
}

TEST(GaugeTest, EchoReturnsEverythingUnchanged) {
  const wire::Endpoint address = FreePort(kAnyPort4);
  Stop stop, end_of_echo;
  absl::StatusOr<GaugeReport> echoed = absl::UnknownError("not run");
  std::thread echo([&] { echoed = RunGaugeEcho({.listen = address}, end_of_echo.fd()); });
  GaugeTxOptions options = Tx(address);
  options.size = 9000;
  options.wait_ready = 30;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop.fd());
  end_of_echo.Now();
  echo.join();
  ASSERT_TRUE(report.ok() && echoed.ok()) << report.status() << echoed.status();
  EXPECT_EQ(report->lost(), 0u);
  EXPECT_EQ(report->tally->corrupt(), 0u);
  // The echo also counts the datagrams of the wait before the run.
  EXPECT_GT(echoed->sent, report->sent);
}

TEST(GaugeTest, AnAddressInUseIsOneSentence) {
  const GaugeSocket taken = *GaugeSocket::Listen(kAnyPort4);
  Stop stop;
  EXPECT_EQ(RunGaugeRx({.listen = taken.local()}, stop.fd()).status().message(),
            "cannot listen on " + taken.local().ToString() + ": Address already in use");
  EXPECT_EQ(RunGaugeEcho({.listen = taken.local()}, stop.fd()).status().message(),
            "cannot listen on " + taken.local().ToString() + ": Address already in use");
  EXPECT_EQ(RunGaugeTx({.to = taken.local(), .bind = taken.local()}, stop.fd()).status().message(),
            "cannot listen on " + taken.local().ToString() + ": Address already in use");
}

TEST(GaugeReportTest, IsOneJsonObject) {
  GaugeReport report{.mode = GaugeReport::Mode::kTx, .seconds = 2, .sent = 3, .send_errors = 1};
  EXPECT_EQ(ReportJson(report),
            R"({"mode":"tx","seconds":2.0,"sent":3,"send_errors":1,"overruns":0})");
  report.tally.emplace(7);
  nlohmann::json json = nlohmann::json::parse(ReportJson(report));
  EXPECT_EQ(json["lost"], 3);
  EXPECT_EQ(json["latency_us"], nullptr);
  std::vector<uint8_t> datagram(100);
  WriteGauge({7, 1, 1'000'000}, datagram);
  report.tally->Receive(1'250'500, datagram);
  report.tally->SenderStopped(31'250'500);
  json = nlohmann::json::parse(ReportJson(report));
  EXPECT_EQ(json["received"], 1);
  EXPECT_EQ(json["lost"], 2);
  EXPECT_EQ(json["duplicated"], 0);
  EXPECT_EQ(json["reordered"], 0);
  EXPECT_EQ(json["corrupt"], 0);
  EXPECT_EQ(json["latency_us"],
            (nlohmann::json{{"p50", 250.5}, {"p99", 250.5}, {"p99.9", 250.5}, {"max", 250.5}}));
  EXPECT_EQ(json["longest_gap_ms"], 30.0);
}

TEST(GaugeReportTest, IsAFewLinesForHumans) {
  GaugeReport report{.mode = GaugeReport::Mode::kTx, .seconds = 2, .sent = 4};
  report.tally.emplace(7);
  std::vector<uint8_t> datagram(100);
  WriteGauge({7, 1, 1'000'000}, datagram);
  report.tally->Receive(1'250'000, datagram);
  EXPECT_EQ(ReportText(report),
            "sent                   4   in 2.0 s, 2 a second\n"
            "received               1\n"
            "lost                   3\n"
            "duplicated             0\n"
            "reordered              0\n"
            "corrupt                0\n"
            "round trip           250 us p50, 250 us p99, 250 us max\n"
            "longest gap          0.0 ms\n");
}

}  // namespace
}  // namespace warp::tools
