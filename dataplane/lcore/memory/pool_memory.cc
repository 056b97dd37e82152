#include "dataplane/lcore/memory/pool_memory.h"

#include <rte_common.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace warp::lcore {
namespace {

// What huge pages are aligned to, on amd64 and on arm64 with pages of 4 KiB. Elsewhere the kernel finds fewer of them.
constexpr size_t kHugePage = size_t{2} << 20;

std::atomic<uint64_t> left{0};

bool TakeFromLimit(size_t bytes) {
  uint64_t now = left.load();
  while (now >= bytes) {
    if (left.compare_exchange_weak(now, now - bytes)) return true;
  }
  return false;
}

// Maps that many bytes, a multiple of a huge page, at such a multiple. Null: the kernel refuses.
void* MapAligned(size_t bytes) {
  const size_t around = bytes + kHugePage;
  void* const mapped =
      mmap(nullptr, around, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<uint8_t*>(mapped);
  uint8_t* const aligned = RTE_PTR_ALIGN_CEIL(begin, kHugePage);
  if (aligned != begin) munmap(begin, static_cast<size_t>(aligned - begin));
  munmap(aligned + bytes, around - bytes - static_cast<size_t>(aligned - begin));
  madvise(aligned, bytes, MADV_HUGEPAGE);
  return aligned;
}

void Release(rte_mempool_memhdr* memory, void*) {
  munmap(memory->addr, memory->len);
  left.fetch_add(memory->len);
}

}  // namespace

void LimitPoolMemory(uint64_t bytes) { left.store(bytes); }

int PopulatePool(rte_mempool* pool) {
  size_t chunk = 0;
  size_t alignment = 0;
  const ssize_t needed =
      rte_mempool_op_calc_mem_size_default(pool, pool->size, 0, &chunk, &alignment);
  if (needed < 0) return static_cast<int>(-needed);
  const size_t bytes = RTE_ALIGN_CEIL(static_cast<size_t>(needed), kHugePage);
  if (!TakeFromLimit(bytes)) return ENOMEM;
  void* const memory = MapAligned(bytes);
  if (memory == nullptr) {
    left.fetch_add(bytes);
    return ENOMEM;
  }
  const int populated = rte_mempool_populate_iova(pool, static_cast<char*>(memory), RTE_BAD_IOVA,
                                                  bytes, Release, nullptr);
  if (populated > 0) return pool->populated_size == pool->size ? 0 : ENOSPC;
  munmap(memory, bytes);
  left.fetch_add(bytes);
  return populated < 0 ? -populated : ENOMEM;
}

}  // namespace warp::lcore
