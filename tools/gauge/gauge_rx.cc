#include <algorithm>
#include <iostream>

#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_wait.h"

namespace warp::tools {
namespace {

GaugeReport Report(const GaugeRxOptions& options, const GaugeSocket& socket,
                   const GaugeTally& tally, std::optional<uint64_t> first) {
  GaugeReport report{.mode = GaugeReport::Mode::kRx,
                     .overruns = socket.overruns(),
                     .tally = tally,
                     .distribution = options.distribution};
  report.sent = std::max(options.expect, tally.highest());
  if (first) report.seconds = static_cast<double>(*tally.last_arrival() - *first) / 1e9;
  return report;
}

}  // namespace

absl::StatusOr<GaugeReport> RunGaugeRx(const GaugeRxOptions& options, int stop) {
  absl::StatusOr<GaugeSocket> socket = options.connect
                                           ? GaugeSocket::Connect(options.listen, std::nullopt)
                                           : GaugeSocket::Listen(options.listen);
  if (!socket.ok()) return socket.status();
  const uint64_t start = MonotonicNow();
  const uint64_t end = After(start, options.seconds);
  GaugeTally tally;
  tally.KeepTimeline(static_cast<uint64_t>(options.timeline * 1e9));
  ReceiveBatch batch;
  Ticker ticker(start, options.interval);
  std::optional<uint64_t> first;  // arrival of the run
  while (true) {
    const uint64_t idle_end =
        options.seconds == 0 && first ? After(*tally.last_arrival(), options.idle) : kNever;
    const uint64_t deadline = std::min({end, idle_end, ticker.next()});
    const unsigned readable = WaitReadable({socket->fd(), stop}, deadline);
    const size_t count = (readable & 1) != 0 ? batch.Receive(socket->fd()) : 0;
    const uint64_t now = MonotonicNow();
    for (size_t i = 0; i < count; ++i) {
      if (!tally.Receive(now, batch.datagram(i))) continue;
      if (first) std::cerr << "a new run began: counting anew\n";
      first = now;
    }
    if (ticker.Due(now)) {
      std::cerr << ProgressText(Report(options, *socket, tally, first)) << std::endl;
    }
    const bool closed = count > 0 && batch.datagram(count - 1).empty() && socket->HungUp();
    const bool over =
        closed || (readable & 2) != 0 || now >= end || (count == 0 && now >= idle_end);
    if (over) return Report(options, *socket, tally, first);
  }
}

}  // namespace warp::tools
