// Which thread may use an object: the rule that a comment states, checked where asserts are.
//
//   class Loop {
//     void Run() { assert(thread_.IsCurrent()); ... }
//     os::ThreadChecker thread_;
//   };
#ifndef WARP_DATAPLANE_OS_THREAD_CHECKER_H_
#define WARP_DATAPLANE_OS_THREAD_CHECKER_H_

#include <atomic>
#include <thread>

namespace warp::os {

// An object belongs to the first thread that asks, and to no other until it is detached. The checker is eight bytes in
// every build, so that the layout of its owner does not depend on NDEBUG.
class ThreadChecker {
 public:
  // Any thread. True for the thread that the object belongs to; where it belongs to none yet, the caller's from now on.
  bool IsCurrent() const {
    const std::thread::id self = std::this_thread::get_id();
    std::thread::id owner = owner_.load(std::memory_order_relaxed);
    if (owner == self) return true;
    return owner == std::thread::id() &&
           owner_.compare_exchange_strong(owner, self, std::memory_order_relaxed);
  }

  // The object is about to be handed to another thread: it belongs to the next one that asks. The caller sees to it
  // that nobody uses the object meanwhile.
  void Detach() { owner_.store(std::thread::id(), std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::thread::id> owner_{std::thread::id()};
};

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_THREAD_CHECKER_H_
