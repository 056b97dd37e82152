#include "perf/engine/frame_source.h"

#include <rte_eth_ring.h>

namespace warp::perf {

FrameSource::FrameSource()
    : ring_(rte_ring_create(UniqueName("source").c_str(), 8192, SOCKET_ID_ANY,
                            RING_F_SP_ENQ | RING_F_SC_DEQ)) {
  rte_ring* sink =
      rte_ring_create(UniqueName("sink").c_str(), 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  const std::string name = UniqueName("source_port");
  rte_ring* receive = ring_;
  rte_eth_from_rings(name.c_str(), &receive, 1, &sink, 1, SOCKET_ID_ANY);
  device_ = "net_ring_" + name;  // rte_eth_from_rings puts the driver's name in front
}

rte_mbuf* FrameSource::MakeFrame(BenchNode& node, size_t port, size_t remote,
                                 uint16_t datagram_size) {
  const wire::FrameTemplate frame = node.FrameFrom(remote, port);
  rte_mbuf* packet =
      rte_pktmbuf_alloc(node.plane().slot(static_cast<wire::PortId>(port)).rx_pool.get());
  auto* bytes = reinterpret_cast<uint8_t*>(
      rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size + datagram_size)));
  wire::WriteFrameHeader(frame, datagram_size, 0, bytes);
  return packet;
}

}  // namespace warp::perf
