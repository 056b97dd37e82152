// A queue in one piece of memory. What leaves at the front leaves a hole there, which is closed when the memory is
// full. So a queue whose length hardly changes allocates nothing, while a std::deque of things of some hundred bytes
// takes and gives back memory at every fifth of them.
#ifndef WARP_CONTROL_BONDING_COMPACT_QUEUE_H_
#define WARP_CONTROL_BONDING_COMPACT_QUEUE_H_

#include <cstddef>
#include <type_traits>
#include <vector>

namespace warp::bonding {

// As a std::deque, but what points into it ends with every change.
template <typename T>
class CompactQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  bool empty() const { return front_ == items_.size(); }
  size_t size() const { return items_.size() - front_; }
  T* begin() { return items_.data() + front_; }
  T* end() { return items_.data() + items_.size(); }
  const T* begin() const { return items_.data() + front_; }
  const T* end() const { return items_.data() + items_.size(); }
  T& front() { return items_[front_]; }
  const T& front() const { return items_[front_]; }
  const T& back() const { return items_.back(); }

  void push_back(const T& item) {
    if (items_.size() == items_.capacity()) Close();
    items_.push_back(item);
  }
  void push_front(const T& item) {
    if (front_ == 0) Open();
    items_[--front_] = item;
  }
  void pop_front() {
    if (++front_ == items_.size()) clear();
  }
  void insert(T* place, const T& item) {
    const auto at = static_cast<size_t>(place - begin());
    if (items_.size() == items_.capacity()) Close();
    items_.insert(items_.begin() + static_cast<ptrdiff_t>(front_ + at), item);
  }
  void erase(T* place) {
    if (place == begin()) return pop_front();
    items_.erase(items_.begin() + (place - items_.data()));
  }
  void clear() {
    items_.clear();
    front_ = 0;
  }

 private:
  // A hole of less than half is not worth moving all the rest: the memory grows then.
  void Close() {
    if (front_ < items_.size() / 2 || front_ == 0) return;
    items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(front_));
    front_ = 0;
  }
  void Open() {
    const size_t hole = size() + 8;
    items_.insert(items_.begin(), hole, T());
    front_ = hole;
  }

  std::vector<T> items_;  // from front_ on
  size_t front_ = 0;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_COMPACT_QUEUE_H_
