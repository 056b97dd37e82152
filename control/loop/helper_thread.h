// A thread, or several, for calls that may block for as long as they like, so that the loop's thread never does. One
// thread makes them one after the other, several side by side; what each found is handed back to the loop's thread,
// which makes all calls of this class. It does not even wait for the lock that they share, since a system that is short
// of CPUs may stop a thread that holds it. It tries again in its next turn.
//
//   helper->Submit([name] {                         // on the helper thread
//     Result result = LookUp(name);
//     return [=] { Use(result); };                  // on the loop's thread, in RunFinished
//   });
#ifndef WARP_CONTROL_LOOP_HELPER_THREAD_H_
#define WARP_CONTROL_LOOP_HELPER_THREAD_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class HelperThread {
 public:
  using Finish = std::function<void()>;

  // `name`: at most 15 characters, for ps(1). There is one thread from the start, and up to `most` where calls wait.
  // Unavailable where the process is out of descriptors, or of threads.
  static absl::StatusOr<std::unique_ptr<HelperThread>> Start(const char* name, size_t most = 1);
  // Drops the calls that have not begun, and waits for none of the others: a thread in a call ends after it, or with
  // the process, and touches nothing of its owner.
  ~HelperThread();
  HelperThread(const HelperThread&) = delete;
  HelperThread& operator=(const HelperThread&) = delete;

  // What `call` captures must outlive the thread, thus be its own or shared. What `Finish` captures need only live
  // until this object ends.
  void Submit(std::function<Finish()> call);

  // Readable while calls have finished, or wait to be handed over.
  int fd() const;
  // Runs what they returned.
  void RunFinished();

  // Waits until all calls are made, or `patience` has passed. Serves set-up and shutdown only.
  void WaitUntilIdle(wire::Duration patience);

 private:
  struct Shared;
  HelperThread(const char* name, size_t most, std::shared_ptr<Shared> shared);
  absl::Status StartThread();
  void HandOver();
  // Asks again and again, with the lock, and at most for `patience`, also where another keeps the lock for longer.
  void LookUntil(wire::Duration patience, const std::function<bool()>& is_over);
  static void Run(const char* name, const std::shared_ptr<Shared>& shared);

  const char* const name_;
  const size_t most_;
  size_t threads_ = 0;
  std::deque<std::function<Finish()>> waiting_;  // calls that are not handed over yet
  const std::shared_ptr<Shared> shared_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_HELPER_THREAD_H_
