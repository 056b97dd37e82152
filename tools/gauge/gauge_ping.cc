#include "tools/gauge/gauge_ping.h"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tools/gauge/gauge_wait.h"

namespace warp::tools {
namespace {

constexpr uint64_t kPatience = 1'000'000'000;  // ns

// Whatever is done while waiting adds to every round trip. So this waits with one call, without any set-up.
class Waiter {
 public:
  Waiter(int socket, int stop, bool spin)
      : polled_{pollfd{.fd = socket, .events = POLLIN, .revents = 0},
                pollfd{.fd = stop, .events = POLLIN, .revents = 0}},
        spin_(spin) {}

  // Waits until the socket is readable, the run is stopped, or `deadline` has come. When it spins it only looks.
  void Wait(uint64_t deadline) {
    timespec left{};
    if (spin_) {
      ::sched_yield();  // whoever else wants this CPU gets it
    } else if (const uint64_t now = MonotonicNow(); now < deadline) {
      left = {.tv_sec = static_cast<time_t>((deadline - now) / 1'000'000'000),
              .tv_nsec = static_cast<long>((deadline - now) % 1'000'000'000)};
    }
    ::ppoll(polled_.data(), polled_.size(), &left, nullptr);
  }
  bool stopped() const { return polled_[1].revents != 0; }

 private:
  std::array<pollfd, 2> polled_;
  const bool spin_;
};

}  // namespace

GaugeReport PingOneByOne(const GaugeTxOptions& options, const GaugeSocket& socket, GaugeTally tally,
                         int stop) {
  ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // in ns, for the time between two datagrams
  GaugeReport report{.mode = GaugeReport::Mode::kTx, .distribution = options.distribution};
  std::vector<uint8_t> datagram(options.size);
  std::vector<uint8_t> buffer(kMaxGaugeSize + 1);
  Waiter waiter(socket.fd(), stop, options.spin);
  const uint64_t interval = options.rate > 0 ? static_cast<uint64_t>(1e9 / options.rate) : 0;
  const uint64_t start = MonotonicNow();
  const uint64_t end = After(start, options.seconds);
  uint64_t next = start;
  uint64_t now = start;
  while (!waiter.stopped() && now < end && report.sent < GaugeTally::kMaxSequence) {
    WriteGauge({*tally.run(), report.sent, MonotonicNow()}, datagram);
    if (::send(socket.fd(), datagram.data(), datagram.size(), 0) < 0) ++report.send_errors;
    ++report.sent;
    next = std::max(next + interval, now);
    const uint64_t patience = std::min(MonotonicNow() + kPatience, end);
    const uint64_t before = tally.received();
    const auto back = [&] { return tally.received() > before; };
    while (!waiter.stopped() && now < end && (back() ? now < next : now < patience)) {
      waiter.Wait(back() ? std::min(next, end) : patience);
      const ssize_t got = ::recv(socket.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      now = MonotonicNow();
      if (got >= 0) tally.Receive(now, std::span(buffer).first(static_cast<size_t>(got)));
    }
    // A datagram that did not come back because the run ended is not lost, and does not count.
    if (!back() && (waiter.stopped() || now >= end)) --report.sent;
  }
  report.seconds = static_cast<double>(now - start) / 1e9;
  report.overruns = socket.overruns();
  report.tally = std::move(tally);
  return report;
}

}  // namespace warp::tools
