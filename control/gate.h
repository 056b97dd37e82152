// A gate: an application's door into a tunnel. What every kind of gate offers its tunnel. Control
// thread only.
#ifndef WARP_CONTROL_GATE_H_
#define WARP_CONTROL_GATE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "control/delivery.h"
#include "dataplane/lcore/counters.h"
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

  virtual const GateCounters& counters() const = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_H_
