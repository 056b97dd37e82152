// The place of a port among max_ports: the device that is in it now, its worker, and its counters.
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
  // Control. Lcores reach the port through the forwarding table alone, which control changes first.
  std::unique_ptr<Port> port;
  WorkerId worker = 0;
  uint32_t generation =
      0;            // grows with each port in this slot; frames for its predecessor are dropped
  PoolPtr rx_pool;  // made with the first port, kept to the end: control may hold buffers of it

  // The port's worker writes, anyone reads. Start anew with each port.
  struct Counters {
    DropCounters drops;
    Counter tx_refused;
  };
  std::unique_ptr<Counters> counters;

  // Buffers given to control (its worker writes) and given back (control writes): the difference is
  // bounded by kControlShare. Never reset.
  alignas(64) Counter given;
  alignas(64) Counter returned;
  uint64_t held_by_control() const { return given.Get() - returned.Get(); }
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_PORT_SLOT_H_
