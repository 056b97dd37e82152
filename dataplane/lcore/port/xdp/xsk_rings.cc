#include "dataplane/lcore/port/xdp/xsk_rings.h"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
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

XskRing RingAt(const Mapping& mapping, const xdp_ring_offset& offsets, size_t descriptor_size) {
  auto* base = reinterpret_cast<uint8_t*>(mapping.begin);
  // The kernel rounds the mapping up to pages, but the number of a ring's descriptors is a power of two.
  const size_t most = (mapping.end - mapping.begin - offsets.desc) / descriptor_size;
  return {.producer = reinterpret_cast<uint32_t*>(base + offsets.producer),
          .consumer = reinterpret_cast<uint32_t*>(base + offsets.consumer),
          .descriptors = base + offsets.desc,
          .size = static_cast<uint32_t>(std::bit_floor(most))};
}

// Adds the addresses of the descriptors that were produced and not consumed. Each descriptor begins with its address.
void Collect(const XskRing& ring, size_t descriptor_size, std::vector<uint64_t>* addresses) {
  const uint32_t producer = std::atomic_ref(*ring.producer).load(std::memory_order_acquire);
  const uint32_t consumer = std::atomic_ref(*ring.consumer).load(std::memory_order_acquire);
  if (producer - consumer > ring.size) return;
  for (uint32_t i = consumer; i != producer; ++i) {
    uint64_t address = 0;
    std::memcpy(&address, ring.descriptors + (i & (ring.size - 1)) * descriptor_size,
                sizeof(address));
    addresses->push_back(address);
  }
}

std::optional<xdp_mmap_offsets> OffsetsOf(int socket) {
  xdp_mmap_offsets offsets{};
  socklen_t size = sizeof(offsets);
  if (getsockopt(socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) return std::nullopt;
  return offsets;
}

}  // namespace

Umem::Umem(const rte_mempool* pool)
    : begin_(reinterpret_cast<uint64_t>(STAILQ_FIRST(&pool->mem_list)->addr) &
             ~(static_cast<uint64_t>(getpagesize()) - 1)),
      header_size_(pool->header_size) {}

// An address is that of the object's header, with the offset of the data in its upper bits.
uint64_t Umem::AddressOf(const rte_mbuf* buffer) const {
  const uint64_t object = reinterpret_cast<uint64_t>(buffer) - header_size_;
  const uint64_t data = rte_pktmbuf_mtod(buffer, uint64_t);
  return (object - begin_) | (data - object) << XSK_UNALIGNED_BUF_OFFSET_SHIFT;
}

rte_mbuf* Umem::BufferAt(uint64_t address) const {
  const uint64_t object = begin_ + (address & XSK_UNALIGNED_BUF_ADDR_MASK);
  return reinterpret_cast<rte_mbuf*>(object + header_size_);
}

std::optional<XskSendRings> SendRingsOf(int socket) {
  const std::optional<xdp_mmap_offsets> offsets = OffsetsOf(socket);
  if (!offsets.has_value()) return std::nullopt;
  XskSendRings rings;
  for (const Mapping& mapping : MappingsOf(InodeOf(socket))) {
    if (mapping.offset == XDP_PGOFF_TX_RING) {
      rings.tx = RingAt(mapping, offsets->tx, sizeof(xdp_desc));
    } else if (mapping.offset == XDP_UMEM_PGOFF_COMPLETION_RING) {
      rings.completed = RingAt(mapping, offsets->cr, sizeof(uint64_t));
    }
  }
  if (rings.tx.size == 0 || rings.completed.size == 0) return std::nullopt;
  return rings;
}

std::vector<rte_mbuf*> BuffersToReceive(int socket, const rte_mempool* pool) {
  std::vector<rte_mbuf*> buffers;
  const std::optional<xdp_mmap_offsets> offsets = OffsetsOf(socket);
  if (!offsets.has_value()) return buffers;
  std::vector<uint64_t> addresses;
  const auto collect = [&](const Mapping& mapping, const xdp_ring_offset& at, size_t size) {
    Collect(RingAt(mapping, at, size), size, &addresses);
  };
  for (const Mapping& mapping : MappingsOf(InodeOf(socket))) {
    if (mapping.offset == XDP_PGOFF_RX_RING) {
      collect(mapping, offsets->rx, sizeof(xdp_desc));
    } else if (mapping.offset == XDP_UMEM_PGOFF_FILL_RING) {
      collect(mapping, offsets->fr, sizeof(uint64_t));
    }
  }
  const Umem umem(pool);
  for (const uint64_t address : addresses) buffers.push_back(umem.BufferAt(address));
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
