// Asks a daemon again and again, on a thread of its own, so that nobody who shows what it says waits for it.
#ifndef WARP_TOOLS_WATCH_WATCHER_H_
#define WARP_TOOLS_WATCH_WATCHER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace warp::tools {

class Watcher {
 public:
  using Ask = std::function<absl::StatusOr<std::string>()>;
  // `now_s`: of the steady clock, when the answer came.
  using Take = std::function<void(double now_s, absl::StatusOr<std::string> answer)>;

  // Both are called on the thread, which blocks the signals that the caller blocks: `ask` once a second, or less often
  // where the answers are large, a second for each megabyte; and `take` with each answer.
  Watcher(Ask ask, Take take);
  ~Watcher();  // waits for the end of an `ask` that is under way

 private:
  void Run();

  const Ask ask_;
  const Take take_;
  std::mutex mutex_;
  std::condition_variable change_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_WATCH_WATCHER_H_
