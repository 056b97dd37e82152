// What passes between the threads: every ring, from whom to whom, and the bell that wakes who
// sleeps at its end.
//
//   control --payloads, frames--> worker     worker --legs--> worker
//   worker --opened, handshakes, foreign, completions--> control
//
// One ring per kind, so that a flood of one kind displaces nothing else.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_EXCHANGE_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_EXCHANGE_H_

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/facade/snapshot.h"
#include "dataplane/lcore/exchange/doorbell.h"
#include "dataplane/lcore/exchange/ring.h"
#include "dataplane/wire/drop.h"

namespace warp::lcore {

// A complete Ethernet frame for one port.
struct FrameItem {
  rte_mbuf* frame = nullptr;
  uint32_t generation = 0;  // of the port in its slot
  PortId port = 0;
  uint16_t reserved = 0;
};

// A sealed payload, for another worker's copies: all of them, whichever of its ports they leave by.
// Its outbound meta names the peer and says how many legs there are.
struct LegItem {
  rte_mbuf* payload = nullptr;
  uint32_t references =
      0;  // how many the sender counted on; the receiver's snapshot may say otherwise
  uint32_t reserved = 0;
};

struct Report {
  rte_mbuf* payload = nullptr;  // see Completion: what is handed back
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint8_t reports = 1;
  bool taken = false;
  bool sealed = false;  // the payload's bytes are final; else it is as control submitted it
  wire::Drop reason = wire::Drop::kNone;
  uint8_t reserved[4] = {};
};

// One worker's rings; `from control` and `to control` as control sees them.
struct Lane {
  explicit Lane(uint32_t ring_size);

  // From control.
  Ring<rte_mbuf*> payloads;  // outbound meta is filled
  Ring<FrameItem> frames;
  // To control.
  Ring<rte_mbuf*> opened;  // inbound meta is filled, as of the next two
  Ring<rte_mbuf*> handshakes;
  Ring<rte_mbuf*> foreign;
  Ring<Report> completions;
  // From other workers, by their id; none from itself.
  std::vector<std::unique_ptr<Ring<LegItem>>> legs;

  Doorbell bell;  // the worker's
};

struct Exchange {
  Exchange(uint16_t workers, uint32_t ring_size);

  std::vector<std::unique_ptr<Lane>> lanes;  // by WorkerId
  Doorbell control_bell;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_EXCHANGE_H_
