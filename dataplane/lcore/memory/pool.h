// Packet buffers: which pools there are, how large they must be, and how they are made.
//
//   payload pool   There is one. Control allocates payloads from it, and lcores free them.
//   frame pool     There is one. Control allocates its own frames from it (probes, handshakes, those of companions),
//                  and lcores free them. It holds all that may be under way: payloads that wait starve no frame.
//   header pool    There is one per worker, for the header mbuf of each replicated copy.
//   RX pool        There is one per open port, kept when it closes for a later one whose buffers have the same size.
//                  The port's linear copies come from it too, since some drivers send only buffers of their own pool.
//
// Payload and frame buffers hold what the largest port sends. Where that changes others take their place
// (plane/buffers.h). The buffers of an RX pool hold what its port receives.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_POOL_H_
#define WARP_DATAPLANE_LCORE_MEMORY_POOL_H_

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/lcore/memory/packet_meta.h"

namespace warp::lcore {

inline constexpr uint16_t kRxDescriptors = 1024;
inline constexpr uint16_t kTxDescriptors = 1024;
// Objects per lcore and pool.
inline constexpr uint16_t kPoolCache = 256;
// Payloads that gates and tunnels hold while they wait.
inline constexpr uint32_t kControlSlots = 4096;
// How many buffers of a port's RX pool control may hold at a time, in rings or in its hands. What goes beyond it is
// dropped as control_full.
inline constexpr uint32_t kControlShare = 2048;

// The part of EAL's memory that sessions and queues of a crypto device take.
inline constexpr uint32_t kCryptoDeviceMib = 32;

// How many buffers there must be. T = workers + 1 is the number of threads, each of which keeps up to 384 buffers of a
// pool in its cache.
//   payload_buffers  workers * (ring_size + 256) + max_ports * 1024 + 4096 + 384 T: rings to workers, TX descriptors,
//                    control's slots
//   frame_buffers    workers * 2048 + max_ports * 1024 + 256 + 384 T: rings to workers, TX descriptors, bursts
//   header_buffers   of each worker: max_ports * 1024 + workers * 256 + 384 T
//   rx_buffers       of each port: 4096 (the most that a driver, af_xdp, leaves with the kernel) + 1024 + 1024 + 2048 +
//                    256 + 384 T: descriptors, control's share, bursts
//   memory_mib       all these objects of 64 + 128 + 128 + room bytes, T (T + 1) rings, 1 MiB for each pool and port, a
//                    sixteenth on top, 16 MiB
// With 8 ports, 2 workers and 1500 bytes that is 22k + 14k + 2 x 10k + 8 x 9.6k buffers, for which some 335 MiB are
// set aside. Without hugepages only the memory that open ports use is ever touched.
struct PoolPlan {
  uint32_t payload_buffers = 0;
  uint32_t frame_buffers = 0;
  uint32_t header_buffers = 0;
  uint32_t rx_buffers = 0;
  uint16_t data_room = 0;    // of payload, frame and RX buffers: DataRoom(max_mtu)
  uint16_t header_room = 0;  // of header buffers, which need no more than headroom
  bool dma = false;  // PCI devices read and write the buffers, so each must be contiguous for them
  // Threads share CPUs, so the pools use ring_mt_rts: ring_mp_mc stalls behind a holder that is descheduled.
  bool shared_cpus = false;
  uint32_t memory_mib = 0;
  // For the sentence about memory that does not suffice: how many ports are known and what they need alone, what
  // max_ports is, and what is set aside instead of memory_mib because somebody said so; 0: nobody did.
  uint16_t ports = 0;
  uint16_t max_ports = 0;
  uint32_t ports_mib = 0;
  uint32_t configured_mib = 0;
};
PoolPlan PlanPools(const DataplaneOptions& options);
// How many bytes a pool of so many buffers takes.
size_t PoolSize(uint32_t buffers, uint16_t room);

struct PoolDeleter {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using PoolPtr = std::unique_ptr<rte_mempool, PoolDeleter>;

// Every mbuf has kPacketMetaSize bytes of private area. The names of the pools are unique within the process.
// ResourceExhausted says how much memory was needed. FailedPrecondition: a plug-in of DPDK's is missing.
absl::StatusOr<PoolPtr> CreatePayloadPool(const PoolPlan& plan);
absl::StatusOr<PoolPtr> CreateFramePool(const PoolPlan& plan);
absl::StatusOr<PoolPtr> CreateHeaderPool(const PoolPlan& plan, WorkerId worker);
absl::StatusOr<PoolPtr> CreateRxPool(const PoolPlan& plan, PortId port);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_POOL_H_
