// Packet buffers: which pools there are, how large they must be, and how they are made.
//
//   payload pool   one; control allocates payloads and frames from it, lcores free them
//   header pool    one per worker; the header mbuf of each replicated copy
//   RX pool        one per port slot, made when the slot is first used and kept for a later port in the slot. It also
//                  gives the port's linear copies, since some drivers send only what is theirs
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
// How many buffers of a port's RX pool control may hold at a time: in rings or in its hands. Beyond
// it: control_full.
inline constexpr uint32_t kControlShare = 2048;

// With T = workers + 1 threads, each of which keeps up to 384 buffers of a pool in its cache:
//   payload_buffers  workers * (ring_size + 256) + max_ports * 1024 + 4096 + 384 T: rings to
//                    workers, TX descriptors, control's slots
//   header_buffers   of each worker: max_ports * 1024 + workers * 256 + 384 T
//   rx_buffers       of each port: 4096 (the most a driver leaves with the kernel: af_xdp) + 1024 +
//                    1024 + 2048 + 256 + 384 T: descriptors, control's share, bursts
//   memory_mib       all these objects of 64 + 128 + 128 + room bytes, T (T + 1) rings, 1 MiB for
//                    each pool and each port, a sixteenth on top, 16 MiB
// 8 ports, 2 workers, 1500 bytes: 22k + 2 x 10k + 8 x 9.6k buffers, some 290 MiB set aside. Without
// hugepages only what open ports use of it is ever touched.
struct PoolPlan {
  uint32_t payload_buffers = 0;
  uint32_t header_buffers = 0;
  uint32_t rx_buffers = 0;
  uint16_t data_room = 0;    // of payload and RX buffers: DataRoom(max_mtu)
  uint16_t header_room = 0;  // of header buffers: headroom alone is enough
  bool dma = false;          // PCI devices read and write them: each contiguous for them
  // Threads share CPUs: ring_mt_rts instead of ring_mp_mc, which stalls behind a descheduled
  // holder.
  bool shared_cpus = false;
  uint32_t memory_mib = 0;
};
PoolPlan PlanPools(const DataplaneOptions& options);

struct PoolDeleter {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using PoolPtr = std::unique_ptr<rte_mempool, PoolDeleter>;

// All have kPacketMetaSize bytes of private area per mbuf. Names are made unique within the
// process. ResourceExhausted says how much memory was missing.
absl::StatusOr<PoolPtr> MakePayloadPool(const PoolPlan& plan);
absl::StatusOr<PoolPtr> MakeHeaderPool(const PoolPlan& plan, WorkerId worker);
absl::StatusOr<PoolPtr> MakeRxPool(const PoolPlan& plan, PortId port);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_POOL_H_
