// The rings of an AF_XDP socket as they are mapped into this process: to send by them (xsk_sender.h), and to take back
// what the socket's driver forgets at closing.
//
// DPDK's af_xdp driver never returns the buffers that are with the kernel when it closes. In 22.11 it also miscounts
// the owners of its memory, so that the socket lives on in two mappings and a descriptor, and the interface's queue
// stays taken; 24.11 closes the socket. Both are served without asking for the version: a socket is known by its inode,
// and what is no longer there is left alone.
#ifndef WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_
#define WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_

#include <rte_mbuf.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace warp::lcore {

// The memory that a socket shares with the kernel (umem), which is a pool of packet buffers. A descriptor names a
// buffer by an address in it.
class Umem {
 public:
  explicit Umem(const rte_mempool* pool);

  // Of the first byte of the packet in a buffer of the pool.
  uint64_t AddressOf(const rte_mbuf* buffer) const;
  // Of any byte in it.
  rte_mbuf* BufferAt(uint64_t address) const;

 private:
  uint64_t begin_;  // the page in which the pool's memory begins, as the driver tells the kernel
  uint32_t header_size_;
};

// One ring. Its two indices grow without end, and an index modulo `size`, a power of two, is a descriptor's place.
struct XskRing {
  uint32_t* producer = nullptr;
  uint32_t* consumer = nullptr;
  uint8_t* descriptors = nullptr;
  uint32_t size = 0;
};

// What sending takes: descriptors (xdp_desc) to the kernel, and the addresses of those that were sent from it.
struct XskSendRings {
  XskRing tx;
  XskRing completed;
};
// None where the process has not mapped them.
std::optional<XskSendRings> SendRingsOf(int socket);

// The buffers of `pool` that lie in the two rings by which `socket` receives, each once. Neither the kernel nor a
// worker may use the rings meanwhile. Of those in the other two, XskSender knows.
std::vector<rte_mbuf*> BuffersToReceive(int socket, const rte_mempool* pool);

// The inode behind a descriptor, which no other socket of this machine has while it lives. 0: the descriptor is not
// open.
ino_t InodeOf(int descriptor);

// Unmaps what is still mapped of the socket with this inode, and closes `descriptor` if it still is that socket. After
// the driver has closed it the number may belong to a file of another thread, which must not be closed.
void ReleaseSocket(int descriptor, ino_t inode);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_XDP_XSK_RINGS_H_
