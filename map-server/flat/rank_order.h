// Things in a Slab by a number of theirs, of which only the highest is asked for: all steps take constant time, since
// the numbers change by little at a time.
#ifndef WARP_MAP_SERVER_FLAT_RANK_ORDER_H_
#define WARP_MAP_SERVER_FLAT_RANK_ORDER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "map-server/flat/id_list.h"

namespace warp::map {

// `kLinks` is the member of T that holds its place. The owner keeps the rank.
template <typename T, Links T::*kLinks>
class RankOrder {
 public:
  // Rank 0 is not in the order. Ranks above kMost count as kMost.
  void Move(Slab<T>& things, Id id, size_t before, size_t now) {
    before = std::min(before, kMost);
    now = std::min(now, kMost);
    if (before == now) return;
    if (before != 0) lists_[before].Remove(things, id);
    if (now != 0) {
      if (lists_.size() <= now) lists_.resize(now + 1);
      lists_[now].PushBack(things, id);
      top_ = std::max(top_, now);
    }
    while (top_ > 0 && lists_[top_].empty()) --top_;
  }
  // One of the highest rank; kNoId where there is none. The one that has had it longest.
  Id Top() const { return top_ == 0 ? kNoId : lists_[top_].first(); }
  // Another of the same rank; kNoId where there is none.
  Id AfterTop(const Slab<T>& things) const {
    return top_ == 0 ? kNoId : IdList<T, kLinks>::Next(things, Top());
  }

 private:
  static constexpr size_t kMost = size_t{1} << 20;

  std::vector<IdList<T, kLinks>> lists_ = std::vector<IdList<T, kLinks>>(1);
  size_t top_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_FLAT_RANK_ORDER_H_
