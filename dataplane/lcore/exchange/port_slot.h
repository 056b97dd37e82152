// One of max_ports places for a port: the device that is in it now, its worker and its counters.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_PORT_SLOT_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_PORT_SLOT_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/port/port.h"

namespace warp::lcore {

struct PortSlot {
  // Control's. Workers reach the port through the forwarding table alone, which control changes first.
  std::unique_ptr<Port> port;  // null: none that a table may name
  WorkerId worker = 0;
  // Grows with each port in this slot, so that frames for its predecessor are dropped.
  uint32_t generation = 0;
  // Made with the first port and kept for later ones whose buffers have the same size.
  PoolPtr rx_pool;

  // The port's worker writes these, any thread reads them. Each port starts with new ones.
  struct Counters {
    DropCounters drops;
    Counter tx_refused;
  };
  std::unique_ptr<Counters> counters;

  // How many buffers the port's worker gave to control, which that worker writes, and how many control gave back, which
  // control writes. The difference is at most kControlShare. They are never reset.
  alignas(64) Counter given;
  alignas(64) Counter returned;
  uint64_t held_by_control() const { return given.Get() - returned.Get(); }
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_PORT_SLOT_H_
