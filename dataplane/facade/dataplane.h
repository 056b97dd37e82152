// The dataplane as the control thread sees it: ports, workers, snapshot, packets in and out, and nothing of DPDK.
//
// There is one instance per process, since DPDK's EAL cannot be initialised twice. The thread that calls Start becomes
// the EAL's main lcore and is the control thread from then on. Every call is the control thread's, and debug builds
// check it. The destructor stops the workers and closes every port. It waits a few seconds for a worker or a driver
// that hangs, and then leaves behind what that may still touch.
#ifndef WARP_DATAPLANE_FACADE_DATAPLANE_H_
#define WARP_DATAPLANE_FACADE_DATAPLANE_H_

#include <array>
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
#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/polling.h"
#include "dataplane/wire/slot_ticket.h"
#include "dataplane/wire/time.h"

namespace warp::lcore {

using wire::Arrival;
using wire::Polling;

struct DataplaneOptions {
  // Sizes rings and memory.
  uint16_t max_ports = 8;
  // One entry per worker: the CPU that it owns, or -1 to share what there is. 1 to max_ports entries.
  std::vector<int> worker_cpus;
  // The only worker has no thread: control calls TurnInlineWorker and Wait.
  bool inline_worker = false;
  int control_cpu = -1;
  // How workers poll. Unset: workers that own their CPU are kBusy, and the others kAdaptive.
  std::optional<Polling> polling;
  bool hugepages = false;  // required with a PCI port
  // Addresses of the PCI ports that there may be. Empty: the PCI bus is not looked at.
  std::vector<std::string> pci_devices;
  uint32_t memory_mib = 0;    // 0: computed from the rest
  uint16_t ports = 0;         // known at start, for the sentence about memory; 0: max_ports
  uint16_t max_mtu = 1500;    // sizes the data rooms
  uint32_t ring_size = 4096;  // entries of each ring, a power of two
  wire::EngineKind engine = wire::EngineKind::kAuto;
  std::string crypto_device;  // with kCryptodev: see crypto_device.h
  bool telemetry = false;     // DPDK's own socket of counters, served by a thread of its own
};

// --- What happens on an lcore and concerns control. ---

// An authentic plaintext whose counter was claimed: the first copy to arrive.
struct OpenedPacket {
  Plaintext packet;  // inner header and contents
  // Valid while the snapshot it came from, or a later one that names it, lives. The dataplane keeps a retired snapshot
  // until control has collected every packet of its sessions.
  wire::Session* session = nullptr;
  uint64_t counter = 0;
  Arrival arrival;  // with its MAC where the packet may be answered (wire::IsAnswered)
  PeerId peer = kNoPeer;
};
static_assert(sizeof(OpenedPacket) == 72);  // control makes and moves one for each payload

// What a handshake message has proven, which decides in which ring it waits for control: those who have proven nothing
// fill theirs alone.
enum class HandshakeRank : uint8_t {
  kReply,     // a response, cookie reply or retry to a handshake of ours that is under way
  kProven,    // an initiation with a cookie of ours for its source: its sender receives there
  kKnown,     // one that says to come from an endpoint of a peer; whoever knows that can say so
  kStranger,  // another initiation; its sender knows our public key
};
inline constexpr std::array<HandshakeRank, 4> kHandshakeRanks = {
    HandshakeRank::kReply, HandshakeRank::kProven, HandshakeRank::kKnown, HandshakeRank::kStranger};

struct HandshakePacket {
  Sealed packet;  // the whole datagram
  Arrival arrival;
};

// A frame that is not ours, from a port whose frames the kernel does not see.
struct ForeignFrame {
  Frame packet;
  PortId port = 0;
};

struct Completion {
  wire::SlotTicket ticket;                // as submitted
  bool taken = false;                     // by at least one path of the lcore that reports
  uint8_t reports = 1;                    // how many lcores report for this payload in all
  wire::Drop reason = wire::Drop::kNone;  // why it was not taken
  // One of the two hands a payload back that was not taken. Both are empty where no later attempt could help (too_large
  // without room for the tag, deadline), and in all reports of a payload but the last. No path of any lcore took the
  // sealed packet, which SubmitSealed can send again under the same counter; with the reason too_large it is larger
  // than every path of its mask lets through, and no attempt over these would help.
  Sealed sealed;
  // The payload was refused before it was sealed (no session, no path, too large for the paths of its mask, ring full)
  // and is as it was submitted: no counter was spent, and a reserved one was not used.
  Plaintext plaintext;
};

// What the seal stage is told with each payload.
struct SendRequest {
  PeerId peer = kNoPeer;
  bool completion = false;  // asks for reports of what becomes of it, under the ticket
  wire::SlotTicket ticket;
  // The fragments of one payload need consecutive counters of one session, whatever burst they fall into. So control
  // reserves the counters (Session::ReserveCounters) and names session and counter here. The worker finds this session
  // by its local index in the snapshot's table and seals with this counter, instead of reserving one of the peer's send
  // session.
  bool counter_reserved = false;
  uint32_t session_index = 0;
  uint64_t counter = 0;
  // The paths that get a copy. Slots of paths that the peer has not, or that do not send now, stand for nothing; where
  // no path is left the payload ends as Drop::kNoPath, and where all that are left are too narrow as Drop::kTooLarge.
  wire::PathMask paths = wire::kAllPaths;
  uint8_t dscp = 0;  // 0 to 63: how its copies are marked (RFC 2474)
  // How long from now on it is of use. What a worker has not taken by then ends as Drop::kDeadline.
  wire::Duration time_left = kUnlimited;
  static constexpr wire::Duration kUnlimited = wire::Duration::max();
};

// What has become of AddPort.
struct PortNews {
  PortId port = 0;
  absl::Status
      status;  // where it is not OK: why the port cannot be opened. Its id is not valid any more then
};

// What ports are about to need.
struct BufferNeeds {
  uint16_t mtu = 0;               // the largest that one of them sends
  std::vector<uint16_t> opening;  // the MTU of each device that opens
  std::vector<PortId> closing;    // before that: what these receive into serves the others, too
};

class Dataplane {
 public:
  // Initialises EAL, pools, rings and workers; there is no port yet. A second call in one process is
  // FailedPrecondition.
  static absl::StatusOr<std::unique_ptr<Dataplane>> Open(const DataplaneOptions& options);
  virtual ~Dataplane() = default;

  // --- Ports. Devices are opened and closed on threads of their own: no call waits for a driver. ---

  // Begins to open the device, and gives it to a worker: to the one that owns `cpu`, or for -1 to the one with the
  // fewest ports. ReceivePortNews tells when it is open; only then have the other calls about the port a meaning, but
  // for RemovePort. The worker polls it once a snapshot names it present. Aborted: a worker or a driver has not let go
  // of the port of this name since it was removed, or of one whose place it needs; try again a few milliseconds later.
  virtual absl::StatusOr<PortId> AddPort(const PortSpec& spec, int cpu = -1) = 0;
  // What has become of ports that were added and not removed since. An error says in one sentence what and why: no such
  // interface, no permission, MTU too large... Cancelled: nothing is wrong, but the interface lacks what the port
  // needs, such as an address; try again when it has changed. Moves up to out.size() items and returns how many.
  virtual size_t ReceivePortNews(std::span<PortNews> out) = 0;
  // The port, which is open or being opened, closes as soon as no worker can hold it, and its id is not valid any more.
  // The current snapshot must not name it.
  virtual absl::Status RemovePort(PortId port) = 0;
  // Waits until no device is being opened or closed. False: after `patience` one still was. Serves set-up only.
  virtual bool AwaitPorts(wire::Duration patience) = 0;
  virtual PortInfo Info(PortId port) const = 0;
  // The link of the port, which is open, as its driver said last. Always kUp for a kernel interface, whose carrier the
  // kernel tells of. A change rings control, which does not sleep before it has asked here.
  virtual LinkState Link(PortId port) = 0;
  // Whether bursts leave as joined frames, which the interface cuts by itself.
  virtual bool Segmentation(PortId port) const = 0;
  // The kernel interface of the port has this MTU now. What waits and is larger is refused as too_large.
  virtual void SetPortMtu(PortId port, uint16_t mtu) = 0;
  virtual PortCounters Counters(PortId port) const = 0;
  // The newest payload that came over a path; nullopt while none did. Duplicates count, and so do control messages that
  // somebody sent again, as nothing of them is known.
  virtual std::optional<NewestArrival> Newest(const PathCounters& path) const = 0;

  // --- Forwarding. ---

  // Replaces the snapshot. Does not wait: an old one is freed when no lcore can hold it any more.
  virtual void Publish(std::unique_ptr<const Snapshot> snapshot) = 0;

  // --- Sending. Packets handed over are empty afterwards. ---

  // An empty packet behind headroom for all headers. It is false where the pool is empty: payloads and frames have a
  // pool each, so that payloads that wait leave buffers for the frames by which paths and sessions live.
  virtual Plaintext AllocatePlaintext() = 0;
  virtual Frame AllocateFrame() = 0;
  // How many bytes the packet of the next AllocatePlaintext can hold.
  virtual size_t max_plaintext() const = 0;
  // The largest MTU of a port, for which there are buffers now.
  virtual uint16_t max_mtu() const = 0;
  // Begins to make the buffers that ports are about to need, where there are none for so large an MTU, and beside them
  // what the devices that open receive into, as far as nothing is left over or becomes free for them. Until
  // SettleBuffers nothing that ports leave behind is given back, so that they can be again what they were. Buffers are
  // made one request at a time; of those that wait, the last counts. Where memory does not suffice all stays as it is.
  virtual void PrepareBuffers(const BufferNeeds& needs) = 0;
  // Whether that has ended. An error says in one sentence which memory was missing. The end rings control.
  virtual absl::StatusOr<bool> BuffersPrepared() const = 0;
  // What was prepared has been used, and nothing leads back: gives back what no port needs, and begins to make smaller
  // buffers where none needs more than those of this MTU. Whatever is under way keeps its buffers, whose memory is
  // freed when the last of them has come home.
  virtual void SettleBuffers(uint16_t mtu) = 0;
  // Begins to make larger ones as PrepareBuffers does, for ports that follow their interfaces. Neither asks for what
  // the other does, nor fails with it.
  virtual void GrowBuffers(const BufferNeeds& needs) = 0;
  virtual absl::StatusOr<bool> BuffersGrown() const = 0;
  // Seals on `home` and replicates over every sending path of the peer that the mask names; request i belongs to packet
  // i. Takes every
  // packet. What is refused, by a full ring too, comes back with its completion where one is asked for, and control
  // counts it. Elsewhere it is dropped and counted here.
  virtual void Submit(WorkerId home, std::span<Plaintext> packets,
                      std::span<const SendRequest> requests) = 0;
  virtual void SubmitSealed(WorkerId home, Sealed packet, const SendRequest& request) = 0;
  // Takes what waits in the ring to a worker that stands still out of it again. Every payload comes back with its
  // completion as it is, for the reason kNoPath. False: the worker stands still while it takes payloads itself, so that
  // they stay its own; another call may have more luck.
  virtual bool TakeBack(WorkerId home) = 0;
  // Sends a complete Ethernet frame through one port: handshakes, probes and map traffic, which are sealed already, and
  // frames of the companion interface. A frame that is refused is dropped and counted.
  virtual void Transmit(PortId port, Frame frame) = 0;
  // Every frame that was transmitted has left, or was dropped. A driver that frees late what it has sent may say no for
  // as long as nothing follows.
  virtual bool AllTransmitted() const = 0;

  // --- Receiving. Each call moves up to out.size() items and returns how many. ---

  virtual size_t ReceiveOpened(std::span<OpenedPacket> out) = 0;
  virtual size_t ReceiveHandshakes(HandshakeRank rank, std::span<HandshakePacket> out) = 0;
  virtual size_t ReceiveForeign(std::span<ForeignFrame> out) = 0;
  virtual size_t ReceiveCompletions(std::span<Completion> out) = 0;

  // --- Sleeping. ---

  // An eventfd that a worker rings when control sleeps and something arrived.
  virtual int wake_fd() const = 0;
  // Whether control may sleep: false when something is waiting already.
  virtual bool ArmSleep() = 0;
  // To be called after waking; it also reads the eventfd.
  virtual void Disarm() = 0;
  // Rings the sleeping workers that were given something since the last flush: once per turn of the control loop.
  virtual void FlushWakeups() = 0;

  // --- With an inline worker. ---

  // Turns the worker and returns how many packets it moved. Does nothing where workers have threads.
  virtual uint32_t TurnInlineWorker() = 0;
  // To be called after ArmSleep: sleeps until a frame arrives at a port, `fd` is readable or the time is up. Returns
  // whether `fd` is readable.
  virtual bool Wait(int fd, std::chrono::nanoseconds timeout) = 0;

  // --- Health and counters. ---

  virtual uint16_t workers() const = 0;
  // Grows with each turn of the worker's loop, and while it sleeps.
  virtual uint64_t Heartbeat(WorkerId worker) const = 0;
  // A worker that sleeps is healthy.
  virtual bool IsAsleep(WorkerId worker) const = 0;
  // Payloads wait that the worker has not taken.
  virtual bool IsBehind(WorkerId worker) const = 0;
  virtual WorkerStatus Status(WorkerId worker) const = 0;
  // Over all workers.
  virtual uint64_t Drops(wire::Drop drop) const = 0;
  virtual uint64_t PortDrops(PortId port, wire::Drop drop) const = 0;
  virtual absl::string_view engine_name() const = 0;
  // What was measured, where the engine was chosen by that: "ipsec-mb 151 ns, libsodium 690 ns". Else empty.
  virtual absl::string_view engine_reason() const = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_DATAPLANE_H_
