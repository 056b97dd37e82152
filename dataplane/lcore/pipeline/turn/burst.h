// A burst of packets that one stage hands to the next. Bursts live as long as their worker and are filled anew each
// turn.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_TURN_BURST_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_TURN_BURST_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "dataplane/lcore/constants.h"

namespace warp::lcore {

// Holds at most kBurst items, filled from the front.
template <typename T>
class Burst {
 public:
  // The place of the next item, which may be filled in before it is added. There is one while the burst is not full.
  T& Next() { return items_[size_]; }
  T& Add() {
    assert(size_ < kBurst);
    return items_[size_++];
  }
  T& Add(const T& item) { return Add() = item; }
  void Clear() { size_ = 0; }
  // Moves item `from` forward to place `to`, where items between were let go. Resize asserts what a stage kept, since
  // an assertion for each packet would cost 2 % of a duplicate.
  void Keep(uint16_t from, uint16_t to) {
    if (from != to) items_[to] = items_[from];
  }
  // Keeps the first `size` items.
  void Resize(uint16_t size) {
    assert(size <= size_);
    size_ = size;
  }
  bool empty() const { return size_ == 0; }
  uint16_t size() const { return size_; }
  T& operator[](size_t i) { return items_[i]; }
  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }

 private:
  std::array<T, kBurst> items_;
  uint16_t size_ = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_TURN_BURST_H_
