// A WARP datagram on its way from a port to control.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_IN_IN_PACKET_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_IN_IN_PACKET_H_

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

struct InPacket {
  // One segment that nobody else can see. From the stage `classify` on its data is the datagram.
  rte_mbuf* mbuf = nullptr;
  wire::UdpFrame udp;
  uint32_t frame_size = 0;
  bool follows = false;  // it has the addresses and ports of the packet received before it

  // The stage `classify` fills in the rest, of sealed messages.
  const SessionEntry* session = nullptr;
  uint64_t counter = 0;
  PathCounters* path = nullptr;  // null where the source is no endpoint we know
};

// A packet whose counter another worker is opening at this moment, kept for a turn. The forwarding table may be another
// one by then, so that session and path are looked up again.
struct DeferredPacket {
  InPacket packet;
  PortId port = 0;
  uint32_t receiver_index = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_IN_IN_PACKET_H_
