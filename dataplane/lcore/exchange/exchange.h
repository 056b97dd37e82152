// What passes between the threads: every ring with its two ends, and the bell that wakes a thread that sleeps at its
// end.
//
//   control --payloads, frames--> worker     worker --legs--> worker
//   worker --opened, handshakes, foreign, completions--> control
//
// There is one ring per kind, so that a flood of one kind displaces no other. A frame is foreign if it is no WARP
// datagram to one of its port's addresses.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_EXCHANGE_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_EXCHANGE_H_

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/facade/dataplane.h"
#include "dataplane/facade/snapshot.h"
#include "dataplane/lcore/exchange/doorbell.h"
#include "dataplane/lcore/exchange/handshake_ring.h"
#include "dataplane/lcore/exchange/payload_ring.h"
#include "dataplane/lcore/exchange/ring.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/slot_ticket.h"

namespace warp::lcore {

// A complete Ethernet frame for one port.
struct FrameItem {
  rte_mbuf* frame = nullptr;
  uint32_t generation = 0;  // of the port in its slot
  PortId port = 0;
  uint16_t reserved = 0;
};

// A sealed payload for all copies that another worker sends of it. Its outbound meta names the peer and says how many
// legs there are.
struct LegItem {
  rte_mbuf* payload = nullptr;
  // How many the sender counted on. The receiver's table may foresee another number.
  uint32_t references = 0;
  uint32_t reserved = 0;
};

struct Report {
  rte_mbuf* payload = nullptr;  // see Completion: what is handed back
  wire::SlotTicket ticket;
  uint8_t reports = 1;
  bool taken = false;
  bool sealed = false;  // the payload's bytes are final; else it is as control submitted it
  wire::Drop reason = wire::Drop::kNone;
  uint8_t reserved[4] = {};
};

// Items are copied by the rings, and filled in where they stand (docs/decisions.md, *store forwarding*).
static_assert(sizeof(FrameItem) == 16 && sizeof(LegItem) == 16);

// The rings of one worker.
struct Lane {
  explicit Lane(uint32_t ring_size);

  // These come from control.
  PayloadRing payloads;
  Ring<FrameItem> frames;
  // These go to control.
  Ring<rte_mbuf*> opened;  // inbound meta is filled in, as in the next two kinds
  std::array<HandshakeRing, kHandshakeRanks.size()> handshakes;  // by HandshakeRank
  Ring<rte_mbuf*> foreign;
  Ring<Report>
      completions;  // a worker takes no more payloads and legs than it has room to report here
  // These come from other workers, by their id. The worker's own place is null.
  std::vector<std::unique_ptr<Ring<LegItem>>> legs;

  Doorbell bell;  // the worker's

  HandshakeRing& handshakes_of(HandshakeRank rank) {
    return handshakes.at(static_cast<size_t>(rank));
  }
};

struct Exchange {
  Exchange(uint16_t workers, uint32_t ring_size);

  std::vector<std::unique_ptr<Lane>> lanes;  // by WorkerId
  Doorbell control_bell;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_EXCHANGE_H_
