#include "control/loop/helper_thread.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/thread.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

constexpr auto kJoinTime = std::chrono::seconds(1);

}  // namespace

// The state that both threads share, under the mutex. The helper keeps it alive for as long as it runs.
struct HelperThread::Shared {
  std::mutex mutex;
  std::condition_variable submitted;
  std::condition_variable changed;  // a call has ended, or the thread
  std::deque<std::function<Finish()>> calls;
  std::deque<Finish> finished;
  bool calling = false;
  bool stop = false;
  bool running = true;
  os::UniqueFd bell;  // an eventfd, rung with each end of a call
};

void HelperThread::Run(const char* name, const std::shared_ptr<Shared>& shared) {
  pthread_setname_np(pthread_self(), name);
  os::LeaveCpuOfParent();
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->submitted.wait(lock, [&] { return shared->stop || !shared->calls.empty(); });
    if (shared->stop) break;
    std::function<Finish()> call = std::move(shared->calls.front());
    shared->calls.pop_front();
    shared->calling = true;
    lock.unlock();
    Finish finish = call();
    call = nullptr;  // and what it captured
    lock.lock();
    shared->calling = false;
    shared->finished.push_back(std::move(finish));
    eventfd_write(shared->bell.get(), 1);
    shared->changed.notify_all();
  }
  shared->running = false;
  shared->changed.notify_all();
}

absl::StatusOr<std::unique_ptr<HelperThread>> HelperThread::Start(const char* name) {
  auto shared = std::make_shared<Shared>();
  shared->bell = os::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->bell) return os::ErrnoStatus(errno, "no helper thread");
  absl::StatusOr<std::thread> thread = os::StartThread([name, shared] { Run(name, shared); });
  if (!thread.ok()) return thread.status();
  return std::unique_ptr<HelperThread>(new HelperThread(shared, *std::move(thread)));
}

HelperThread::HelperThread(std::shared_ptr<Shared> shared, std::thread thread)
    : shared_(std::move(shared)), thread_(std::move(thread)) {}

HelperThread::~HelperThread() {
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->submitted.notify_all();
  const bool ended = shared_->changed.wait_for(lock, kJoinTime, [&] { return !shared_->running; });
  lock.unlock();
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();  // it hangs in a call, and ends after it or with the process
  }
}

void HelperThread::Submit(std::function<Finish()> call) {
  const std::lock_guard lock(shared_->mutex);
  shared_->calls.push_back(std::move(call));
  shared_->submitted.notify_one();
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
                            [&] { return shared_->calls.empty() && !shared_->calling; });
}

}  // namespace warp::control
