#include "tools/gauge_ping.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tools/gauge_wait.h"

namespace warp::tools {
namespace {

constexpr uint64_t kPatience = 1'000'000'000;  // ns

}  // namespace

GaugeReport PingOneByOne(const GaugeTxOptions& options, const GaugeSocket& socket, GaugeTally tally,
                         int stop) {
  GaugeReport report{.mode = GaugeReport::Mode::kTx, .distribution = options.distribution};
  std::vector<uint8_t> datagram(options.size);
  std::vector<uint8_t> buffer(kMaxGaugeSize + 1);
  const uint64_t start = MonotonicNow();
  const uint64_t end = After(start, options.seconds);
  // One call to wait, and no descriptor's worth of set-up around it: what is added here is added to every round trip.
  std::array<pollfd, 2> polled{pollfd{.fd = socket.fd(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = stop, .events = POLLIN, .revents = 0}};
  uint64_t now = start;
  bool stopped = false;
  while (!stopped && now < end && report.sent < GaugeTally::kMaxSequence) {
    WriteGauge({*tally.run(), report.sent, MonotonicNow()}, datagram);
    if (::send(socket.fd(), datagram.data(), datagram.size(), 0) < 0) ++report.send_errors;
    ++report.sent;
    const uint64_t deadline = std::min(MonotonicNow() + kPatience, end);
    const uint64_t before = tally.received();
    while (tally.received() == before && (now = MonotonicNow()) < deadline) {
      const timespec left{.tv_sec = static_cast<time_t>((deadline - now) / 1'000'000'000),
                          .tv_nsec = static_cast<long>((deadline - now) % 1'000'000'000)};
      ::ppoll(polled.data(), polled.size(), &left, nullptr);
      if (polled[1].revents != 0) {
        stopped = true;
        break;
      }
      const ssize_t got = ::recv(socket.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got >= 0)
        tally.Receive(MonotonicNow(), std::span(buffer).first(static_cast<size_t>(got)));
    }
    now = MonotonicNow();
    // The one that the end of the run, and not a loss, kept from coming back is none of the run's.
    if (tally.received() == before && (stopped || now >= end)) --report.sent;
  }
  report.seconds = static_cast<double>(now - start) / 1e9;
  report.overruns = socket.overruns();
  report.tally = std::move(tally);
  return report;
}

}  // namespace warp::tools
