// Frames collected for one port, with what must be known when the port refuses them.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_OUT_TX_QUEUE_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_OUT_TX_QUEUE_H_

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/lcore/exchange/forwarding_table.h"

namespace warp::lcore {

inline constexpr uint16_t kTxBurst = 64;
inline constexpr uint16_t kNoJob = UINT16_MAX;

struct TxEntry {
  PathCounters* path = nullptr;  // null: a frame of control's
  uint32_t bytes = 0;
  uint16_t job = kNoJob;  // in the worker's burst
  uint8_t in_place = 0;   // the payload itself, behind a header of so many bytes; 0: a copy
};

struct TxQueue {
  Port* port = nullptr;
  PortSlot* slot = nullptr;
  uint16_t size = 0;
  std::array<rte_mbuf*, kTxBurst> frames;
  std::array<TxEntry, kTxBurst> entries;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_OUT_TX_QUEUE_H_
