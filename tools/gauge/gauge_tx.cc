#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_ping.h"
#include "tools/gauge/gauge_sender.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_wait.h"

namespace warp::tools {
namespace {

constexpr uint64_t kKnock = 50'000'000;  // ns between datagrams that wait for a first echo

uint64_t RandomRun() {
  uint64_t run = 0;
  while (::getrandom(&run, sizeof(run), 0) != sizeof(run)) {
  }
  return run;
}

// Takes the datagrams that are there. Returns false at the end of a closed connection.
bool ReceiveAll(const GaugeSocket& socket, ReceiveBatch& batch, GaugeTally& tally) {
  while (const size_t count = batch.Receive(socket.fd())) {
    const uint64_t now = MonotonicNow();
    for (size_t i = 0; i < count; ++i) tally.Receive(now, batch.datagram(i));
    if (batch.datagram(count - 1).empty() && socket.HungUp()) return false;
    if (count < ReceiveBatch::kSize) break;
  }
  return true;
}

// Sends a datagram of another run now and then, until one comes back.
absl::Status WaitReady(const GaugeTxOptions& options, const GaugeSocket& socket, int stop) {
  GaugeTally echoes(RandomRun());
  ReceiveBatch batch;
  std::array<uint8_t, kGaugeHeaderSize> datagram;
  const uint64_t end = After(MonotonicNow(), options.wait_ready);
  for (uint64_t i = 0;; ++i) {
    const uint64_t now = MonotonicNow();
    if (now >= end) break;
    WriteGauge({*echoes.run(), i, now}, datagram);
    // Refusals are expected here, and do not end the wait.
    [[maybe_unused]] const ssize_t sent = ::send(socket.fd(), datagram.data(), datagram.size(), 0);
    const uint64_t next = std::min(now + kKnock, end);
    while (MonotonicNow() < next) {
      const unsigned readable = WaitReadable({socket.fd(), stop}, next);
      if ((readable & 2) != 0) return absl::CancelledError("stopped");
      if ((readable & 1) != 0) ReceiveAll(socket, batch, echoes);
      if (echoes.received() > 0) return absl::OkStatus();
    }
  }
  return absl::DeadlineExceededError(
      absl::StrCat("no echo from ", options.to.ToString(), " within ", options.wait_ready, " s"));
}

}  // namespace

absl::StatusOr<GaugeReport> RunGaugeTx(const GaugeTxOptions& options, int stop) {
  absl::StatusOr<GaugeSocket> socket = GaugeSocket::Connect(options.to, options.bind);
  if (!socket.ok()) return socket.status();
  if (options.await_echo && options.wait_ready > 0) {
    if (absl::Status ready = WaitReady(options, *socket, stop); !ready.ok()) return ready;
  }

  GaugeTally tally(RandomRun());
  if (options.one_by_one) return PingOneByOne(options, *socket, std::move(tally), stop);
  ReceiveBatch batch;
  const uint64_t start = MonotonicNow();
  GaugeSender sender(socket->fd(), *tally.run(), options.rate, options.size, options.seconds);
  Ticker ticker(start, options.interval);
  std::optional<uint64_t> stopped_at;  // when the sender stopped
  const auto report = [&](uint64_t now) {
    GaugeReport result{.mode = GaugeReport::Mode::kTx,
                       .seconds = static_cast<double>(stopped_at.value_or(now) - start) / 1e9,
                       .sent = sender.sent(),
                       .send_errors = sender.errors()};
    if (options.await_echo) {
      result.overruns = socket->overruns();
      result.tally = tally;
      result.distribution = options.distribution;
    }
    return result;
  };

  // Receives while it sends, and then until the last echo has come or the drain time is over.
  int echoes = options.await_echo ? socket->fd() : -1;
  uint64_t drained = kNever;
  while (true) {
    const int done = stopped_at ? -1 : sender.done_fd();
    const unsigned readable = WaitReadable({echoes, stop, done}, std::min(drained, ticker.next()));
    if ((readable & 1) != 0 && !ReceiveAll(*socket, batch, tally)) echoes = -1;
    const uint64_t now = MonotonicNow();
    if ((readable & 2) != 0) {
      // The descriptor stays readable, so polling it again would be a busy loop.
      sender.Stop();
      stop = -1;
    }
    if ((readable & 4) != 0) {
      stopped_at = now;
      tally.SenderStopped(now);
      drained = options.await_echo ? now + static_cast<uint64_t>(options.drain * 1e9) : now;
    }
    if (ticker.Due(now) && !stopped_at) std::cerr << ProgressText(report(now)) << std::endl;
    const bool all = stopped_at && tally.received() >= sender.sent();
    if (all || now >= drained) return report(now);
  }
}

}  // namespace warp::tools
