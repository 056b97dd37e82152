// A network namespace for one test, held by a thread. The namespace and its interfaces end with the object. It has no
// name, so that tests can run side by side.
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

  // False without privileges; the test should then be skipped.
  bool valid() const { return valid_; }
  pid_t tid() const { return tid_; }  // the thread to name in `ip link set DEV netns TID`

  // Runs `what` on the namespace's thread, and returns when that is done.
  void Do(const std::function<void()>& what) {
    std::promise<void> done;
    next_.set_value([&] {
      next_ = {};
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Runs a shell command in the namespace, and returns false if it fails. Code that runs within Do calls Run instead.
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
