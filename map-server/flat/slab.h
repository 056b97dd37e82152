// Many things of one type under 32-bit numbers. A million pointers take 8 MB and a million blocks of the heap 16 MB
// more; numbers take 4 MB, and things in rows of hundreds take nothing more.
#ifndef WARP_MAP_SERVER_FLAT_SLAB_H_
#define WARP_MAP_SERVER_FLAT_SLAB_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace warp::map {

using Id = uint32_t;
inline constexpr Id kNoId = UINT32_MAX;

// A thing stays where it is until it is freed. The numbers of things that are gone are used again, the last first.
template <typename T>
class Slab {
 public:
  // A new T().
  Id Make() {
    ++size_;
    if (!free_.empty()) {
      const Id id = free_.back();
      free_.pop_back();
      return id;
    }
    if (made_ % kRow == 0) rows_.push_back(std::make_unique<T[]>(kRow));
    return made_++;
  }
  void Free(Id id) {
    assert(id < made_ && size_ > 0);
    T& thing = (*this)[id];
    std::destroy_at(&thing);
    std::construct_at(&thing);
    free_.push_back(id);
    --size_;
  }

  T& operator[](Id id) { return rows_[id / kRow][id % kRow]; }
  const T& operator[](Id id) const { return rows_[id / kRow][id % kRow]; }

  size_t size() const { return size_; }
  // Every number below was given at some time; the things of free ones are as new.
  Id end() const { return made_; }

 private:
  static constexpr Id kRow = 512;

  std::vector<std::unique_ptr<T[]>> rows_;
  std::vector<Id> free_;
  Id made_ = 0;
  size_t size_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_FLAT_SLAB_H_
