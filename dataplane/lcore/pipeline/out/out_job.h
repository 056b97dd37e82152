// A payload that this worker sends, or its leg of a payload that another worker sealed.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_OUT_OUT_JOB_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_OUT_OUT_JOB_H_

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/lcore/exchange/forwarding_table.h"
#include "dataplane/lcore/memory/packet_meta.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/slot_ticket.h"

namespace warp::lcore {

// Puts `now` references of a payload in the place of `before`, while other workers may do so with theirs.
// rte_mbuf_refcnt_update would write without regard to them where it reads a count of one, as of a payload of which no
// leg was to have a reference: then one correction would be lost, and the payload be freed while it is sent.
inline void CorrectReferences(rte_mbuf* payload, uint32_t before, uint32_t now) {
  __rte_mbuf_refcnt_update(
      payload, static_cast<int16_t>(static_cast<int32_t>(now) - static_cast<int32_t>(before)));
}

struct OutJob {
  rte_mbuf* payload = nullptr;
  const PeerView* peer = nullptr;
  wire::Session* session = nullptr;
  uint64_t counter = 0;
  uint32_t references = 0;    // that the home worker counted on for this leg; 0 where `sole`
  uint32_t datagram_sum = 0;  // for the UDP checksum; never 0 once it is made
  uint16_t size = 0;          // of the sealed payload
  uint8_t traffic_class = 0;  // of its copies' IP headers
  bool owned = true;          // a reference of the payload is the job's, to be released at its end
  bool sole = true;       // no other worker sends copies, so that this one sets the reference count
  bool sealed = false;    // the payload's bytes are final
  bool reserved = false;  // control has reserved its counter
  bool wants_report = false;
  bool masked = false;  // its mask stands in the payload's meta; else it has a copy for every path
  bool taken = false;
  wire::Drop reason = wire::Drop::kNone;
  wire::SlotTicket ticket;

  // Whether header and tag have room around the plaintext.
  bool HasRoomToSeal() const {
    return rte_pktmbuf_headroom(payload) >= wire::kDataHeaderSize &&
           rte_pktmbuf_tailroom(payload) >= wire::kTagSize;
  }
  // Until the payload has left.
  wire::PathMask paths() const { return masked ? MetaOf(payload).out.paths : wire::kAllPaths; }
  // Whether copies of both go the same ways.
  bool GoesWith(const OutJob& other) const {
    return peer == other.peer && masked == other.masked && (!masked || paths() == other.paths());
  }
  // A copy was lost. That it was too large is the payload's reason only where no copy was lost for another, for which
  // the payload may be tried again.
  void NoteLost(wire::Drop lost) {
    if (lost != wire::Drop::kTooLarge || reason == wire::Drop::kNone) reason = lost;
  }
};
static_assert(sizeof(OutJob) == 64);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_OUT_OUT_JOB_H_
