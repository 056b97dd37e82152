// Frames collected for one port, each with what must be known once the port has taken or refused it.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_OUT_TX_QUEUE_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_OUT_TX_QUEUE_H_

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/exchange/forwarding_table.h"

namespace warp::lcore {

inline constexpr uint16_t kTxBurst = 64;
static_assert(kTxBurst >= kBurst);

enum class TxKind : uint8_t {
  kControl,    // a frame of control's, which belongs to no job and no path
  kInPlace,    // the payload itself, behind a header
  kReference,  // a header chained to a reference of the payload
  kLinear,     // a copy of header and payload
};

struct TxEntry {
  PathCounters* path = nullptr;
  uint32_t bytes = 0;
  uint16_t job = 0;  // its place in the burst of jobs
  TxKind kind = TxKind::kControl;
  uint8_t header_size = 0;  // kInPlace: bytes in front of the payload
};
static_assert(sizeof(TxEntry) == 16);

struct TxQueue {
  Port* port = nullptr;
  PortSlot* slot = nullptr;
  uint16_t size = 0;
  std::array<rte_mbuf*, kTxBurst> frames;
  std::array<TxEntry, kTxBurst> entries;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_OUT_TX_QUEUE_H_
