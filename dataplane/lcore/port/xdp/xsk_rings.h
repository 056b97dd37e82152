// The rings of an AF_XDP socket as they are mapped into this process, to take back what its driver forgets at closing.
//
// DPDK's af_xdp driver never returns the buffers that are with the kernel when it closes. In 22.11 it also miscounts
// the owners of its memory, so that the socket lives on in two mappings and a descriptor, and the interface's queue
// stays taken; 24.11 closes the socket. Both are served without asking for the version: a socket is known by its inode,
// and what is no longer there is left alone.
#ifndef WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_
#define WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_

#include <rte_mbuf.h>
#include <sys/types.h>

#include <vector>

namespace warp::lcore {

// The buffers of `pool` that lie in one of the four rings of `socket`, each once. Neither the kernel nor a worker may
// use the rings meanwhile.
std::vector<rte_mbuf*> BuffersInRings(int socket, rte_mempool* pool);

// The inode behind a descriptor, which no other socket of this machine has while it lives. 0: the descriptor is not
// open.
ino_t InodeOf(int descriptor);

// Unmaps what is still mapped of the socket with this inode, and closes `descriptor` if it still is that socket. After
// the driver has closed it the number may belong to a file of another thread, which must not be closed.
void ReleaseSocket(int descriptor, ino_t inode);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_
