// A network namespace of a test's own, held by a thread: it and its interfaces end with the object. Nothing is named,
// so that tests run side by side.
#ifndef WARP_TESTS_CONTROL_NETWORK_NAMESPACE_H_
#define WARP_TESTS_CONTROL_NETWORK_NAMESPACE_H_

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>

namespace warp::control {

class NetworkNamespace {
 public:
  NetworkNamespace() : thread_([this] { Serve(); }) {
    Do([this] {
      tid_ = gettid();
      valid_ = unshare(CLONE_NEWNET) == 0;
      if (valid_) Run("ip link set lo up");
    });
  }
  ~NetworkNamespace() {
    next_.set_value(nullptr);
    thread_.join();
  }

  bool valid() const { return valid_; }  // false without privileges: skip the test
  pid_t tid() const { return tid_; }     // for `ip link set DEV netns TID`

  // Runs on the namespace's thread, and returns when it has.
  void Do(const std::function<void()>& what) {
    std::promise<void> done;
    next_.set_value([&] {
      next_ = {};
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  // A shell command there; false where it fails. From within Do call Run itself.
  bool Sh(const std::string& command) {
    bool good = false;
    Do([&] { good = Run(command); });
    return good;
  }
  static bool Run(const std::string& command) { return std::system(command.c_str()) == 0; }

 private:
  void Serve() {
    while (true) {
      const std::function<void()> what = next_.get_future().get();
      if (what == nullptr) return;
      what();
    }
  }

  bool valid_ = false;
  pid_t tid_ = 0;
  std::promise<std::function<void()>> next_;
  std::thread thread_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_NETWORK_NAMESPACE_H_
