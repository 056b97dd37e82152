// A gate: an application's door into a tunnel. What every kind of gate offers its tunnel. Control
// thread only.
#ifndef WARP_CONTROL_GATE_GATE_H_
#define WARP_CONTROL_GATE_GATE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "control/gate/delivery.h"
#include "dataplane/facade/counters.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

// Where a gate's payloads go: the tunnel.
class GateSink {
 public:
  virtual ~GateSink() = default;

  // Payloads of the application, in order of arrival, at most Gate::kBurst; the bytes are valid
  // during the call. Returns how many were taken, from the front (dropping one by name is taking
  // it). Fewer than all: the gate keeps the rest, and receives nothing more, until Resume; what the
  // application sends meanwhile waits in the kernel.
  virtual size_t OnPayloads(std::span<const wire::Bytes> payloads) = 0;
};

struct GateCounters {
  uint64_t from_app = 0;  // payloads the sink took
  uint64_t to_app =
      0;  // payloads the kernel took; one that it refuses only afterwards is in `drops` as well
  lcore::DropCounters drops;  // foreign_sender, no_receiver, receiver_full, too_large
};

// What a gate has to say about itself at this moment.
struct GateStatus {
  size_t clients = 0;         // that are connected
  size_t holding = 0;         // payloads of the application on their way: not yet done
  size_t waiting_to_app = 0;  // payloads for applications that do not read
  std::string receiver;       // where payloads go now; empty: nowhere, or to all that are connected
};

class Gate {
 public:
  // The most payloads of one OnPayloads: what the kernel coalesces at most into one receive.
  static constexpr size_t kBurst = 64;

  virtual ~Gate() = default;

  // Takes a payload of the peer for the application. Leaves with the next Flush, or when kBurst
  // have gathered. Empty payloads are carried: a datagram may be empty.
  virtual void Deliver(Delivery payload) = 0;

  // Gives everything gathered to the application; what cannot be delivered is dropped and counted.
  // Once per turn. Never blocks.
  virtual void Flush() = 0;

  // The sink has room again after it took less than all: goes on with what was kept, from the next
  // turn of the loop.
  virtual void Resume() = 0;

  // Shutdown: receives nothing more; what it kept, and the kernel no longer has, goes to the sink now, which takes all of it.
  virtual void Drain() = 0;

  // So many more of the payloads that the sink took are done: a path has taken a copy, or they were
  // dropped by name. A gate that can hold its applications back lives on it; others need not know.
  // Acts in the loop's next tasks, never at once: it may be called from within OnPayloads.
  virtual void OnDone(size_t) {}

  virtual const GateCounters& counters() const = 0;
  virtual GateStatus status() const { return {}; }
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_GATE_H_
