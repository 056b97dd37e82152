// A bounded queue from exactly one thread to exactly one other, of items that are copied: rte_ring without its void*.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_RING_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_RING_H_

#include <rte_ring_elem.h>
#include <rte_ring_peek.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace warp::lcore {

template <typename T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);

 public:
  // Holds at least `capacity` items.
  explicit Ring(uint32_t capacity) {
    const uint32_t count = std::bit_ceil(capacity + 1);
    const size_t bytes = MemoryFor(count);
    void* const memory = std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    // Every page is touched now. Otherwise the packet path would take a page fault for each in its first round, some 10
    // us.
    std::memset(memory, 0, bytes);
    ring_.reset(static_cast<rte_ring*>(memory));
    rte_ring_init(ring_.get(), "warp", count, RING_F_SP_ENQ | RING_F_SC_DEQ);
  }

  // Producer. Takes items from the front and returns how many fitted.
  size_t Push(std::span<const T> items) {
    return rte_ring_sp_enqueue_burst_elem(ring_.get(), items.data(), sizeof(T),
                                          static_cast<unsigned>(items.size()), nullptr);
  }
  bool Push(const T& item) { return Push({&item, 1}) == 1; }
  // Producer. At least this many items will fit.
  uint32_t Room() const { return rte_ring_get_capacity(ring_.get()) - (pushed() - popped()); }

  // Consumer. Moves up to out.size() items out and returns how many.
  size_t Pop(std::span<T> out) {
    return rte_ring_sc_dequeue_burst_elem(ring_.get(), out.data(), sizeof(T),
                                          static_cast<unsigned>(out.size()), nullptr);
  }
  // Consumer. Copies up to out.size() items and returns how many; Remove takes away so many of them from the front, and
  // must follow before any other call.
  size_t Peek(std::span<T> out) {
    return rte_ring_dequeue_burst_elem_start(ring_.get(), out.data(), sizeof(T),
                                             static_cast<unsigned>(out.size()), nullptr);
  }
  void Remove(size_t count) {
    rte_ring_dequeue_elem_finish(ring_.get(), static_cast<unsigned>(count));
  }

  // Any thread. The answer was right at some moment during the call.
  bool empty() const { return pushed() == popped(); }
  // Any thread: how many items were pushed and popped so far, modulo 2^32.
  uint32_t pushed() const { return __atomic_load_n(&ring_->prod.tail, __ATOMIC_ACQUIRE); }
  uint32_t popped() const { return __atomic_load_n(&ring_->cons.tail, __ATOMIC_ACQUIRE); }

 private:
  // The header and its items, as rte_ring_elem.h finds them. Since DPDK 24.11 C++ cannot call
  // rte_ring_get_memsize_elem, which says the same, because its declaration there has lost extern "C".
  static size_t MemoryFor(uint32_t count) {
    return RTE_ALIGN_CEIL(sizeof(rte_ring) + count * sizeof(T), size_t{RTE_CACHE_LINE_SIZE});
  }

  struct Free {
    void operator()(rte_ring* ring) const { std::free(ring); }
  };
  std::unique_ptr<rte_ring, Free> ring_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_RING_H_
