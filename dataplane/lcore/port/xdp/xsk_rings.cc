#include "dataplane/lcore/port/xdp/xsk_rings.h"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace warp::lcore {
namespace {

// One mapping of a socket, as /proc/self/maps lists it.
struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  uint64_t offset = 0;  // which ring: XDP_PGOFF_…
};

std::vector<Mapping> MappingsOf(ino_t socket) {
  std::vector<Mapping> mappings;
  FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return mappings;
  char line[512];
  while (std::fgets(line, sizeof(line), maps) != nullptr) {
    Mapping mapping;
    uint64_t inode = 0;
    char what[16] = "";
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64 " %*s %" SCNu64 " %15s",
                    &mapping.begin, &mapping.end, &mapping.offset, &inode, what) == 5 &&
        inode == socket && std::string_view(what).starts_with("socket:")) {
      mappings.push_back(mapping);
    }
  }
  std::fclose(maps);
  return mappings;
}

// Adds the addresses in umem of the descriptors that were produced and not consumed.
void Collect(const Mapping& mapping, const xdp_ring_offset& offsets, size_t descriptor_size,
             std::vector<uint64_t>* addresses) {
  const auto* base = reinterpret_cast<const uint8_t*>(mapping.begin);
  const uint32_t producer = *reinterpret_cast<const volatile uint32_t*>(base + offsets.producer);
  const uint32_t consumer = *reinterpret_cast<const volatile uint32_t*>(base + offsets.consumer);
  // The kernel rounds the mapping up to pages, but the number of a ring's descriptors is a power of two.
  const auto size = static_cast<uint32_t>(
      std::bit_floor((mapping.end - mapping.begin - offsets.desc) / descriptor_size));
  if (producer - consumer > size) return;
  for (uint32_t i = consumer; i != producer; ++i) {
    addresses->push_back(*reinterpret_cast<const uint64_t*>(base + offsets.desc +
                                                            (i & (size - 1)) * descriptor_size));
  }
}

}  // namespace

std::vector<rte_mbuf*> BuffersInRings(int socket, rte_mempool* pool) {
  std::vector<rte_mbuf*> buffers;
  xdp_mmap_offsets offsets{};
  socklen_t size = sizeof(offsets);
  if (getsockopt(socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) return buffers;
  std::vector<uint64_t> addresses;
  for (const Mapping& mapping : MappingsOf(InodeOf(socket))) {
    switch (mapping.offset) {
      case XDP_PGOFF_RX_RING:
        Collect(mapping, offsets.rx, sizeof(xdp_desc), &addresses);
        break;
      case XDP_PGOFF_TX_RING:
        Collect(mapping, offsets.tx, sizeof(xdp_desc), &addresses);
        break;
      case XDP_UMEM_PGOFF_FILL_RING:
        Collect(mapping, offsets.fr, sizeof(uint64_t), &addresses);
        break;
      case XDP_UMEM_PGOFF_COMPLETION_RING:
        Collect(mapping, offsets.cr, sizeof(uint64_t), &addresses);
        break;
      default:
        break;
    }
  }
  // The driver computes addresses so: umem begins at the page of the pool's memory, and an address is that of the
  // object's header, with the offset of the data in its upper bits.
  const uint64_t page = static_cast<uint64_t>(getpagesize());
  const auto memory = reinterpret_cast<uint64_t>(STAILQ_FIRST(&pool->mem_list)->addr);
  for (uint64_t address : addresses) {
    const uint64_t object = (memory & ~(page - 1)) + (address & XSK_UNALIGNED_BUF_ADDR_MASK);
    buffers.push_back(reinterpret_cast<rte_mbuf*>(object + pool->header_size));
  }
  return buffers;
}

ino_t InodeOf(int descriptor) {
  struct stat status = {};
  return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

void ReleaseSocket(int descriptor, ino_t inode) {
  if (inode == 0) return;
  for (const Mapping& mapping : MappingsOf(inode)) {
    munmap(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin);
  }
  if (InodeOf(descriptor) == inode) close(descriptor);
}

}  // namespace warp::lcore
