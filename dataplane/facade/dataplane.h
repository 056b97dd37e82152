// The dataplane as the control thread sees it: ports, workers, snapshot, packets in and out, and
// nothing of DPDK.
//
// One instance per process (DPDK's EAL cannot be initialised twice). All calls are the control
// thread's, which is the EAL main lcore; the destructor stops the workers and closes every port.
#ifndef WARP_DATAPLANE_FACADE_DATAPLANE_H_
#define WARP_DATAPLANE_FACADE_DATAPLANE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/facade/packet.h"
#include "dataplane/facade/port_spec.h"
#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/polling.h"

namespace warp::lcore {

using wire::Arrival;
using wire::Polling;

struct DataplaneOptions {
  uint16_t max_ports = 8;        // sizes rings and memory
  std::vector<int> worker_cpus;  // one entry per worker: the CPU it owns, or -1 to share what there
                                 // is. Size 1..max_ports
  bool inline_worker =
      false;  // the only worker has no thread: control turns it (TurnInlineWorker, Wait)
  int control_cpu = -1;
  std::optional<Polling> polling;  // of all workers; unset: kBusy for those that own their CPU,
                                   // kAdaptive for the others
  bool hugepages = false;          // required with a PCI port
  bool pci = false;                // probe the PCI bus
  uint32_t memory_mib = 0;         // 0: computed from the rest
  uint16_t max_mtu = 1500;         // sizes the data rooms
  uint32_t ring_size = 4096;       // entries of each ring, a power of two
  wire::EngineKind engine = wire::EngineKind::kAuto;
  std::string crypto_device;  // with kCryptodev: see engine_cryptodev.h
};

// One thing that happened on an lcore and concerns control. `packet` is set as the kind says.
struct OpenedPacket {  // an authentic plaintext, claimed: the first copy
  Plaintext packet;    // inner header and contents
  wire::Session* session =
      nullptr;  // valid while the snapshot it came from, or a later one naming it, lives; the
                // dataplane keeps retired snapshots until every packet of theirs was collected
  PeerId peer = kNoPeer;
  uint64_t counter = 0;
  Arrival arrival;
};

struct HandshakePacket {  // types 2, 3, 4; mac1 was right
  Sealed packet;          // the whole datagram
  Arrival arrival;
};

struct ForeignFrame {  // not ours, from a port that the kernel does not see
  Frame packet;
  PortId port = 0;
};

struct Completion {
  uint32_t slot = 0;  // as submitted
  uint32_t generation = 0;
  bool taken = false;                     // by at least one path of the lcore that reports
  uint8_t reports = 1;                    // how many lcores report for this payload in all
  wire::Drop reason = wire::Drop::kNone;  // where not taken
  // Where not taken, one of the two hands the packet back; both are empty where no later attempt
  // could help (too_large), and in all reports but the last.
  Sealed sealed;        // no path of any lcore took it: for SubmitSealed, under the same counter
  Plaintext plaintext;  // refused before it was sealed (no session, no path, ring full), as it was
                        // submitted: no counter was spent, a reserved one was not used
};

// What the seal stage is told with each payload.
struct SendRequest {
  PeerId peer = kNoPeer;
  bool completion = false;  // report what became of it, as (slot, generation)
  uint32_t slot = 0;
  uint32_t generation = 0;
  // The fragments of one payload need consecutive counters of one session, whatever burst they fall
  // into: control reserves them (Session::ReserveCounters) and names both here. The worker then
  // seals with this session, found by its local index in the snapshot's table, and this counter,
  // instead of reserving one of the peer's send session.
  bool counter_reserved = false;
  uint32_t session_index = 0;
  uint64_t counter = 0;
};

class Dataplane {
 public:
  // Initialises EAL, pools, rings and workers; no port yet. A second call in one process is
  // FailedPrecondition.
  static absl::StatusOr<std::unique_ptr<Dataplane>> Start(const DataplaneOptions& options);
  virtual ~Dataplane() = default;

  // --- Ports. Set-up path: may allocate and block for milliseconds. ---
  // Opens the device and gives it to a worker. It is polled once a snapshot names it present. `cpu`
  // -1: the least loaded worker; else the worker that owns that CPU. Errors say what and why: no
  // such interface, no permission, MTU too large...
  virtual absl::StatusOr<PortId> AddPort(const PortSpec& spec, int cpu = -1) = 0;
  // The current snapshot must not name it. Waits for the grace period, then closes the device.
  virtual absl::Status RemovePort(PortId port) = 0;
  virtual PortInfo Info(PortId port) const = 0;
  virtual PortCounters Counters(PortId port) const = 0;

  // --- Forwarding. ---
  // Replaces the snapshot; old ones are freed when no lcore can hold them (no waiting here).
  virtual void Publish(std::unique_ptr<const Snapshot> snapshot) = 0;

  // --- Sending. ---
  virtual Plaintext
  AllocatePlaintext() = 0;  // empty, behind headroom for all headers; false when the pool is empty
  virtual Frame AllocateFrame() = 0;
  virtual size_t max_plaintext() const = 0;  // how much AllocatePlaintext's packet can hold
  virtual uint16_t max_mtu() const = 0;      // of a port: what the buffers were made for at start
  // Seals on `home` and replicates over every sending path of the peer. Takes all. Where a
  // completion is asked for, what is refused, by a full ring too, comes back with it and is the
  // caller's to count; else it is dropped and counted here.
  virtual void Submit(WorkerId home, std::span<Plaintext> packets,
                      std::span<const SendRequest> requests) = 0;
  virtual void SubmitSealed(WorkerId home, Sealed packet, const SendRequest& request) = 0;
  // A complete Ethernet frame through one port: handshakes, probes, map traffic (all sealed or
  // handshake bytes already), and the companion interface's frames. Counted where refused.
  virtual void Transmit(PortId port, Frame frame) = 0;

  // --- Receiving. Each moves up to out.size() items and returns how many. ---
  virtual size_t ReceiveOpened(std::span<OpenedPacket> out) = 0;
  virtual size_t ReceiveHandshakes(std::span<HandshakePacket> out) = 0;
  virtual size_t ReceiveForeign(std::span<ForeignFrame> out) = 0;
  virtual size_t ReceiveCompletions(std::span<Completion> out) = 0;

  // --- Sleeping. ---
  // An eventfd that a worker rings when control sleeps and something arrived. ArmSleep says whether
  // control may sleep: false when something is waiting already. Disarm after waking (and reads the
  // eventfd).
  virtual int wake_fd() const = 0;
  virtual bool ArmSleep() = 0;
  virtual void Disarm() = 0;
  // Rings the workers that were given something since the last flush and that sleep: once per turn
  // of the control loop.
  virtual void FlushWakeups() = 0;

  // --- With an inline worker; without one TurnInlineWorker does nothing. ---
  // One turn of the worker; returns how many packets it moved.
  virtual uint32_t TurnInlineWorker() = 0;
  // Sleeps, after ArmSleep, until a frame arrives at a port, `fd` is readable, or the time is up. Whether `fd` is.
  virtual bool Wait(int fd, std::chrono::nanoseconds timeout) = 0;

  // --- Health and counters. ---
  virtual uint16_t workers() const = 0;
  virtual uint64_t Heartbeat(
      WorkerId worker) const = 0;  // grows with each turn of its loop, and while it sleeps
  virtual bool IsAsleep(WorkerId worker) const = 0;  // asleep is healthy
  virtual WorkerStatus Status(WorkerId worker) const = 0;
  virtual uint64_t Drops(wire::Drop drop) const = 0;  // over all workers
  virtual uint64_t PortDrops(PortId port, wire::Drop drop) const = 0;
  virtual absl::string_view engine_name() const = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_DATAPLANE_H_
