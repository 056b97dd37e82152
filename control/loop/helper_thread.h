// A thread for calls that may block for as long as they like, so that the loop's thread never does. It makes them one
// after the other; what each found is handed back to the loop's thread, which makes all calls of this class.
//
//   helper->Submit([name] {                         // on the helper thread
//     Result result = LookUp(name);
//     return [=] { Use(result); };                  // on the loop's thread, in RunFinished
//   });
#ifndef WARP_CONTROL_LOOP_HELPER_THREAD_H_
#define WARP_CONTROL_LOOP_HELPER_THREAD_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class HelperThread {
 public:
  using Finish = std::function<void()>;

  // `name`: at most 15 characters, for ps(1). Unavailable where the process is out of descriptors, or of threads.
  static absl::StatusOr<std::unique_ptr<HelperThread>> Start(const char* name);
  // Drops the calls that have not begun, and joins the thread. One that hangs in a call for more than a second is left
  // to end by itself; nothing of its owner is touched by then.
  ~HelperThread();
  HelperThread(const HelperThread&) = delete;
  HelperThread& operator=(const HelperThread&) = delete;

  // What `call` captures must outlive the thread, thus be its own or shared. What `Finish` captures need only live
  // until this object ends.
  void Submit(std::function<Finish()> call);

  // Readable while calls have finished.
  int fd() const;
  // Runs what they returned.
  void RunFinished();

  // Waits until all calls are made, or `patience` has passed. Serves set-up and shutdown only.
  void WaitUntilIdle(wire::Duration patience);

 private:
  struct Shared;
  HelperThread(std::shared_ptr<Shared> shared, std::thread thread);
  static void Run(const char* name, const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_HELPER_THREAD_H_
