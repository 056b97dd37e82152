// Tests the gauge over Unix sockets. Its figures must be the same as over UDP.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "dataplane/os/unix_address.h"
#include "tests/control/config/temp_dir.h"
#include "tests/tools/run/run_gate_double.h"
#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_wait.h"

namespace warp::tools {
namespace {

using Kind = GaugeAddress::Kind;

class GaugeUnixTest : public ::testing::Test {
 protected:
  GaugeUnixTest() : stop_(::eventfd(0, EFD_CLOEXEC)) {}

  void Stop() { ::eventfd_write(stop_.get(), 1); }
  GaugeAddress gate(Kind kind) const { return {kind, dir_.At("gate")}; }
  GaugeTxOptions Tx(Kind kind) const {
    return {.to = gate(kind), .rate = 2000, .size = 200, .seconds = 0.2, .drain = 10};
  }

  TempDir dir_;
  const os::UniqueFd stop_;
};

// A seqpacket gate, with an application at its far end that answers everything. It closes after `packets` answers.
class PacketEcho {
 public:
  PacketEcho(const std::string& path, int packets)
      : fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    const os::UnixAddress address = os::UnixAddress::Of(path).value();
    ::bind(fd_.get(), address.get(), address.size());
    ::listen(fd_.get(), 1);
    thread_ = std::thread([this, packets] {
      const os::UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::vector<uint8_t> buffer(kMaxGaugeSize);
      for (int i = 0; i < packets; ++i) {
        const ssize_t got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return;
        ::send(client.get(), buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
      }
    });
  }
  ~PacketEcho() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  os::UniqueFd fd_;
  std::thread thread_;
};

TEST_F(GaugeUnixTest, AddressesAreText) {
  for (const char* text : {"127.0.0.1:9000", "[::1]:9000", "unix:/run/a", "unix-seqpacket:b"}) {
    EXPECT_EQ(GaugeAddress::Parse(text)->ToString(), text);
  }
  for (const std::string& text : {std::string("unix:"), "unix:" + std::string(108, 'a'),
                                  std::string("/run/a"), std::string("localhost:1")}) {
    EXPECT_FALSE(GaugeAddress::Parse(text).ok()) << text;
  }
}

TEST_F(GaugeUnixTest, DatagramsReturnThroughAnEcho) {
  absl::StatusOr<GaugeReport> echoed = absl::UnknownError("not run");
  std::thread echo([&] { echoed = RunGaugeEcho({.listen = gate(Kind::kDatagram)}, stop_.get()); });
  const os::UniqueFd never(::eventfd(0, EFD_CLOEXEC));
  while (!std::filesystem::exists(dir_.At("gate"))) ::usleep(1000);
  GaugeTxOptions options = Tx(Kind::kDatagram);
  options.await_echo = true;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, never.get());
  Stop();
  echo.join();
  ASSERT_TRUE(report.ok() && echoed.ok()) << report.status() << echoed.status();
  EXPECT_GT(report->sent, 0u);
  EXPECT_EQ(report->lost(), 0u);
  EXPECT_EQ(report->tally->corrupt(), 0u);
  EXPECT_EQ(report->tally->latency().count(), report->sent);
  EXPECT_EQ(echoed->sent, report->sent);
  // The echo removes the socket file that it made.
  EXPECT_FALSE(std::filesystem::exists(dir_.At("gate")));
}

TEST_F(GaugeUnixTest, PacketsReturnOverTheSameConnection) {
  PacketEcho echo(dir_.At("gate"), 1'000'000);
  GaugeTxOptions options = Tx(Kind::kSeqpacket);
  options.await_echo = true;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop_.get());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->sent, 0u);
  EXPECT_EQ(report->lost(), 0u);
}

TEST_F(GaugeUnixTest, AGateThatClosesEndsTheRunWithWhatCame) {
  PacketEcho gate_of_two_packets(dir_.At("gate"), 2);
  const GaugeAddress address = gate(Kind::kSeqpacket);
  GaugeTxOptions options = Tx(Kind::kSeqpacket);
  options.await_echo = true;
  options.drain = 0;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop_.get());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->tally->received(), 2u);
  EXPECT_GT(report->send_errors, 0u);
}

TEST_F(GaugeUnixTest, AReceiverConnectsToAGate) {
  // The gate closes at once, so no payload comes.
  PacketEcho closes(dir_.At("gate"), 0);
  const absl::StatusOr<GaugeReport> report =
      RunGaugeRx({.listen = gate(Kind::kSeqpacket), .connect = true}, stop_.get());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->tally->received(), 0u);
}

// A gate may hold the gauge up. The gauge then sends as fast as the gate takes, and a stop does not wait for the gate.
TEST_F(GaugeUnixTest, AGateThatHoldsUpIsWaitedFor) {
  GateDouble slow(dir_.At("gate"));
  slow.HoldFor(2000);
  GaugeTxOptions options = Tx(Kind::kDatagram);
  options.rate = 0;
  const absl::StatusOr<GaugeReport> report = RunGaugeTx(options, stop_.get());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->send_errors, 0u);
  EXPECT_GT(report->sent, 0u);
  EXPECT_LT(report->sent, 200u);

  slow.Hold();
  options.seconds = 0;
  std::thread interrupt([&] {
    slow.AwaitPayload();
    Stop();
  });
  EXPECT_TRUE(RunGaugeTx(options, stop_.get()).ok());
  interrupt.join();
}

TEST_F(GaugeUnixTest, WhatCannotBeIsOneSentence) {
  const GaugeAddress packets = gate(Kind::kSeqpacket);
  EXPECT_EQ(RunGaugeRx({.listen = packets}, stop_.get()).status().message(),
            "cannot listen on " + packets.ToString() + ": connect to such a gate");
  EXPECT_EQ(RunGaugeTx({.to = packets}, stop_.get()).status().message(),
            "cannot send to " + packets.ToString() + ": No such file or directory");
  const wire::Endpoint udp{wire::IpAddress::V4({127, 0, 0, 1}), 0};
  EXPECT_EQ(RunGaugeTx({.to = packets, .bind = udp}, stop_.get()).status().message(),
            "cannot send from 127.0.0.1:0 to " + packets.ToString());
}

}  // namespace
}  // namespace warp::tools
