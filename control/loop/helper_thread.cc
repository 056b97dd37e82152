#include "control/loop/helper_thread.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/thread.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

// The state that the threads share, under the mutex. Each helper keeps it alive for as long as it runs.
struct HelperThread::Shared {
  std::mutex mutex;
  std::condition_variable submitted;
  std::condition_variable changed;  // a call has ended, or a thread
  std::deque<std::function<Finish()>> calls;
  std::deque<Finish> finished;
  size_t calling = 0;  // threads in a call
  size_t running = 0;  // threads
  bool stop = false;
  os::UniqueFd bell;  // an eventfd, rung with each end of a call
};

void HelperThread::Run(const char* name, const std::shared_ptr<Shared>& shared) {
  os::NameThisThread(name);
  os::RunOnAnyCpu();
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->submitted.wait(lock, [&] { return shared->stop || !shared->calls.empty(); });
    if (shared->stop) break;
    std::function<Finish()> call = std::move(shared->calls.front());
    shared->calls.pop_front();
    ++shared->calling;
    lock.unlock();
    Finish finish = call();
    call = nullptr;  // and what it captured
    lock.lock();
    --shared->calling;
    shared->finished.push_back(std::move(finish));
    eventfd_write(shared->bell.get(), 1);
    shared->changed.notify_all();
  }
  --shared->running;
  shared->changed.notify_all();
}

absl::StatusOr<std::unique_ptr<HelperThread>> HelperThread::Start(const char* name, size_t most) {
  auto shared = std::make_shared<Shared>();
  shared->bell = os::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->bell) return os::ErrnoStatus(errno, "no helper thread");
  std::unique_ptr<HelperThread> helper(new HelperThread(name, most, std::move(shared)));
  if (absl::Status status = helper->StartThread(); !status.ok()) return status;
  return helper;
}

HelperThread::HelperThread(const char* name, size_t most, std::shared_ptr<Shared> shared)
    : name_(name), most_(most), shared_(std::move(shared)) {}

absl::Status HelperThread::StartThread() {
  {
    const std::lock_guard lock(shared_->mutex);
    ++shared_->running;
  }
  absl::StatusOr<std::thread> thread =
      os::StartThread([name = name_, shared = shared_] { Run(name, shared); });
  if (!thread.ok()) {
    const std::lock_guard lock(shared_->mutex);
    --shared_->running;
    return thread.status();
  }
  thread->detach();
  ++threads_;
  return absl::OkStatus();
}

HelperThread::~HelperThread() {
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->submitted.notify_all();
  shared_->changed.wait(lock, [&] { return shared_->running == shared_->calling; });
}

void HelperThread::Submit(std::function<Finish()> call) {
  bool busy = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->calls.push_back(std::move(call));
    shared_->submitted.notify_one();
    busy = shared_->calls.size() + shared_->calling > threads_;
  }
  // Where the system has none left, the call waits for the threads that there are.
  if (busy && threads_ < most_) StartThread().IgnoreError();
}

int HelperThread::fd() const { return shared_->bell.get(); }

void HelperThread::RunFinished() {
  std::deque<Finish> finished;
  {
    const std::lock_guard lock(shared_->mutex);
    eventfd_t rings;
    if (eventfd_read(shared_->bell.get(), &rings) != 0) return;
    finished.swap(shared_->finished);
  }
  for (const Finish& finish : finished) finish();
}

void HelperThread::WaitUntilIdle(wire::Duration patience) {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait_for(lock, patience,
                            [&] { return shared_->calls.empty() && shared_->calling == 0; });
}

}  // namespace warp::control
