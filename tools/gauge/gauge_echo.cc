#include <sched.h>

#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_wait.h"

namespace warp::tools {

absl::StatusOr<GaugeReport> RunGaugeEcho(const GaugeEchoOptions& options, int stop) {
  absl::StatusOr<GaugeSocket> socket = options.connect
                                           ? GaugeSocket::Connect(options.listen, std::nullopt)
                                           : GaugeSocket::Listen(options.listen);
  if (!socket.ok()) return socket.status();
  const uint64_t start = MonotonicNow();
  const uint64_t end = After(start, options.seconds);
  GaugeReport report{.mode = GaugeReport::Mode::kEcho};
  ReceiveBatch batch;
  bool stopped = false;  // by the other end
  while (true) {
    if (options.spin) ::sched_yield();  // whoever else wants this CPU gets it
    const unsigned readable = WaitReadable({socket->fd(), stop}, options.spin ? 0 : end);
    if ((readable & 1) != 0) {
      const size_t count = batch.Receive(socket->fd());
      if (count > 0 && batch.datagram(count - 1).empty() && socket->HungUp()) stopped = true;
      const size_t returned = batch.Return(socket->fd(), count);
      report.sent += returned;
      report.send_errors += count - returned;
    }
    const uint64_t now = MonotonicNow();
    if (stopped || (readable & 2) != 0 || now >= end) {
      report.seconds = static_cast<double>(now - start) / 1e9;
      report.overruns = socket->overruns();
      return report;
    }
  }
}

}  // namespace warp::tools
