// A gate is an application's door into a tunnel. This is what every kind of gate offers its tunnel. Control thread
// only.
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

// Takes a gate's payloads; the tunnel is one.
class GateSink {
 public:
  virtual ~GateSink() = default;

  // Gets payloads of one application in order of arrival, at most Gate::kBurst; the bytes are valid during the call.
  // All are of this flow, which is the first one where a gate does not tell its applications apart.
  // Returns how many were taken, from the front; a payload that was dropped by name is taken. Where that is fewer than
  // all, the gate keeps the rest and receives nothing more until Resume. What the application sends meanwhile waits in
  // the kernel.
  virtual size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) = 0;

  // The same, of payloads that others wait for: they may overtake what was taken before, and keep their order among
  // themselves.
  virtual size_t OnInteractive(std::span<const wire::Bytes> payloads) {
    return OnPayloads(payloads, {});
  }
};

struct GateCounters {
  uint64_t from_app = 0;  // payloads that the sink took
  // Payloads that the kernel took. One that it refuses only afterwards is counted in `drops` as well.
  uint64_t to_app = 0;
  // How often another sender took the answers over, at a gate that does not tell its senders apart.
  uint64_t takeovers = 0;
  // foreign_sender, no_receiver, receiver_full, too_large, no_flow, unknown_flow; of interfaces also bad_packet,
  // bad_offload, no_route, spoofed_source and, where several tunnels share one, gate_full
  lcore::DropCounters drops;
};

// The state of a gate at this moment.
struct GateStatus {
  size_t clients = 0;         // connected applications
  size_t holding = 0;         // payloads of the application that are on their way and not done
  size_t waiting_to_app = 0;  // payloads for applications that do not read
  // Where the peer's payloads go now. Empty means nowhere, or to all clients.
  std::string receiver;

  // Of gates that tell their applications apart.
  size_t flows = 0;            // of applications here
  size_t flows_of_peer = 0;    // of applications at the peer
  bool peer_has_flows = true;  // false: the peer's version does not know them, so that all are one

  // Of gates that are an interface of the kernel's.
  std::string trouble;  // why it is not there; empty: it is
  uint32_t mtu = 0;     // bytes, as it was set last
  uint64_t cut = 0;     // super-packets of the kernel's that became several payloads
  uint64_t joined = 0;  // super-packets that were made of several payloads
};

// What a gate needs to know of the peer at the other end.
struct GatePeer {
  bool has_flows = false;  // it knows flows other than the first one
  uint32_t life = 0;    // another one: it has started anew, and knows nothing of the flows before
  bool reached = true;  // it can be sent to now
  friend bool operator==(const GatePeer&, const GatePeer&) = default;
};

class Gate {
 public:
  // The most payloads of one OnPayloads, because the kernel coalesces at most as many into one receive.
  static constexpr size_t kBurst = 64;

  virtual ~Gate() = default;

  // Takes a payload of the peer for the application. It leaves with the next Flush, or when kBurst payloads have
  // gathered. An empty payload is delivered too, because a datagram may be empty.
  virtual void Deliver(Delivery payload) = 0;

  // Gives everything gathered to the application, and drops and counts what cannot be delivered. Called once per turn;
  // never blocks.
  virtual void Flush() = 0;

  // The sink has room again after it took fewer payloads than all. From the loop's next turn on, the gate goes on with
  // what it kept.
  virtual void Resume() = 0;

  // For shutdown: the gate receives nothing more. Payloads that it kept, and that the kernel no longer has, go to the
  // sink now, which takes all of them.
  virtual void Drain() = 0;

  // `count` payloads that the sink took are finished: sent or dropped. Gates that apply back-pressure use this as
  // credit. They act on it in the loop's next tasks, because it may be called from within OnPayloads.
  virtual void OnDone([[maybe_unused]] size_t count) {}

  // The largest payload that goes in one piece over every path that there is. Gates that can have their payloads made
  // to that measure do so.
  virtual void SetRoom([[maybe_unused]] size_t payload) {}

  // The peer, when there is a session with it, when it is another one, and when it comes within reach or out of it.
  virtual void SetPeer([[maybe_unused]] const GatePeer& peer) {}

  virtual const GateCounters& counters() const = 0;
  virtual GateStatus status() const { return {}; }
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_GATE_H_
