// The gauge sends numbered datagrams, receives them, and reports what became of them.
//
// Each Run… returns what it measured when its time is up or when `stop` (a signalfd or eventfd) becomes readable. A run
// that is connected to a seqpacket gate also returns when the gate closes. An error is one sentence about an address
// that cannot be used. Progress goes to stderr.
#ifndef WARP_TOOLS_GAUGE_GAUGE_H_
#define WARP_TOOLS_GAUGE_GAUGE_H_

#include <cstddef>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "tools/gauge/gauge_address.h"
#include "tools/gauge/gauge_report.h"

namespace warp::tools {

struct GaugeTxOptions {
  GaugeAddress to;
  std::optional<GaugeAddress> bind;
  double rate = 1000;       // datagrams a second; 0: as fast as possible
  size_t size = 1200;       // bytes, kGaugeHeaderSize..kMaxGaugeSize
  double seconds = 10;      // 0: until stopped
  bool await_echo = false;  // count what comes back, and the time it took
  double wait_ready = 0;    // seconds to wait for a first echo before the run; 0: begin at once
  double drain = 1;         // seconds to wait for the last echoes
  double interval = 0;      // seconds between progress lines; 0: none
  bool spin = false;  // with one_by_one: look again and again for what comes back, never sleep
  // Sends the next datagram only when the last one came back or is lost, at `rate` at most.
  bool one_by_one = false;
  bool distribution = false;  // all latencies in the report's JSON
};
absl::StatusOr<GaugeReport> RunGaugeTx(const GaugeTxOptions& options, int stop);

// Where payloads come from: a socket of the gauge's own, or a connection to a gate.
struct GaugeRxOptions {
  GaugeAddress listen;
  bool connect = false;  // connects to `listen`, which is a gate
  double seconds = 0;    // 0: until nothing has arrived for `idle`
  double idle = 2;       // seconds without an arrival, after the first
  uint64_t expect = 0;   // how many the sender sends; 0: the highest number that arrived tells
  double interval = 0;
  double timeline = 0;  // seconds: count arrivals by intervals of so long; 0: do not
  bool distribution = false;
};
absl::StatusOr<GaugeReport> RunGaugeRx(const GaugeRxOptions& options, int stop);

struct GaugeEchoOptions {
  GaugeAddress listen;
  bool connect = false;  // connects to `listen`, which is a gate
  double seconds = 0;    // 0: until stopped
  bool spin = false;     // never sleep
};
absl::StatusOr<GaugeReport> RunGaugeEcho(const GaugeEchoOptions& options, int stop);

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_H_
