// Packet buffers: which pools there are, how large they must be, and how they are made.
//
//   payload pool   one; control allocates payloads and frames from it, lcores free them
//   header pool    one per worker; the header mbuf of each replicated copy
//   RX pool        one per port slot, made when the slot is first used and kept: a later port in
//   the slot finds it. Also
//                  gives the port's linear copies, since some drivers send only what is theirs
#ifndef WARP_DATAPLANE_LCORE_POOL_H_
#define WARP_DATAPLANE_LCORE_POOL_H_

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/lcore/dataplane.h"
#include "dataplane/lcore/packet_meta.h"

namespace warp::lcore {

inline constexpr uint16_t kRxDescriptors = 1024;
inline constexpr uint16_t kTxDescriptors = 1024;
inline constexpr uint16_t kPoolCache = 256;  // objects per lcore and pool
inline constexpr uint32_t kControlSlots =
    4096;  // payloads that gates and tunnels hold while they wait

// How many buffers of a port's RX pool control may hold at a time: in rings or in its hands. Beyond
// it: control_full.
inline constexpr uint32_t kControlShare = 2048;

struct PoolPlan {
  uint32_t payload_buffers =
      0;  // rings to workers + TX descriptors of all ports + control's slots + caches
  uint32_t header_buffers =
      0;  // per worker: TX descriptors of all ports + bursts in the making + caches
  uint32_t rx_buffers = 0;  // per port: RX and TX descriptors + control's share + bursts + caches
  uint16_t data_room =
      0;  // of payload and RX buffers: headroom + Ethernet header + max_mtu, rounded up
  uint16_t header_room = 0;  // of header buffers: headroom alone is enough
  bool shared_cpus =
      false;  // ring_mt_rts instead of ring_mp_mc: the latter stalls behind a descheduled holder
  uint32_t memory_mib = 0;  // for all of these with max_ports ports, plus rings and slack
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

#endif  // WARP_DATAPLANE_LCORE_POOL_H_
