// An AF_XDP socket's rings, as they are mapped into this process: to take back what its driver
// forgets at closing.
//
// DPDK 22.11's af_xdp driver miscounts the owners of its memory: after closing, the socket lives on
// in two mappings and a descriptor (so that the interface's queue stays taken), and the buffers
// that were with the kernel never return.
#ifndef WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_
#define WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_

#include <rte_mbuf.h>

#include <vector>

namespace warp::lcore {

// The buffers of `pool` that lie in one of the four rings of `socket`, each once. While neither the
// kernel nor a worker uses the rings.
std::vector<rte_mbuf*> BuffersInRings(int socket, rte_mempool* pool);

// Unmaps what is still mapped of `socket` and closes it.
void ReleaseSocket(int socket);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_
